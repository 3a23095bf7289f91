#include "archc_avx2.h"

void scatter_817bfb(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  float *restrict a0 = args[0];
  const int32_t *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  (void)batch;
  const int64_t stop = end * 8 < 24 ? end * 8 : 24;
  int64_t i0 = begin * 8;
  for (; i0 + 8 <= stop; i0 += 8) {
    for (int64_t i1 = 0; i1 < 7; i1++) {
      vstore(a0 + i0 + i1 * 24, vset(0.0f));
    }
    for (int64_t i2 = 0; i2 < batch; i2++) {
      const int32_t x0 = a1[i2];
      const vf x1 = vload(a2 + i0 + i2 * 24);
      const vf x2 = vload(a0 + i0 + clamp(x0, 0, 6) * 24);
      const vf x3 = x2 + x1;
      vstore(a0 + i0 + clamp(x0, 0, 6) * 24, x3);
    }
  }
  for (; i0 < stop; i0++) {
    for (int64_t i1 = 0; i1 < 7; i1++) {
      a0[i0 + i1 * 24] = 0.0f;
    }
    for (int64_t i2 = 0; i2 < batch; i2++) {
      const int32_t x0 = a1[i2];
      const float x1 = a2[i0 + i2 * 24];
      const float x2 = a0[i0 + clamp(x0, 0, 6) * 24];
      const float x3 = x2 + x1;
      a0[i0 + clamp(x0, 0, 6) * 24] = x3;
    }
  }
}
