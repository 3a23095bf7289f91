#include "archc_avx2.h"

/* a0: i32 [batch], read: label */
/* a1: f32 [N:7, D:24], read: table */
/* a2: f32 [D:24], read: bias */
/* a3: f32 [batch, D:24], written: output */
/* i in D */
void map_gather_add_ff16ea(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const int32_t *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  float *restrict a3 = args[3];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t b = p;
    const int32_t x0 = a0[b];
    for (int64_t i = 0; i < 24; i += 8) {
      const vf sum0 = vload(a1 + i + clamp(x0, 0, 6) * 24) + vload(a2 + i);
      vstore(a3 + b * 24 + i, sum0);
    }
  }
}
