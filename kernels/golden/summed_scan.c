#include "archc_avx2.h"

void scan_d665f9(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  float *restrict a3 = args[3];
  float *restrict a4 = args[4];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t i0 = p / 3;
    int64_t i1 = p % 3 * 8;
    if (i1 + 8 <= 22) {
      vf m0[3];
      #pragma GCC unroll 3
      for (int64_t i2 = 0; i2 < 3; i2++) {
        vf x0 = {0};
        EACH_LANE x0[l] = a0[i0 * 66 + ((i1 + l)) * 3 + i2];
        m0[i2] = x0;
      }
      for (int64_t i3 = 0; i3 < 5; i3++) {
        vf r0 = vset(0.0f);
        const vf x3 = vload(a2 + i0 * 110 + i1 - i3 * 22 + 88);
        #pragma GCC unroll 3
        for (int64_t i4 = 0; i4 < 3; i4++) {
          const float x1 = a1[i0 * 15 - i3 * 3 + i4 + 12];
          const vf x2 = m0[i4];
          const vf x4 = x3 * vset(x1);
          const vf x5 = x2 + x4;
          const vf x6 = vset(x1) * x5;
          r0 = r0 + x6;
          m0[i4] = x5;
        }
        const vf x7 = r0;
        vstore(a3 + i0 * 110 + i1 - i3 * 22 + 88, x7);
        #pragma GCC unroll 3
        for (int64_t i5 = 0; i5 < 3; i5++) {
          const vf x8 = m0[i5];
          const vf x9 = x3 * x8;
          a4[i0 * 45 - i3 * 3 + i5 + ((i1) / 8) * 15 + 12] = vhsum(x9);
        }
      }
    } else {
      const int rest = 6;
      vf m0[3];
      #pragma GCC unroll 3
      for (int64_t i2 = 0; i2 < 3; i2++) {
        vf x0 = {0};
        EACH_LANE_BELOW(rest) x0[l] = a0[i0 * 66 + ((i1 + l)) * 3 + i2];
        m0[i2] = x0;
      }
      for (int64_t i3 = 0; i3 < 5; i3++) {
        vf r0 = vset(0.0f);
        const vf x3 = vloadn(a2 + i0 * 110 + i1 - i3 * 22 + 88, rest);
        #pragma GCC unroll 3
        for (int64_t i4 = 0; i4 < 3; i4++) {
          const float x1 = a1[i0 * 15 - i3 * 3 + i4 + 12];
          const vf x2 = m0[i4];
          const vf x4 = x3 * vset(x1);
          const vf x5 = x2 + x4;
          const vf x6 = vset(x1) * x5;
          r0 = r0 + x6;
          m0[i4] = x5;
        }
        const vf x7 = r0;
        vstoren(a3 + i0 * 110 + i1 - i3 * 22 + 88, x7, rest);
        #pragma GCC unroll 3
        for (int64_t i5 = 0; i5 < 3; i5++) {
          const vf x8 = m0[i5];
          const vf x9 = x3 * x8;
          a4[i0 * 45 - i3 * 3 + i5 + ((i1) / 8) * 15 + 12] = vhsum(vfirst(x9, rest, 0.0f));
        }
      }
    }
  }
}

void map_ec1caf(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  float *restrict a1 = args[1];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t i0 = p / 2;
    int64_t i2 = p % 2 * 8;
    if (i2 + 8 <= 15) {
      vf r0 = vset(0.0f);
      for (int64_t i3 = 0; i3 < 3; i3++) {
        const vf x0 = vload(a0 + i0 * 45 + i2 + i3 * 15);
        r0 = r0 + x0;
      }
      const vf x1 = r0;
      vstore(a1 + i0 * 15 + i2, x1);
    } else {
      const int rest = 7;
      vf r0 = vset(0.0f);
      for (int64_t i3 = 0; i3 < 3; i3++) {
        const vf x0 = vloadn(a0 + i0 * 45 + i2 + i3 * 15, rest);
        r0 = r0 + x0;
      }
      const vf x1 = r0;
      vstoren(a1 + i0 * 15 + i2, x1, rest);
    }
  }
}
