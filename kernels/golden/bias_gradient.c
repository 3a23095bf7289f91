#include "archc_avx2.h"

/* a0: f32 [batch, T:5, D:24], read: x */
/* a1: f32 [D:24], written: output */
/* i in D, j in (batch, T) */
void map_sum_c66acc(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  float *restrict a1 = args[1];
  (void)batch;
  const int64_t stop = end * 8 < 24 ? end * 8 : 24;
  int64_t i = begin * 8;
  for (; i + 8 <= stop; i += 8) {
    vf acc0 = vset(0.0f);
    for (int64_t j = 0; j < batch * 5; j++) acc0 = acc0 + vload(a0 + i + j * 24);
    vstore(a1 + i, acc0);
  }
  for (; i < stop; i++) {
    float acc0 = 0.0f;
    for (int64_t j = 0; j < batch * 5; j++) acc0 = acc0 + a0[i + j * 24];
    a1[i] = acc0;
  }
}
