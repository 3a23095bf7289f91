#include "archc_avx2.h"

/* a0: f32 [batch, T:5, D:40], read: x */
/* a1: f32 [batch, T:5, D:40], written: output */
/* i in (batch, T), j in D */
void row_sum_sub_mul_e12b36(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  float *restrict a1 = args[1];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t i = p;
    float r0 = 0.0f;
    {
      int64_t j = 0;
      vf r0v = vset(0.0f);
      for (; j + 8 <= 40; j += 8) {
        const vf x0 = vload(a0 + i * 40 + j);
        r0v = r0v + x0;
      }
      r0 = r0 + vhsum(r0v);
    }
    const float x1 = r0;
    float r1 = 0.0f;
    const float x3 = x1 * 0.025f;
    {
      int64_t j = 0;
      vf r1v = vset(0.0f);
      for (; j + 8 <= 40; j += 8) {
        const vf x2 = vload(a0 + i * 40 + j);
        const vf x4 = x2 - vset(x3);
        const vf x5 = x4 * x4;
        r1v = r1v + x5;
      }
      r1 = r1 + vhsum(r1v);
    }
    const float x6 = r1;
    const float x9 = x6 * 0.025f;
    const float x10 = x9 + 1e-6f;
    const float x11 = ssqrt(x10);
    const float x12 = 1.0f / x11;
    {
      int64_t j = 0;
      for (; j + 8 <= 40; j += 8) {
        const vf x7 = vload(a0 + i * 40 + j);
        const vf x8 = x7 - vset(x3);
        const vf x13 = x8 * vset(x12);
        vstore(a1 + i * 40 + j, x13);
      }
    }
  }
}
