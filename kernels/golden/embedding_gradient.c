#include "archc_avx2.h"

/* a0: f32 [N:7, D:24], read and written: output */
/* a1: i32 [batch], read: label */
/* a2: f32 [batch, D:24], read: g */
/* i in D, j in N */
void scatter_e7a5fd(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  float *restrict a0 = args[0];
  const int32_t *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  (void)batch;
  const int64_t stop = end * 8 < 24 ? end * 8 : 24;
  int64_t i = begin * 8;
  for (; i + 8 <= stop; i += 8) {
    for (int64_t j = 0; j < 7; j++) vstore(a0 + i + j * 24, vset(0.0f));
    for (int64_t b = 0; b < batch; b++) {
      const int32_t x1 = a1[b];
      const vf sum0 = vload(a0 + i + clamp(x1, 0, 6) * 24) + vload(a2 + i + b * 24);
      vstore(a0 + i + clamp(x1, 0, 6) * 24, sum0);
    }
  }
  for (; i < stop; i++) {
    for (int64_t j = 0; j < 7; j++) a0[i + j * 24] = 0.0f;
    for (int64_t b = 0; b < batch; b++) {
      const int32_t x1 = a1[b];
      a0[i + clamp(x1, 0, 6) * 24] = a0[i + clamp(x1, 0, 6) * 24] + a2[i + b * 24];
    }
  }
}
