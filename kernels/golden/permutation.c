#include "archc_avx2.h"

/* a0: i32 [5], read */
/* a1: f32 [batch, T:5, D:24], read: x */
/* a2: f32 [batch, D:24], read: gate */
/* a3: f32 [batch, S:5, D:24], written: output */
/* i in S, j in D */
void map_mul_46ad50(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const int32_t *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  float *restrict a3 = args[3];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t b = p / 5;
    const int64_t i = p % 5;
    const int32_t x0 = a0[i];
    for (int64_t j = 0; j < 24; j += 8) {
      const vf prod0 = vload(a1 + b * 120 + j + x0 * 24) * vload(a2 + b * 24 + j);
      vstore(a3 + b * 120 + i * 24 + j, prod0);
    }
  }
}
