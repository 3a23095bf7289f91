#include "archc_avx2.h"

/* a0: f32 [batch, T:20, H:2, K:16], read: q */
/* a1: f32 [batch, S:40, H:2, K:16], read: k */
/* a2: f32 [batch, S:40, H:2, K:16], read: v */
/* a3: f32 [batch, T:20, H:2, K:16], written: output */
/* i in H, j in K, k in T, n in S */
void attention_dot_85ebef(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  float *restrict a3 = args[3];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t b = p / 6;
    const int64_t i = p / 3 % 2;
    const int64_t block = p % 3;
    const int64_t k_end = clamp(-block * 8 + 20, 1, 8);
    _Alignas(64) float copies0[128];
    for (int64_t j = 0; j < 16; j++) {
      vf x0 = {0};
      EACH_LANE x0[l] = a0[b * 640 + i * 16 + j + clamp(block * 8 + l, 0, 19) * 32];
      vstore(copies0 + j * 8, x0);
    }
    _Alignas(64) float copies1[8];
    _Alignas(64) float copies2[8];
    _Alignas(64) float copies3[128];
    _Alignas(64) float values4[320];
    for (int64_t rows = 0; rows < 5; rows++) {
      vf parts5[8];
      #pragma GCC unroll 8
      for (int64_t row = 0; row < 8; row++) parts5[row] = vset(0.0f);
      for (int64_t j = 0; j < 16; j++) {
        const vf copy0 = vload(copies0 + j * 8);
        #pragma GCC unroll 8
        for (int64_t row = 0; row < 8; row++) {
          const vf prod0 = vset(a1[b * 1280 + i * 16 + rows * 256 + j + row * 32]) * copy0;
          parts5[row] = parts5[row] + prod0;
        }
      }
      #pragma GCC unroll 8
      for (int64_t row = 0; row < 8; row++) vstore(values4 + rows * 64 + row * 8, parts5[row]);
    }
    vf acc0 = vset(-__builtin_inff());
    for (int64_t n = 0; n < 40; n++) acc0 = vmax(acc0, vload(values4 + n * 8) * vset(0.25f));
    const vf largest0 = acc0;
    vf acc1 = vset(0.0f);
    for (int64_t n = 0; n < 40; n++) {
      const vf exp0 = vexp(vload(values4 + n * 8) * vset(0.25f) - largest0);
      acc1 = acc1 + exp0;
      vstore(values4 + n * 8, exp0);
    }
    vstore(copies1, acc1);
    for (int64_t rows = 0; rows < (k_end + 3) / 4; rows++) {
      vf parts6[8];
      #pragma GCC unroll 4
      for (int64_t row = 0; row < 4; row++) {
        #pragma GCC unroll 2
        for (int64_t vector = 0; vector < 2; vector++) parts6[row * 2 + vector] = vset(0.0f);
      }
      for (int64_t n = 0; n < 40; n++) {
        vf copies7[2];
        #pragma GCC unroll 2
        for (int64_t vector = 0; vector < 2; vector++) {
          const vf x2 = vload(a2 + b * 1280 + i * 16 + n * 32 + vector * 8);
          copies7[vector] = x2;
        }
        #pragma GCC unroll 4
        for (int64_t row = 0; row < 4; row++) {
          const float value4 = values4[n * 8 + clamp(block * 8 + rows * 4 + row, 0, 19) - block * 8];
          #pragma GCC unroll 2
          for (int64_t vector = 0; vector < 2; vector++) {
            const vf sum0 = parts6[row * 2 + vector] + vset(value4) * copies7[vector];
            parts6[row * 2 + vector] = sum0;
          }
        }
      }
      #pragma GCC unroll 4
      for (int64_t row = 0; row < 4; row++) {
        #pragma GCC unroll 2
        for (int64_t vector = 0; vector < 2; vector++) {
          vstore(copies3 + vector * 8 + clamp(block * 8 + rows * 4 + row, 0, 19) * 16 - block * 128, parts6[row * 2 + vector]);
        }
      }
    }
    vstore(copies2, vset(1.0f) / vload(copies1));
    for (int64_t k = 0; k < k_end; k++) {
      for (int64_t j = 0; j < 16; j += 8) {
        vstore(a3 + b * 640 + i * 16 + block * 256 + k * 32 + j, vload(copies3 + k * 16 + j) * vset(copies2[k]));
      }
    }
  }
}
