#include "archc_avx2.h"

/* a0: f32 [batch, T:5, D:24], read: x */
/* a1: f32 [D:24], written: output */
void map_sum_23dc07(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  float *restrict a1 = args[1];
  (void)batch;
  const int64_t stop = end * 8 < 24 ? end * 8 : 24;
  int64_t d = begin * 8;
  for (; d + 8 <= stop; d += 8) {
    vf r0 = vset(0.0f);
    for (int64_t b_t = 0; b_t < batch * 5; b_t++) {
      const vf x0 = vload(a0 + d + b_t * 24);
      r0 = r0 + x0;
    }
    const vf x1 = r0;
    vstore(a1 + d, x1);
  }
  for (; d < stop; d++) {
    float r0 = 0.0f;
    for (int64_t b_t = 0; b_t < batch * 5; b_t++) {
      const float x0 = a0[d + b_t * 24];
      r0 = r0 + x0;
    }
    const float x1 = r0;
    a1[d] = x1;
  }
}
