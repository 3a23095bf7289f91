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
void attention_gradient_dot_mul_max_b8a16b(void *const *args, int64_t batch, int64_t begin, int64_t end) {
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
    {
      int64_t j = 0;
      for (; j + 8 <= 640; j += 8) {
        vstore(a0 + i * 640 + j, vset(0.0f));
      }
    }
    {
      int64_t j = 0;
      for (; j + 8 <= 640; j += 8) {
        vstore(a1 + i * 640 + j, vset(0.0f));
      }
    }
    for (int64_t block = 0; block < 3; block++) {
      _Alignas(64) float m0[128];
      for (int64_t k = 0; k < 16; k++) {
        {
          const int64_t n = 0;
          vf x0 = {0};
          EACH_LANE x0[l] = a2[i * 320 + k + clamp(block * 8 + (n + l), 0, 19) * 16];
          vstore(m0 + k * 8 + n, x0);
        }
      }
      _Alignas(64) float m1[128];
      for (int64_t k = 0; k < 16; k++) {
        {
          const int64_t n = 0;
          vf x1 = {0};
          EACH_LANE x1[l] = a3[i * 320 + k + clamp(block * 8 + (n + l), 0, 19) * 16];
          vstore(m1 + k * 8 + n, x1);
        }
      }
      _Alignas(64) float m2[8];
      for (int64_t row = 0; row < 8; row++) {
        float r0 = 0.0f;
        {
          int64_t k = 0;
          vf r0v = vset(0.0f);
          for (; k + 8 <= 16; k += 8) {
            const vf x2 = vload(a3 + i * 320 + k + clamp(block * 8 + row, 0, 19) * 16);
            const vf x3 = vload(a4 + i * 320 + k + clamp(block * 8 + row, 0, 19) * 16);
            const vf x4 = x2 * x3;
            r0v = r0v + x4;
          }
          r0 = r0 + vhsum(r0v);
        }
        const float x5 = r0;
        m2[row] = x5;
      }
      _Alignas(64) float m3[128];
      {
        int64_t i14 = 0;
        for (; i14 + 8 <= 128; i14 += 8) {
          vstore(m3 + i14, vset(0.0f));
        }
      }
      _Alignas(64) float m4[320];
      _Alignas(64) float m5[320];
      for (int64_t rows = 0; rows < 5; rows++) {
        {
          const int64_t column = 0;
          vf m6[8];
          #pragma GCC unroll 8
          for (int64_t row = 0; row < 8; row++) {
            m6[row] = vset(0.0f);
          }
          for (int64_t k = 0; k < 16; k++) {
            const vf x6 = vload(m0 + column + k * 8);
            #pragma GCC unroll 8
            for (int64_t row = 0; row < 8; row++) {
              const float x7 = a5[i * 640 + rows * 128 + k + row * 16];
              const vf x8 = m6[row];
              const vf x9 = vset(x7) * x6;
              const vf x10 = x8 + x9;
              m6[row] = x10;
            }
          }
          #pragma GCC unroll 8
          for (int64_t row = 0; row < 8; row++) {
            const vf x11 = m6[row];
            vstore(m4 + rows * 64 + column + row * 8, x11);
          }
        }
      }
      for (int64_t rows = 0; rows < 5; rows++) {
        {
          const int64_t column = 0;
          vf m7[8];
          #pragma GCC unroll 8
          for (int64_t row = 0; row < 8; row++) {
            m7[row] = vset(0.0f);
          }
          for (int64_t k = 0; k < 16; k++) {
            const vf x12 = vload(m1 + column + k * 8);
            #pragma GCC unroll 8
            for (int64_t row = 0; row < 8; row++) {
              const float x13 = a6[i * 640 + rows * 128 + k + row * 16];
              const vf x14 = m7[row];
              const vf x15 = vset(x13) * x12;
              const vf x16 = x14 + x15;
              m7[row] = x16;
            }
          }
          #pragma GCC unroll 8
          for (int64_t row = 0; row < 8; row++) {
            const vf x17 = m7[row];
            vstore(m5 + rows * 64 + column + row * 8, x17);
          }
        }
      }
      {
        const int64_t n = 0;
        const vf x18 = vload(m2 + n);
        vf x19 = {0};
        EACH_LANE x19[l] = a7[i * 20 + clamp(block * 8 + (n + l), 0, 19)];
        const vf x20 = x18 / x19;
        const vf x21 = x20 * vset((-1.0f));
        vf x25 = {0};
        EACH_LANE x25[l] = a8[i * 20 + clamp(block * 8 + (n + l), 0, 19)];
        for (int64_t s = 0; s < 40; s++) {
          const vf x22 = vload(m4 + n + s * 8);
          const vf x23 = vload(m5 + n + s * 8);
          const vf x24 = vset(0.25f) * x22;
          const vf x26 = x24 - x25;
          const vf x27 = vexp(x26);
          const vf x28 = x27 / x19;
          const vf x29 = x23 / x19;
          const vf x30 = x29 + x21;
          const vf x31 = x30 * x27;
          const vf x32 = x31 * vset(0.25f);
          vstore(m4 + n + s * 8, x28);
          vstore(m5 + n + s * 8, x32);
        }
      }
      for (int64_t rows = 0; rows < 10; rows++) {
        {
          const int64_t column = 0;
          vf m8[8];
          #pragma GCC unroll 4
          for (int64_t row = 0; row < 4; row++) {
            #pragma GCC unroll 2
            for (int64_t vector = 0; vector < 2; vector++) {
              const vf x33 = vload(a0 + i * 640 + rows * 64 + column + row * 16 + vector * 8);
              m8[row * 2 + vector] = x33;
            }
          }
          for (int64_t n = 0; n < clamp(-block * 8 + 20, 1, 8); n++) {
            vf m9[2];
            #pragma GCC unroll 2
            for (int64_t vector = 0; vector < 2; vector++) {
              const vf x34 = vload(a3 + i * 320 + block * 128 + column + n * 16 + vector * 8);
              m9[vector] = x34;
            }
            #pragma GCC unroll 4
            for (int64_t row = 0; row < 4; row++) {
              const float x35 = m4[rows * 32 + n + row * 8];
              #pragma GCC unroll 2
              for (int64_t vector = 0; vector < 2; vector++) {
                const vf x36 = m9[vector];
                const vf x37 = m8[row * 2 + vector];
                const vf x38 = vset(x35) * x36;
                const vf x39 = x37 + x38;
                m8[row * 2 + vector] = x39;
              }
            }
          }
          #pragma GCC unroll 4
          for (int64_t row = 0; row < 4; row++) {
            #pragma GCC unroll 2
            for (int64_t vector = 0; vector < 2; vector++) {
              const vf x40 = m8[row * 2 + vector];
              vstore(a0 + i * 640 + rows * 64 + column + row * 16 + vector * 8, x40);
            }
          }
        }
      }
      for (int64_t rows = 0; rows < 10; rows++) {
        {
          const int64_t column = 0;
          vf m10[8];
          #pragma GCC unroll 4
          for (int64_t row = 0; row < 4; row++) {
            #pragma GCC unroll 2
            for (int64_t vector = 0; vector < 2; vector++) {
              const vf x41 = vload(a1 + i * 640 + rows * 64 + column + row * 16 + vector * 8);
              m10[row * 2 + vector] = x41;
            }
          }
          for (int64_t n = 0; n < clamp(-block * 8 + 20, 1, 8); n++) {
            vf m11[2];
            #pragma GCC unroll 2
            for (int64_t vector = 0; vector < 2; vector++) {
              const vf x42 = vload(a2 + i * 320 + block * 128 + column + n * 16 + vector * 8);
              m11[vector] = x42;
            }
            #pragma GCC unroll 4
            for (int64_t row = 0; row < 4; row++) {
              const float x43 = m5[rows * 32 + n + row * 8];
              #pragma GCC unroll 2
              for (int64_t vector = 0; vector < 2; vector++) {
                const vf x44 = m11[vector];
                const vf x45 = m10[row * 2 + vector];
                const vf x46 = vset(x43) * x44;
                const vf x47 = x45 + x46;
                m10[row * 2 + vector] = x47;
              }
            }
          }
          #pragma GCC unroll 4
          for (int64_t row = 0; row < 4; row++) {
            #pragma GCC unroll 2
            for (int64_t vector = 0; vector < 2; vector++) {
              const vf x48 = m10[row * 2 + vector];
              vstore(a1 + i * 640 + rows * 64 + column + row * 16 + vector * 8, x48);
            }
          }
        }
      }
      for (int64_t rows = 0; rows < (clamp(-block * 8 + 20, 1, 8) + 3) / 4; rows++) {
        {
          const int64_t column = 0;
          vf m12[8];
          #pragma GCC unroll 4
          for (int64_t row = 0; row < 4; row++) {
            #pragma GCC unroll 2
            for (int64_t vector = 0; vector < 2; vector++) {
              const vf x49 = vload(m3 + -block * 128 + column + vector * 8 + clamp(block * 8 + rows * 4 + row, 0, 19) * 16);
              m12[row * 2 + vector] = x49;
            }
          }
          for (int64_t s = 0; s < 40; s++) {
            vf m13[2];
            #pragma GCC unroll 2
            for (int64_t vector = 0; vector < 2; vector++) {
              const vf x50 = vload(a5 + i * 640 + column + s * 16 + vector * 8);
              m13[vector] = x50;
            }
            #pragma GCC unroll 4
            for (int64_t row = 0; row < 4; row++) {
              const float x51 = m5[-block * 8 + s * 8 + clamp(block * 8 + rows * 4 + row, 0, 19)];
              #pragma GCC unroll 2
              for (int64_t vector = 0; vector < 2; vector++) {
                const vf x52 = m13[vector];
                const vf x53 = m12[row * 2 + vector];
                const vf x54 = vset(x51) * x52;
                const vf x55 = x53 + x54;
                m12[row * 2 + vector] = x55;
              }
            }
          }
          #pragma GCC unroll 4
          for (int64_t row = 0; row < 4; row++) {
            #pragma GCC unroll 2
            for (int64_t vector = 0; vector < 2; vector++) {
              const vf x56 = m12[row * 2 + vector];
              vstore(m3 + -block * 128 + column + vector * 8 + clamp(block * 8 + rows * 4 + row, 0, 19) * 16, x56);
            }
          }
        }
      }
      for (int64_t n = 0; n < clamp(-block * 8 + 20, 1, 8); n++) {
        {
          int64_t k = 0;
          for (; k + 8 <= 16; k += 8) {
            const vf x57 = vload(m3 + n * 16 + k);
            vstore(a9 + i * 320 + block * 128 + n * 16 + k, x57);
          }
        }
      }
    }
  }
}
