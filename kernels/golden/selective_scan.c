#include "archc_avx2.h"

void scan_0e0a51(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  const float *restrict a3 = args[3];
  const float *restrict a4 = args[4];
  const float *restrict a5 = args[5];
  float *restrict a6 = args[6];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t i0 = p / 3;
    int64_t i1 = p % 3 * 8;
    vf m0[4];
    #pragma GCC unroll 4
    for (int64_t i2 = 0; i2 < 4; i2++) {
      vf x0 = {0};
      EACH_LANE x0[l] = a0[i0 * 96 + ((i1 + l)) * 4 + i2];
      m0[i2] = x0;
    }
    vf m1[4];
    #pragma GCC unroll 4
    for (int64_t i3 = 0; i3 < 4; i3++) {
      vf x1 = {0};
      EACH_LANE x1[l] = a1[((i1 + l)) * 4 + i3];
      m1[i3] = x1;
    }
    for (int64_t i4 = 0; i4 < 9; i4++) {
      vf r0 = vset(0.0f);
      const vf x3 = vload(a3 + i0 * 216 + i1 + i4 * 24);
      const vf x9 = vload(a4 + i0 * 216 + i1 + i4 * 24);
      const vf x10 = x3 * x9;
      #pragma GCC unroll 4
      for (int64_t i5 = 0; i5 < 4; i5++) {
        const float x2 = a2[i0 * 36 + i4 * 4 + i5];
        const vf x4 = m1[i5];
        const vf x5 = x3 * x4;
        const vf x6 = vexp(x5);
        const vf x7 = m0[i5];
        const vf x8 = x6 * x7;
        const float x11 = a5[i0 * 36 + i4 * 4 + i5];
        const vf x12 = x10 * vset(x11);
        const vf x13 = x8 + x12;
        const vf x14 = vset(x2) * x13;
        r0 = r0 + x14;
        m0[i5] = x13;
      }
      const vf x15 = r0;
      vstore(a6 + i0 * 216 + i1 + i4 * 24, x15);
    }
  }
}
