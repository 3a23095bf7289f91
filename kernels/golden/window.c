#include "archc_avx2.h"

/* a0: f32 [batch, T:9, D:24], read: x */
/* a1: f32 [D:24, K:4], read: weight */
/* a2: f32 [batch, W:9, D:24], written: output */
/* i in D, j in W */
void window_dot_add719(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  float *restrict a2 = args[2];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t b = p / 3;
    int64_t i = p % 3 * 8;
    vf x1 = {0};
    EACH_LANE x1[l] = a1[(i + l) * 4];
    vf x1_2 = {0};
    EACH_LANE x1_2[l] = a1[(i + l) * 4 + 1];
    vf x1_3 = {0};
    EACH_LANE x1_3[l] = a1[(i + l) * 4 + 2];
    vf x1_4 = {0};
    EACH_LANE x1_4[l] = a1[(i + l) * 4 + 3];
    for (int64_t j = 0; j < 9; j++) {
      const vf chosen0 = vsel(vmset((int32_t)(j - 3) == (int32_t)clamp(j - 3, 0, 8)), vload(a0 + b * 216 + i + clamp(j - 3, 0, 8) * 24), vset(0.0f));
      const vf chosen1 = vsel(vmset((int32_t)(j - 2) == (int32_t)clamp(j - 2, 0, 8)), vload(a0 + b * 216 + i + clamp(j - 2, 0, 8) * 24), vset(0.0f));
      const vf chosen2 = vsel(vmset((int32_t)(j - 1) == (int32_t)clamp(j - 1, 0, 8)), vload(a0 + b * 216 + i + clamp(j - 1, 0, 8) * 24), vset(0.0f));
      const vf sum0 = chosen0 * x1 + chosen1 * x1_2 + chosen2 * x1_3 + vload(a0 + b * 216 + i + j * 24) * x1_4;
      vstore(a2 + b * 216 + i + j * 24, sum0);
    }
  }
}
