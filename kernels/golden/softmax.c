#include "archc_avx2.h"

void row_max_sub_exp_d7ce5a(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  float *restrict a1 = args[1];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t i1 = p;
    float r0 = (-__builtin_inff());
    {
      int64_t i2 = 0;
      vf r0v = vset((-__builtin_inff()));
      for (; i2 + 8 <= 17; i2 += 8) {
        const vf x0 = vload(a0 + i1 * 17 + i2);
        r0v = vmax(r0v, x0);
      }
      r0 = smax(r0, vhmax(r0v));
      for (; i2 < 17; i2++) {
        const float x0 = a0[i1 * 17 + i2];
        r0 = smax(r0, x0);
      }
    }
    const float x1 = r0;
    float m0[17];
    float r1 = 0.0f;
    {
      int64_t i3 = 0;
      vf r1v = vset(0.0f);
      for (; i3 + 8 <= 17; i3 += 8) {
        const vf x2 = vload(a0 + i1 * 17 + i3);
        const vf x3 = x2 - vset(x1);
        const vf x4 = vexp(x3);
        r1v = r1v + x4;
        vstore(m0 + i3, x4);
      }
      r1 = r1 + vhsum(r1v);
      for (; i3 < 17; i3++) {
        const float x2 = a0[i1 * 17 + i3];
        const float x3 = x2 - x1;
        const float x4 = sexp(x3);
        r1 = r1 + x4;
        m0[i3] = x4;
      }
    }
    const float x5 = r1;
    {
      int64_t i4 = 0;
      for (; i4 + 8 <= 17; i4 += 8) {
        const vf x6 = vload(m0 + i4);
        const vf x7 = x6 / vset(x5);
        vstore(a1 + i1 * 17 + i4, x7);
      }
      for (; i4 < 17; i4++) {
        const float x6 = m0[i4];
        const float x7 = x6 / x5;
        a1[i1 * 17 + i4] = x7;
      }
    }
  }
}
