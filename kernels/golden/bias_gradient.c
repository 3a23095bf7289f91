#include "archc_avx2.h"

void map_sum_23dc07(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  float *restrict a1 = args[1];
  (void)batch;
  const int64_t stop = end * 8 < 24 ? end * 8 : 24;
  int64_t i0 = begin * 8;
  for (; i0 + 8 <= stop; i0 += 8) {
    vf r0 = vset(0.0f);
    for (int64_t i2 = 0; i2 < batch * 5; i2++) {
      const vf x0 = vload(a0 + i0 + i2 * 24);
      r0 = r0 + x0;
    }
    const vf x1 = r0;
    vstore(a1 + i0, x1);
  }
  for (; i0 < stop; i0++) {
    float r0 = 0.0f;
    for (int64_t i2 = 0; i2 < batch * 5; i2++) {
      const float x0 = a0[i0 + i2 * 24];
      r0 = r0 + x0;
    }
    const float x1 = r0;
    a1[i0] = x1;
  }
}
