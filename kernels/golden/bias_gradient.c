#include "archc_avx2.h"

/* a0: f32 [batch, T:5, D:24], read: x */
/* a1: f32 [D:24], written: output */
/* i in D, j in (batch, T) */
void map_sum_23dc07(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  float *restrict a1 = args[1];
  (void)batch;
  const int64_t stop = end * 8 < 24 ? end * 8 : 24;
  int64_t i = begin * 8;
  for (; i + 8 <= stop; i += 8) {
    vf r0 = vset(0.0f);
    for (int64_t j = 0; j < batch * 5; j++) {
      const vf x0 = vload(a0 + i + j * 24);
      r0 = r0 + x0;
    }
    const vf x1 = r0;
    vstore(a1 + i, x1);
  }
  for (; i < stop; i++) {
    float r0 = 0.0f;
    for (int64_t j = 0; j < batch * 5; j++) {
      const float x0 = a0[i + j * 24];
      r0 = r0 + x0;
    }
    const float x1 = r0;
    a1[i] = x1;
  }
}
