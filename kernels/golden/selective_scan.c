#include "archc_avx2.h"

/* a0: f32 [batch, E:24, N:4], read: h */
/* a1: f32 [E:24, N:4], read: a */
/* a2: f32 [batch, T:9, N:4], read: c */
/* a3: f32 [batch, T:9, E:24], read: dt */
/* a4: f32 [batch, T:9, E:24], read: u */
/* a5: f32 [batch, T:9, N:4], read: b */
/* a6: f32 [batch, T:9, E:24], written: output */
/* i in E, j in N, k in T */
void scan_426542(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  const float *restrict a3 = args[3];
  const float *restrict a4 = args[4];
  const float *restrict a5 = args[5];
  float *restrict a6 = args[6];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t b = p / 3;
    int64_t i = p % 3 * 8;
    vf states0[4];
    #pragma GCC unroll 4
    for (int64_t j = 0; j < 4; j++) {
      vf x0 = {0};
      EACH_LANE x0[l] = a0[b * 96 + (i + l) * 4 + j];
      states0[j] = x0;
    }
    vf copies1[4];
    #pragma GCC unroll 4
    for (int64_t j = 0; j < 4; j++) {
      vf x1 = {0};
      EACH_LANE x1[l] = a1[(i + l) * 4 + j];
      copies1[j] = x1;
    }
    for (int64_t k = 0; k < 9; k++) {
      vf acc0 = vset(0.0f);
      const vf x3 = vload(a3 + b * 216 + i + k * 24);
      const vf prod0 = x3 * vload(a4 + b * 216 + i + k * 24);
      #pragma GCC unroll 4
      for (int64_t j = 0; j < 4; j++) {
        const vf sum0 = vexp(x3 * copies1[j]) * states0[j] + prod0 * vset(a5[b * 36 + k * 4 + j]);
        acc0 = acc0 + vset(a2[b * 36 + k * 4 + j]) * sum0;
        states0[j] = sum0;
      }
      vstore(a6 + b * 216 + i + k * 24, acc0);
    }
  }
}
