#include "archc_avx2.h"

/* a0: f32 [batch, T:20, H:2, K:16], read: q */
/* a1: f32 [batch, S:40, H:2, K:16], read: k */
/* a2: f32 [batch, S:40, H:2, K:16], read: v */
/* a3: f32 [batch, T:20, H:2, K:16], written: output */
/* i in H, j in K, k in T, n in S */
void attention_dot_cd1aaf(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  float *restrict a3 = args[3];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t b = p / 6;
    const int64_t i = p / 3 % 2;
    const int64_t block = p % 3;
    _Alignas(64) float m0[128];
    for (int64_t j = 0; j < 16; j++) {
      {
        const int64_t k = 0;
        vf x0 = {0};
        EACH_LANE x0[l] = a0[b * 640 + i * 16 + j + clamp(block * 8 + (k + l), 0, 19) * 32];
        vstore(m0 + j * 8 + k, x0);
      }
    }
    _Alignas(64) float m1[8];
    _Alignas(64) float m2[8];
    _Alignas(64) float m3[128];
    _Alignas(64) float m4[320];
    for (int64_t rows = 0; rows < 5; rows++) {
      {
        const int64_t column = 0;
        vf m5[8];
        #pragma GCC unroll 8
        for (int64_t row = 0; row < 8; row++) {
          m5[row] = vset(0.0f);
        }
        for (int64_t j = 0; j < 16; j++) {
          const vf x1 = vload(m0 + column + j * 8);
          #pragma GCC unroll 8
          for (int64_t row = 0; row < 8; row++) {
            const float x2 = a1[b * 1280 + i * 16 + rows * 256 + j + row * 32];
            const vf x3 = m5[row];
            const vf x4 = vset(x2) * x1;
            const vf x5 = x3 + x4;
            m5[row] = x5;
          }
        }
        #pragma GCC unroll 8
        for (int64_t row = 0; row < 8; row++) {
          const vf x6 = m5[row];
          vstore(m4 + rows * 64 + column + row * 8, x6);
        }
      }
    }
    {
      const int64_t k = 0;
      vf r0 = vset((-__builtin_inff()));
      for (int64_t n = 0; n < 40; n++) {
        const vf x7 = vload(m4 + k + n * 8);
        const vf x8 = x7 * vset(0.25f);
        r0 = vmax(r0, x8);
      }
      const vf x9 = r0;
      vf r1 = vset(0.0f);
      for (int64_t n = 0; n < 40; n++) {
        const vf x10 = vload(m4 + k + n * 8);
        const vf x11 = x10 * vset(0.25f);
        const vf x12 = x11 - x9;
        const vf x13 = vexp(x12);
        r1 = r1 + x13;
        vstore(m4 + k + n * 8, x13);
      }
      const vf x14 = r1;
      vstore(m1 + k, x14);
    }
    for (int64_t rows = 0; rows < (clamp(-block * 8 + 20, 1, 8) + 3) / 4; rows++) {
      {
        const int64_t column = 0;
        vf m6[8];
        #pragma GCC unroll 4
        for (int64_t row = 0; row < 4; row++) {
          #pragma GCC unroll 2
          for (int64_t vector = 0; vector < 2; vector++) {
            m6[row * 2 + vector] = vset(0.0f);
          }
        }
        for (int64_t n = 0; n < 40; n++) {
          vf m7[2];
          #pragma GCC unroll 2
          for (int64_t vector = 0; vector < 2; vector++) {
            const vf x15 = vload(a2 + b * 1280 + i * 16 + column + n * 32 + vector * 8);
            m7[vector] = x15;
          }
          #pragma GCC unroll 4
          for (int64_t row = 0; row < 4; row++) {
            const float x16 = m4[-block * 8 + n * 8 + clamp(block * 8 + rows * 4 + row, 0, 19)];
            #pragma GCC unroll 2
            for (int64_t vector = 0; vector < 2; vector++) {
              const vf x17 = m7[vector];
              const vf x18 = m6[row * 2 + vector];
              const vf x19 = vset(x16) * x17;
              const vf x20 = x18 + x19;
              m6[row * 2 + vector] = x20;
            }
          }
        }
        #pragma GCC unroll 4
        for (int64_t row = 0; row < 4; row++) {
          #pragma GCC unroll 2
          for (int64_t vector = 0; vector < 2; vector++) {
            const vf x21 = m6[row * 2 + vector];
            vstore(m3 + -block * 128 + column + vector * 8 + clamp(block * 8 + rows * 4 + row, 0, 19) * 16, x21);
          }
        }
      }
    }
    {
      const int64_t k = 0;
      const vf x22 = vload(m1 + k);
      const vf x23 = vset(1.0f) / x22;
      vstore(m2 + k, x23);
    }
    for (int64_t k = 0; k < clamp(-block * 8 + 20, 1, 8); k++) {
      {
        int64_t j = 0;
        for (; j + 8 <= 16; j += 8) {
          const vf x24 = vload(m3 + k * 16 + j);
          const float x25 = m2[k];
          const vf x26 = x24 * vset(x25);
          vstore(a3 + b * 640 + i * 16 + block * 256 + k * 32 + j, x26);
        }
      }
    }
  }
}
