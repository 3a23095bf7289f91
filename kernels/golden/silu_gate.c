#include "archc_avx2.h"

/* a0: f32 [batch, T:5, D:24], read: x */
/* a1: f32 [batch, T:5, D:24], read: z */
/* a2: f32 [batch, T:5, D:24], written: output */
/* i in (batch, T, D) */
void map_sigmoid_mul_db68d4(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  float *restrict a2 = args[2];
  (void)batch;
  const int64_t stop = end * 8 < batch * 120 ? end * 8 : batch * 120;
  int64_t i = begin * 8;
  for (; i + 8 <= stop; i += 8) {
    const vf x1 = vload(a1 + i);
    vstore(a2 + i, vload(a0 + i) * (x1 * vsigmoid(x1)));
  }
  for (; i < stop; i++) {
    const float x1 = a1[i];
    a2[i] = a0[i] * (x1 * ssigmoid(x1));
  }
}
