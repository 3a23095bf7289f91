#include "archc_avx2.h"

/* a0: f32 [batch, T:45, I:24], read: x */
/* a1: f32 [3, 24, 24], read */
/* a2: f32 [batch, T:45, O:72], read: beside */
/* a3: f32 [batch, T:45, O:72], written: output */
/* i in I, j in O */
void gemm_135x72x24_add_rsqrt_3295c1(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  float *restrict a3 = args[3];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t block = p;
    const int64_t row_end = clamp(-block * 28 + 135, 0, 28);
    _Alignas(64) float copies0[2016];
    for (int64_t panel = 0; panel < 3; panel++) {
      for (int64_t rows = 0; rows < (row_end + 3) / 4; rows++) {
        vf parts1[12];
        #pragma GCC unroll 4
        for (int64_t row = 0; row < 4; row++) {
          #pragma GCC unroll 3
          for (int64_t vector = 0; vector < 3; vector++) parts1[row * 3 + vector] = vset(0.0f);
        }
        for (int64_t i = 0; i < 24; i++) {
          vf copies2[3];
          #pragma GCC unroll 3
          for (int64_t vector = 0; vector < 3; vector++) {
            copies2[vector] = vload(a1 + panel * 576 + i * 24 + vector * 8);
          }
          #pragma GCC unroll 4
          for (int64_t row = 0; row < 4; row++) {
            const float x0 = a0[i + row * 24 + clamp(block * 28 + rows * 4, 0, 131) * 24];
            #pragma GCC unroll 3
            for (int64_t vector = 0; vector < 3; vector++) {
              const vf sum0 = parts1[row * 3 + vector] + vset(x0) * copies2[vector];
              parts1[row * 3 + vector] = sum0;
            }
          }
        }
        #pragma GCC unroll 4
        for (int64_t row = 0; row < 4; row++) {
          #pragma GCC unroll 3
          for (int64_t vector = 0; vector < 3; vector++) {
            vstore(copies0 + panel * 24 + row * 72 + vector * 8 + clamp(block * 28 + rows * 4, 0, 131) * 72 - block * 2016, parts1[row * 3 + vector]);
          }
        }
      }
    }
    for (int64_t row = 0; row < row_end; row++) {
      float acc0 = 0.0f;
      {
        vf acc0v = vset(0.0f);
        for (int64_t j = 0; j < 72; j += 8) {
          const vf sum1 = vload(a2 + block * 2016 + row * 72 + j) + vload(copies0 + row * 72 + j);
          acc0v = acc0v + sum1 * sum1;
        }
        acc0 = acc0 + vhsum(acc0v);
      }
      const float prod0 = 8.485281f * (1.0f / ssqrt(0.00072f + acc0));
      for (int64_t j = 0; j < 72; j += 8) {
        const vf sum2 = vload(a2 + block * 2016 + row * 72 + j) + vload(copies0 + row * 72 + j);
        vstore(a3 + block * 2016 + row * 72 + j, vset(prod0) * sum2);
      }
    }
  }
}
