#include "archc_avx2.h"

/* a0: f32 [O:72, I:24], read: weight */
/* a1: f32 [3, 24, 24], written */
void pack_24x72_bcdb2d(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  float *restrict a1 = args[1];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t panel = p;
    for (int64_t row = 0; row < 24; row += 8) {
      for (int64_t column = 0; column < 24; column++) {
        const vf x0 = vload(a0 + panel * 576 + row + column * 24);
        EACH_LANE a1[panel * 576 + (row + l) * 24 + column] = x0[l];
      }
    }
  }
}

/* a0: f32 [batch, T:45, I:24], read: x */
/* a1: f32 [3, 24, 24], read */
/* a2: f32 [batch, T:45, O:72], read: beside */
/* a3: f32 [O:72], read: bias */
/* a4: f32 [batch, T:45, O:72], written: output */
/* i in I, j in O */
void gemm_135x72x24_add_sigmoid_c862d3(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  const float *restrict a3 = args[3];
  float *restrict a4 = args[4];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t block = p / 3;
    const int64_t panel = p % 3;
    const int64_t row_end = clamp(-block * 28 + 135, 0, 28);
    _Alignas(64) float copies0[672];
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
          vstore(copies0 + row * 24 + vector * 8 + clamp(block * 28 + rows * 4, 0, 131) * 24 - block * 672, parts1[row * 3 + vector]);
        }
      }
    }
    for (int64_t row = 0; row < row_end; row++) {
      for (int64_t j = 0; j < 24; j += 8) {
        const vf x2 = vload(a2 + block * 2016 + panel * 24 + row * 72 + j);
        const vf sum1 = vload(copies0 + row * 24 + j) + vload(a3 + panel * 24 + j);
        vstore(a4 + block * 2016 + panel * 24 + row * 72 + j, x2 + sum1 * vsigmoid(sum1));
      }
    }
  }
}
