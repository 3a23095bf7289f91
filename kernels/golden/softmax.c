#include "archc_avx2.h"

/* a0: f32 [batch, T:5, S:17], read: x */
/* a1: f32 [batch, T:5, S:17], written: output */
/* i in (batch, T), j in S */
void row_max_sub_exp_6b1595(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  float *restrict a1 = args[1];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t i = p;
    float r0 = (-__builtin_inff());
    {
      int64_t j = 0;
      vf r0v = vset((-__builtin_inff()));
      for (; j + 8 <= 17; j += 8) {
        const vf x0 = vload(a0 + i * 17 + j);
        r0v = vmax(r0v, x0);
      }
      r0 = smax(r0, vhmax(r0v));
      for (; j < 17; j++) {
        const float x0 = a0[i * 17 + j];
        r0 = smax(r0, x0);
      }
    }
    const float x1 = r0;
    _Alignas(64) float m0[17];
    float r1 = 0.0f;
    {
      int64_t j = 0;
      vf r1v = vset(0.0f);
      for (; j + 8 <= 17; j += 8) {
        const vf x2 = vload(a0 + i * 17 + j);
        const vf x3 = x2 - vset(x1);
        const vf x4 = vexp(x3);
        r1v = r1v + x4;
        vstore(m0 + j, x4);
      }
      r1 = r1 + vhsum(r1v);
      for (; j < 17; j++) {
        const float x2 = a0[i * 17 + j];
        const float x3 = x2 - x1;
        const float x4 = sexp(x3);
        r1 = r1 + x4;
        m0[j] = x4;
      }
    }
    const float x5 = r1;
    {
      int64_t j = 0;
      for (; j + 8 <= 17; j += 8) {
        const vf x6 = vload(m0 + j);
        const vf x7 = x6 / vset(x5);
        vstore(a1 + i * 17 + j, x7);
      }
      for (; j < 17; j++) {
        const float x6 = m0[j];
        const float x7 = x6 / x5;
        a1[i * 17 + j] = x7;
      }
    }
  }
}
