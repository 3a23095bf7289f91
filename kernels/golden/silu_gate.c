#include "archc_avx2.h"

/* a0: f32 [batch, T:5, D:24], read: x */
/* a1: f32 [batch, T:5, D:24], read: z */
/* a2: f32 [batch, T:5, D:24], written: output */
/* i in (batch, T, D) */
void map_sigmoid_mul_93873b(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  float *restrict a2 = args[2];
  (void)batch;
  const int64_t stop = end * 8 < batch * 120 ? end * 8 : batch * 120;
  int64_t i = begin * 8;
  for (; i + 8 <= stop; i += 8) {
    const vf x0 = vload(a0 + i);
    const vf x1 = vload(a1 + i);
    const vf x2 = vsigmoid(x1);
    const vf x3 = x1 * x2;
    const vf x4 = x0 * x3;
    vstore(a2 + i, x4);
  }
  for (; i < stop; i++) {
    const float x0 = a0[i];
    const float x1 = a1[i];
    const float x2 = ssigmoid(x1);
    const float x3 = x1 * x2;
    const float x4 = x0 * x3;
    a2[i] = x4;
  }
}
