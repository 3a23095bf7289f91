#include "archc_avx2.h"

/* a0: f32 [batch, T:5, D:40], read: x */
/* a1: f32 [batch, T:5, D:40], written: output */
/* i in (batch, T), j in D */
void row_sum_sub_mul_8b0b77(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  float *restrict a1 = args[1];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t i = p;
    float acc0 = 0.0f;
    {
      vf acc0v = vset(0.0f);
      for (int64_t j = 0; j < 40; j += 8) acc0v = acc0v + vload(a0 + i * 40 + j);
      acc0 = acc0 + vhsum(acc0v);
    }
    float acc1 = 0.0f;
    const float prod0 = acc0 * 0.025f;
    {
      vf acc1v = vset(0.0f);
      for (int64_t j = 0; j < 40; j += 8) {
        const vf diff0 = vload(a0 + i * 40 + j) - vset(prod0);
        acc1v = acc1v + diff0 * diff0;
      }
      acc1 = acc1 + vhsum(acc1v);
    }
    const float inverse0 = 1.0f / ssqrt(acc1 * 0.025f + 1e-6f);
    for (int64_t j = 0; j < 40; j += 8) {
      const vf prod1 = (vload(a0 + i * 40 + j) - vset(prod0)) * vset(inverse0);
      vstore(a1 + i * 40 + j, prod1);
    }
  }
}
