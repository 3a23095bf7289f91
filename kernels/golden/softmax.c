#include "archc_avx2.h"

/* a0: f32 [batch, T:5, S:17], read: x */
/* a1: f32 [batch, T:5, S:17], written: output */
/* i in (batch, T), j in S */
void row_max_sub_exp_f6aa8b(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  float *restrict a1 = args[1];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t i = p;
    float acc0 = -__builtin_inff();
    {
      int64_t j = 0;
      vf acc0v = vset(-__builtin_inff());
      for (; j + 8 <= 17; j += 8) acc0v = vmax(acc0v, vload(a0 + i * 17 + j));
      acc0 = smax(acc0, vhmax(acc0v));
      for (; j < 17; j++) acc0 = smax(acc0, a0[i * 17 + j]);
    }
    const float largest0 = acc0;
    _Alignas(64) float copies0[17];
    float acc1 = 0.0f;
    {
      int64_t j = 0;
      vf acc1v = vset(0.0f);
      for (; j + 8 <= 17; j += 8) {
        const vf exp0 = vexp(vload(a0 + i * 17 + j) - vset(largest0));
        acc1v = acc1v + exp0;
        vstore(copies0 + j, exp0);
      }
      acc1 = acc1 + vhsum(acc1v);
      for (; j < 17; j++) {
        const float exp0 = sexp(a0[i * 17 + j] - largest0);
        acc1 = acc1 + exp0;
        copies0[j] = exp0;
      }
    }
    const float total1 = acc1;
    {
      int64_t j = 0;
      for (; j + 8 <= 17; j += 8) vstore(a1 + i * 17 + j, vload(copies0 + j) / vset(total1));
      for (; j < 17; j++) a1[i * 17 + j] = copies0[j] / total1;
    }
  }
}
