#include "archc_avx2.h"

/* a0: f32 [batch, T.chunk:32, E:3], read */
/* a1: f32 [batch, T:1024, E:3], read: x */
/* a2: f32 [batch, T:1024, E:3], read: g */
/* a3: f32 [batch, T.chunk:32, T.step:32, E:3], written: output */
/* i in E, j in T.chunk, k in T.step */
void scan_157b4f(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  float *restrict a3 = args[3];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t b = p / 12;
    const int64_t i = p / 4 % 3;
    int64_t j = p % 4 * 8;
    vf states0[1];
    vf x0 = {0};
    EACH_LANE x0[l] = a0[b * 96 + i + (j + l) * 3];
    states0[0] = x0;
    for (int64_t k = 0; k < 32; k++) {
      vf x1 = {0};
      EACH_LANE x1[l] = a1[b * 3072 + i + (j + l) * 96 + k * 3];
      vf x2 = {0};
      EACH_LANE x2[l] = a2[b * 3072 + i + (j + l) * 96 + k * 3];
      const vf sum0 = x1 + x2 * states0[0];
      EACH_LANE a3[b * 3072 + i + (j + l) * 96 + k * 3] = sum0[l];
      states0[0] = sum0;
    }
  }
}
