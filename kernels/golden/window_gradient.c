#include "archc_avx2.h"

/* a0: f32 [batch, W:9, D:24], read: g */
/* a1: f32 [batch, T:9, D:24], read: x */
/* a2: f32 [K:4, D:24], written: output */
/* i in K, j in D, k in W */
void map_dot_d23cce(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  float *restrict a2 = args[2];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t i = p / 3;
    int64_t j = p % 3 * 8;
    vf acc0 = vset(0.0f);
    for (int64_t b = 0; b < batch; b++) {
      for (int64_t k = 0; k < 9; k++) {
        const vf x1 = vload(a1 + j + b * 216 + clamp(i + k - 3, 0, 8) * 24);
        const sm is_equal0 = (int32_t)(i + k - 3) == (int32_t)clamp(i + k - 3, 0, 8);
        const vf prod0 = vload(a0 + j + b * 216 + k * 24) * vsel(vmset(is_equal0), x1, vset(0.0f));
        acc0 = acc0 + prod0;
      }
    }
    vstore(a2 + i * 24 + j, acc0);
  }
}
