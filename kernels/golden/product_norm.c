#include "archc_avx2.h"

/* a0: f32 [batch, T:45, I:24], read: x */
/* a1: f32 [3, 24, 24], read */
/* a2: f32 [batch, T:45, O:72], read: beside */
/* a3: f32 [batch, T:45, O:72], written: output */
/* i in I, j in O */
void gemm_135x72x24_add_rsqrt_be7a65(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  float *restrict a3 = args[3];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t block = p;
    _Alignas(64) float m0[2016];
    for (int64_t panel = 0; panel < 3; panel++) {
      for (int64_t rows = 0; rows < (clamp(-block * 28 + 135, 0, 28) + 3) / 4; rows++) {
        {
          const int64_t column = 0;
          vf m1[12];
          #pragma GCC unroll 4
          for (int64_t row = 0; row < 4; row++) {
            #pragma GCC unroll 3
            for (int64_t vector = 0; vector < 3; vector++) {
              m1[row * 3 + vector] = vset(0.0f);
            }
          }
          for (int64_t i = 0; i < 24; i++) {
            vf m2[3];
            #pragma GCC unroll 3
            for (int64_t vector = 0; vector < 3; vector++) {
              const vf x0 = vload(a1 + panel * 576 + column + i * 24 + vector * 8);
              m2[vector] = x0;
            }
            #pragma GCC unroll 4
            for (int64_t row = 0; row < 4; row++) {
              const float x1 = a0[i + row * 24 + clamp(block * 28 + rows * 4, 0, 131) * 24];
              #pragma GCC unroll 3
              for (int64_t vector = 0; vector < 3; vector++) {
                const vf x2 = m2[vector];
                const vf x3 = m1[row * 3 + vector];
                const vf x4 = vset(x1) * x2;
                const vf x5 = x3 + x4;
                m1[row * 3 + vector] = x5;
              }
            }
          }
          #pragma GCC unroll 4
          for (int64_t row = 0; row < 4; row++) {
            #pragma GCC unroll 3
            for (int64_t vector = 0; vector < 3; vector++) {
              const vf x6 = m1[row * 3 + vector];
              vstore(m0 + -block * 2016 + panel * 24 + column + row * 72 + vector * 8 + clamp(block * 28 + rows * 4, 0, 131) * 72, x6);
            }
          }
        }
      }
    }
    for (int64_t row = 0; row < clamp(-block * 28 + 135, 0, 28); row++) {
      float r0 = 0.0f;
      {
        int64_t j = 0;
        vf r0v = vset(0.0f);
        for (; j + 8 <= 72; j += 8) {
          const vf x7 = vload(a2 + block * 2016 + row * 72 + j);
          const vf x8 = vload(m0 + row * 72 + j);
          const vf x9 = x7 + x8;
          const vf x10 = x9 * x9;
          r0v = r0v + x10;
        }
        r0 = r0 + vhsum(r0v);
      }
      const float x11 = r0;
      const float x12 = 0.00072f + x11;
      const float x13 = ssqrt(x12);
      const float x14 = 1.0f / x13;
      const float x15 = 8.485281f * x14;
      {
        int64_t j = 0;
        for (; j + 8 <= 72; j += 8) {
          const vf x16 = vload(a2 + block * 2016 + row * 72 + j);
          const vf x17 = vload(m0 + row * 72 + j);
          const vf x18 = x16 + x17;
          const vf x19 = vset(x15) * x18;
          vstore(a3 + block * 2016 + row * 72 + j, x19);
        }
      }
    }
  }
}
