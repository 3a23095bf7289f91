#include "archc_avx2.h"

/* a0: f32 [batch, T:9, D:24], read: x */
/* a1: f32 [D:24, K:4], read: weight */
/* a2: f32 [batch, W:9, D:24], written: output */
/* i in D, j in W */
void window_dot_55ad60(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  float *restrict a2 = args[2];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t b = p / 3;
    int64_t i = p % 3 * 8;
    vf x5 = {0};
    EACH_LANE x5[l] = a1[((i + l)) * 4];
    vf x12 = {0};
    EACH_LANE x12[l] = a1[((i + l)) * 4 + 1];
    vf x20 = {0};
    EACH_LANE x20[l] = a1[((i + l)) * 4 + 2];
    vf x24 = {0};
    EACH_LANE x24[l] = a1[((i + l)) * 4 + 3];
    for (int64_t j = 0; j < 9; j++) {
      const vf x0 = vload(a0 + b * 216 + i + clamp(j - 3, 0, 8) * 24);
      const int32_t x1 = (int32_t)(j - 3);
      const int32_t x2 = (int32_t)(clamp(j - 3, 0, 8));
      const sm x3 = x1 == x2;
      const vf x4 = vsel(vmset(x3), x0, vset(0.0f));
      const vf x6 = x4 * x5;
      const vf x7 = vload(a0 + b * 216 + i + clamp(j - 2, 0, 8) * 24);
      const int32_t x8 = (int32_t)(j - 2);
      const int32_t x9 = (int32_t)(clamp(j - 2, 0, 8));
      const sm x10 = x8 == x9;
      const vf x11 = vsel(vmset(x10), x7, vset(0.0f));
      const vf x13 = x11 * x12;
      const vf x14 = x6 + x13;
      const vf x15 = vload(a0 + b * 216 + i + clamp(j - 1, 0, 8) * 24);
      const int32_t x16 = (int32_t)(j - 1);
      const int32_t x17 = (int32_t)(clamp(j - 1, 0, 8));
      const sm x18 = x16 == x17;
      const vf x19 = vsel(vmset(x18), x15, vset(0.0f));
      const vf x21 = x19 * x20;
      const vf x22 = x14 + x21;
      const vf x23 = vload(a0 + b * 216 + i + j * 24);
      const vf x25 = x23 * x24;
      const vf x26 = x22 + x25;
      vstore(a2 + b * 216 + i + j * 24, x26);
    }
  }
}
