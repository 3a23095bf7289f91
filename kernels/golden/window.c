#include "archc_avx2.h"

/* a0: f32 [batch, T:9, D:24], read */
/* a1: f32 [D:24, K:4], read */
/* a2: f32 [batch, W:9, D:24], written */
void map_dot_0c38ff(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  float *restrict a2 = args[2];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t b = p / 27;
    const int64_t w = p / 3 % 9;
    int64_t d = p % 3 * 8;
    vf r0 = vset(0.0f);
    for (int64_t k = 0; k < 4; k++) {
      const vf x0 = vload(a0 + b * 216 + d + clamp(w + k - 3, 0, 8) * 24);
      const int32_t x1 = (int32_t)(w + k - 3);
      const int32_t x2 = (int32_t)(clamp(w + k - 3, 0, 8));
      const sm x3 = x1 == x2;
      const vf x4 = vsel(vmset(x3), x0, vset(0.0f));
      vf x5 = {0};
      EACH_LANE x5[l] = a1[((d + l)) * 4 + k];
      const vf x6 = x4 * x5;
      r0 = r0 + x6;
    }
    const vf x7 = r0;
    vstore(a2 + b * 216 + w * 24 + d, x7);
  }
}
