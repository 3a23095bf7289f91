#include "archc_avx2.h"

/* a0: f32 [batch, H:2, S:40, K:16], read and written: grad.v */
/* a1: f32 [batch, H:2, S:40, K:16], read and written: grad.k */
/* a2: f32 [batch, H:2, T:20, K:16], read: q */
/* a3: f32 [batch, H:2, T:20, K:16], read: output.grad */
/* a4: f32 [batch, H:2, T:20, K:16], read: output */
/* a5: f32 [batch, H:2, S:40, K:16], read: k */
/* a6: f32 [batch, H:2, S:40, K:16], read: v */
/* a7: f32 [batch, H:2, T:20], read */
/* a8: f32 [batch, H:2, T:20], read */
/* a9: f32 [batch, H:2, T:20, K:16], written: grad.q */
/* i in (batch, H), j in (S, K), k in K, n in T, s in S */
void attention_gradient_dot_mul_max_827d98(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  float *restrict a0 = args[0];
  float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  const float *restrict a3 = args[3];
  const float *restrict a4 = args[4];
  const float *restrict a5 = args[5];
  const float *restrict a6 = args[6];
  const float *restrict a7 = args[7];
  const float *restrict a8 = args[8];
  float *restrict a9 = args[9];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t i = p;
    for (int64_t j = 0; j < 640; j += 8) vstore(a0 + i * 640 + j, vset(0.0f));
    for (int64_t j = 0; j < 640; j += 8) vstore(a1 + i * 640 + j, vset(0.0f));
    for (int64_t block = 0; block < 3; block++) {
      const int64_t n_end = clamp(-block * 8 + 20, 1, 8);
      _Alignas(64) float copies0[128];
      for (int64_t k = 0; k < 16; k++) {
        vf x2 = {0};
        EACH_LANE x2[l] = a2[i * 320 + k + clamp(block * 8 + l, 0, 19) * 16];
        vstore(copies0 + k * 8, x2);
      }
      _Alignas(64) float copies1[128];
      for (int64_t k = 0; k < 16; k++) {
        vf x3 = {0};
        EACH_LANE x3[l] = a3[i * 320 + k + clamp(block * 8 + l, 0, 19) * 16];
        vstore(copies1 + k * 8, x3);
      }
      _Alignas(64) float copies2[8];
      for (int64_t row = 0; row < 8; row++) {
        float acc0 = 0.0f;
        {
          vf acc0v = vset(0.0f);
          for (int64_t k = 0; k < 16; k += 8) {
            const vf x3_2 = vload(a3 + i * 320 + k + clamp(block * 8 + row, 0, 19) * 16);
            const vf x4 = vload(a4 + i * 320 + k + clamp(block * 8 + row, 0, 19) * 16);
            acc0v = acc0v + x3_2 * x4;
          }
          acc0 = acc0 + vhsum(acc0v);
        }
        copies2[row] = acc0;
      }
      _Alignas(64) float values3[128];
      for (int64_t i14 = 0; i14 < 128; i14 += 8) vstore(values3 + i14, vset(0.0f));
      _Alignas(64) float values4[320];
      _Alignas(64) float values5[320];
      for (int64_t rows = 0; rows < 5; rows++) {
        vf parts6[8];
        #pragma GCC unroll 8
        for (int64_t row = 0; row < 8; row++) parts6[row] = vset(0.0f);
        for (int64_t k = 0; k < 16; k++) {
          const vf copy0 = vload(copies0 + k * 8);
          #pragma GCC unroll 8
          for (int64_t row = 0; row < 8; row++) {
            const vf prod0 = vset(a5[i * 640 + rows * 128 + k + row * 16]) * copy0;
            parts6[row] = parts6[row] + prod0;
          }
        }
        #pragma GCC unroll 8
        for (int64_t row = 0; row < 8; row++) vstore(values4 + rows * 64 + row * 8, parts6[row]);
      }
      for (int64_t rows = 0; rows < 5; rows++) {
        vf parts7[8];
        #pragma GCC unroll 8
        for (int64_t row = 0; row < 8; row++) parts7[row] = vset(0.0f);
        for (int64_t k = 0; k < 16; k++) {
          const vf copy1 = vload(copies1 + k * 8);
          #pragma GCC unroll 8
          for (int64_t row = 0; row < 8; row++) {
            const vf prod1 = vset(a6[i * 640 + rows * 128 + k + row * 16]) * copy1;
            parts7[row] = parts7[row] + prod1;
          }
        }
        #pragma GCC unroll 8
        for (int64_t row = 0; row < 8; row++) vstore(values5 + rows * 64 + row * 8, parts7[row]);
      }
      vf x7 = {0};
      EACH_LANE x7[l] = a7[i * 20 + clamp(block * 8 + l, 0, 19)];
      const vf prod2 = vload(copies2) / x7 * vset(-1.0f);
      vf x8 = {0};
      EACH_LANE x8[l] = a8[i * 20 + clamp(block * 8 + l, 0, 19)];
      for (int64_t s = 0; s < 40; s++) {
        const vf exp0 = vexp(vset(0.25f) * vload(values4 + s * 8) - x8);
        const vf prod3 = (vload(values5 + s * 8) / x7 + prod2) * exp0 * vset(0.25f);
        vstore(values4 + s * 8, exp0 / x7);
        vstore(values5 + s * 8, prod3);
      }
      for (int64_t rows = 0; rows < 10; rows++) {
        vf parts8[8];
        #pragma GCC unroll 4
        for (int64_t row = 0; row < 4; row++) {
          #pragma GCC unroll 2
          for (int64_t vector = 0; vector < 2; vector++) {
            const vf x0 = vload(a0 + i * 640 + rows * 64 + row * 16 + vector * 8);
            parts8[row * 2 + vector] = x0;
          }
        }
        for (int64_t n = 0; n < n_end; n++) {
          vf copies9[2];
          #pragma GCC unroll 2
          for (int64_t vector = 0; vector < 2; vector++) {
            const vf x3_3 = vload(a3 + i * 320 + block * 128 + n * 16 + vector * 8);
            copies9[vector] = x3_3;
          }
          #pragma GCC unroll 4
          for (int64_t row = 0; row < 4; row++) {
            const float value4 = values4[rows * 32 + n + row * 8];
            #pragma GCC unroll 2
            for (int64_t vector = 0; vector < 2; vector++) {
              const vf sum0 = parts8[row * 2 + vector] + vset(value4) * copies9[vector];
              parts8[row * 2 + vector] = sum0;
            }
          }
        }
        #pragma GCC unroll 4
        for (int64_t row = 0; row < 4; row++) {
          #pragma GCC unroll 2
          for (int64_t vector = 0; vector < 2; vector++) {
            vstore(a0 + i * 640 + rows * 64 + row * 16 + vector * 8, parts8[row * 2 + vector]);
          }
        }
      }
      for (int64_t rows = 0; rows < 10; rows++) {
        vf parts10[8];
        #pragma GCC unroll 4
        for (int64_t row = 0; row < 4; row++) {
          #pragma GCC unroll 2
          for (int64_t vector = 0; vector < 2; vector++) {
            const vf x1 = vload(a1 + i * 640 + rows * 64 + row * 16 + vector * 8);
            parts10[row * 2 + vector] = x1;
          }
        }
        for (int64_t n = 0; n < n_end; n++) {
          vf copies11[2];
          #pragma GCC unroll 2
          for (int64_t vector = 0; vector < 2; vector++) {
            const vf x2_2 = vload(a2 + i * 320 + block * 128 + n * 16 + vector * 8);
            copies11[vector] = x2_2;
          }
          #pragma GCC unroll 4
          for (int64_t row = 0; row < 4; row++) {
            const float value5 = values5[rows * 32 + n + row * 8];
            #pragma GCC unroll 2
            for (int64_t vector = 0; vector < 2; vector++) {
              const vf sum1 = parts10[row * 2 + vector] + vset(value5) * copies11[vector];
              parts10[row * 2 + vector] = sum1;
            }
          }
        }
        #pragma GCC unroll 4
        for (int64_t row = 0; row < 4; row++) {
          #pragma GCC unroll 2
          for (int64_t vector = 0; vector < 2; vector++) {
            vstore(a1 + i * 640 + rows * 64 + row * 16 + vector * 8, parts10[row * 2 + vector]);
          }
        }
      }
      for (int64_t rows = 0; rows < (n_end + 3) / 4; rows++) {
        vf parts12[8];
        #pragma GCC unroll 4
        for (int64_t row = 0; row < 4; row++) {
          #pragma GCC unroll 2
          for (int64_t vector = 0; vector < 2; vector++) {
            const vf value3 = vload(values3 + vector * 8 + clamp(block * 8 + rows * 4 + row, 0, 19) * 16 - block * 128);
            parts12[row * 2 + vector] = value3;
          }
        }
        for (int64_t s = 0; s < 40; s++) {
          vf copies13[2];
          #pragma GCC unroll 2
          for (int64_t vector = 0; vector < 2; vector++) {
            copies13[vector] = vload(a5 + i * 640 + s * 16 + vector * 8);
          }
          #pragma GCC unroll 4
          for (int64_t row = 0; row < 4; row++) {
            const float value5_2 = values5[s * 8 + clamp(block * 8 + rows * 4 + row, 0, 19) - block * 8];
            #pragma GCC unroll 2
            for (int64_t vector = 0; vector < 2; vector++) {
              const vf sum2 = parts12[row * 2 + vector] + vset(value5_2) * copies13[vector];
              parts12[row * 2 + vector] = sum2;
            }
          }
        }
        #pragma GCC unroll 4
        for (int64_t row = 0; row < 4; row++) {
          #pragma GCC unroll 2
          for (int64_t vector = 0; vector < 2; vector++) {
            vstore(values3 + vector * 8 + clamp(block * 8 + rows * 4 + row, 0, 19) * 16 - block * 128, parts12[row * 2 + vector]);
          }
        }
      }
      for (int64_t n = 0; n < n_end; n++) {
        for (int64_t k = 0; k < 16; k += 8) {
          vstore(a9 + i * 320 + block * 128 + n * 16 + k, vload(values3 + n * 16 + k));
        }
      }
    }
  }
}
