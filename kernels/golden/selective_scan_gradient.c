#include "archc_avx2.h"

/* a0: f32 [batch, E:24, N:4], read: a */
/* a1: f32 [576], read */
/* a2: f32 [batch, T:11, E:24], read: dt */
/* a3: f32 [batch, T:11, N:4], read: b */
/* a4: f32 [batch, T:11, E:24], read: u */
/* a5: f32 [batch, T:11, E:24], read: output.grad */
/* a6: f32 [batch, T:11, N:4], read: c */
/* a7: f32 [batch, T:11, E:24], written: grad.u */
/* a8: f32 [batch, T:11, E:24], written: grad.dt */
/* a9: f32 [396], written */
/* a10: f32 [396], written */
/* a11: f32 [batch, N:4, E:24], written */
/* i in N */
void scan_3b41e2(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  const float *restrict a3 = args[3];
  const float *restrict a4 = args[4];
  const float *restrict a5 = args[5];
  const float *restrict a6 = args[6];
  float *restrict a7 = args[7];
  float *restrict a8 = args[8];
  float *restrict a9 = args[9];
  float *restrict a10 = args[10];
  float *restrict a11 = args[11];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t b = p / 3;
    const int64_t i1 = p % 3;
    _Alignas(64) float m0[32];
    _Alignas(64) float m1[32];
    _Alignas(64) float m2[32];
    for (int64_t i2 = 0; i2 < 1; i2++) {
      {
        const int64_t i3 = 0;
        vf m3[4];
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) {
          m3[i] = vset(0.0f);
        }
        vf m4[4];
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) {
          m4[i] = vset(0.0f);
        }
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) {
          const vf x0 = m3[i];
          vstore(m0 + i2 * 32 + i3 + i * 8, x0);
        }
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) {
          const vf x1 = m4[i];
          vstore(m1 + i2 * 32 + i3 + i * 8, x1);
        }
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) {
          vf x2 = {0};
          EACH_LANE x2[l] = a0[b * 96 + i1 * 32 + i2 * 32 + ((i3 + l)) * 4 + i];
          vstore(m2 + i2 * 32 + i3 + i * 8, x2);
        }
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) {
          vf x3 = {0};
          EACH_LANE x3[l] = a0[b * 96 + i1 * 32 + i2 * 32 + ((i3 + l)) * 4 + i];
          vstore(m2 + i2 * 32 + i3 + i * 8, x3);
        }
      }
    }
    _Alignas(64) float m5[256];
    _Alignas(64) float m6[256];
    for (int64_t i10 = 0; i10 < 2; i10++) {
      {
        int64_t i11 = 0;
        for (; i11 + 8 <= 256; i11 += 8) {
          vstore(m5 + i11, vset(0.0f));
        }
      }
      {
        int64_t i12 = 0;
        for (; i12 + 8 <= 256; i12 += 8) {
          vstore(m6 + i12, vset(0.0f));
        }
      }
      for (int64_t i13 = 0; i13 < 1; i13++) {
        {
          const int64_t i14 = 0;
          vf m7[4];
          #pragma GCC unroll 4
          for (int64_t i = 0; i < 4; i++) {
            const vf x4 = vload(m0 + i13 * 32 + i14 + i * 8);
            m7[i] = x4;
          }
          vf m8[4];
          #pragma GCC unroll 4
          for (int64_t i = 0; i < 4; i++) {
            const vf x5 = vload(m1 + i13 * 32 + i14 + i * 8);
            m8[i] = x5;
          }
          vf m9[4];
          #pragma GCC unroll 4
          for (int64_t i = 0; i < 4; i++) {
            const vf x6 = vload(a1 + b * 192 + i1 * 8 - i10 * 96 + i13 * 8 + i14 + i * 24 + 96);
            FETCH(a1, b * 192 + i1 * 8 - i10 * 96 + i13 * 8 + i14 + i * 24);
            m9[i] = x6;
          }
          vf m10[36];
          #pragma GCC unroll 4
          for (int64_t i = 0; i < 4; i++) {
            const vf x7 = m9[i];
            m10[i] = x7;
          }
          vf m11[32];
          vf m12[32];
          for (int64_t i19 = 0; i19 < clamp(i10 * 8 + 3, 1, 8); i19++) {
            vf m14[4];
            const vf x9 = vload(a2 + b * 264 + i1 * 8 - i10 * 192 + i13 * 8 + i14 + i19 * 24 + 192);
            const vf x13 = vload(a4 + b * 264 + i1 * 8 - i10 * 192 + i13 * 8 + i14 + i19 * 24 + 192);
            const vf x14 = x13 * x9;
            #pragma GCC unroll 4
            for (int64_t i = 0; i < 4; i++) {
              const vf x8 = vload(m2 + i13 * 32 + i14 + i * 8);
              const vf x10 = x8 * x9;
              const vf x11 = vexp(x10);
              const float x12 = a3[b * 44 - i10 * 32 + i19 * 4 + i + 32];
              const vf x15 = vset(x12) * x14;
              const vf x16 = m9[i];
              const vf x17 = x16 * x11;
              const vf x18 = x15 + x17;
              m11[i19 * 4 + i] = x11;
              m12[i19 * 4 + i] = x18;
              m14[i] = x18;
            }
            #pragma GCC unroll 4
            for (int64_t i = 0; i < 4; i++) {
              const vf x19 = m14[i];
              m9[i] = x19;
            }
            #pragma GCC unroll 4
            for (int64_t i = 0; i < 4; i++) {
              const vf x20 = m9[i];
              m10[i19 * 4 + i + 4] = x20;
            }
          }
          for (int64_t i23 = 0; i23 < clamp(i10 * 8 + 3, 1, 8); i23++) {
            vf m15[4];
            const vf x21 = vload(a5 + b * 264 + i1 * 8 - i10 * 192 + i13 * 8 + i14 - i23 * 24 + clamp(i10 * 8 + 3, 1, 8) * 24 + 168);
            #pragma GCC unroll 4
            for (int64_t i = 0; i < 4; i++) {
              const vf x22 = m12[-i23 * 4 + i + clamp(i10 * 8 + 3, 1, 8) * 4 - 4];
              const vf x23 = x21 * x22;
              m15[i] = x23;
            }
            vf r0 = vset(0.0f);
            vf r1 = vset(0.0f);
            const vf x37 = vload(a4 + b * 264 + i1 * 8 - i10 * 192 + i13 * 8 + i14 - i23 * 24 + clamp(i10 * 8 + 3, 1, 8) * 24 + 168);
            const vf x38 = vload(a2 + b * 264 + i1 * 8 - i10 * 192 + i13 * 8 + i14 - i23 * 24 + clamp(i10 * 8 + 3, 1, 8) * 24 + 168);
            const vf x39 = x37 * x38;
            #pragma GCC unroll 4
            for (int64_t i = 0; i < 4; i++) {
              const float x24 = a6[b * 44 - i10 * 32 - i23 * 4 + i + clamp(i10 * 8 + 3, 1, 8) * 4 + 28];
              const vf x25 = x21 * vset(x24);
              const vf x26 = m7[i];
              const vf x27 = x25 + x26;
              const float x28 = a3[b * 44 - i10 * 32 - i23 * 4 + i + clamp(i10 * 8 + 3, 1, 8) * 4 + 28];
              const vf x29 = x27 * vset(x28);
              r0 = r0 + x29;
              const vf x30 = m10[-i23 * 4 + i + clamp(i10 * 8 + 3, 1, 8) * 4 - 4];
              const vf x31 = x27 * x30;
              const vf x32 = m11[-i23 * 4 + i + clamp(i10 * 8 + 3, 1, 8) * 4 - 4];
              const vf x33 = x31 * x32;
              const vf x34 = vload(m2 + i13 * 32 + i14 + i * 8);
              const vf x35 = x33 * x34;
              r1 = r1 + x35;
              const vf x36 = x27 * x32;
              const vf x40 = x27 * x39;
              const vf x41 = m8[i];
              const vf x42 = x33 * x38;
              const vf x43 = x41 + x42;
              m7[i] = x36;
              const vf x44 = vload(m6 + i14 - i23 * 32 + i * 8 + clamp(i10 * 8 + 3, 1, 8) * 32 - 32);
              const vf x45 = x44 + x40;
              vstore(m6 + i14 - i23 * 32 + i * 8 + clamp(i10 * 8 + 3, 1, 8) * 32 - 32, x45);
              m8[i] = x43;
            }
            const vf x46 = r0;
            const vf x47 = r1;
            const vf x48 = x46 * x38;
            const vf x49 = x46 * x37;
            const vf x50 = x49 + x47;
            vstore(a7 + b * 264 + i1 * 8 - i10 * 192 + i13 * 8 + i14 - i23 * 24 + clamp(i10 * 8 + 3, 1, 8) * 24 + 168, x48);
            vstore(a8 + b * 264 + i1 * 8 - i10 * 192 + i13 * 8 + i14 - i23 * 24 + clamp(i10 * 8 + 3, 1, 8) * 24 + 168, x50);
            #pragma GCC unroll 4
            for (int64_t i = 0; i < 4; i++) {
              const vf x51 = m15[i];
              const vf x52 = vload(m5 + i14 - i23 * 32 + i * 8 + clamp(i10 * 8 + 3, 1, 8) * 32 - 32);
              const vf x53 = x52 + x51;
              vstore(m5 + i14 - i23 * 32 + i * 8 + clamp(i10 * 8 + 3, 1, 8) * 32 - 32, x53);
            }
            FETCH(a5, b * 264 + i1 * 8 - i10 * 192 + i13 * 8 + i14 - i23 * 24 + clamp(i10 * 8 + 3, 1, 8) * 24 - 24);
            FETCH(a4, b * 264 + i1 * 8 - i10 * 192 + i13 * 8 + i14 - i23 * 24 + clamp(i10 * 8 + 3, 1, 8) * 24 - 24);
            FETCH(a2, b * 264 + i1 * 8 - i10 * 192 + i13 * 8 + i14 - i23 * 24 + clamp(i10 * 8 + 3, 1, 8) * 24 - 24);
            FETCH(a7, b * 264 + i1 * 8 - i10 * 192 + i13 * 8 + i14 - i23 * 24 + clamp(i10 * 8 + 3, 1, 8) * 24 - 24);
            FETCH(a8, b * 264 + i1 * 8 - i10 * 192 + i13 * 8 + i14 - i23 * 24 + clamp(i10 * 8 + 3, 1, 8) * 24 - 24);
          }
          #pragma GCC unroll 4
          for (int64_t i = 0; i < 4; i++) {
            const vf x54 = m7[i];
            vstore(m0 + i13 * 32 + i14 + i * 8, x54);
          }
          #pragma GCC unroll 4
          for (int64_t i = 0; i < 4; i++) {
            const vf x55 = m8[i];
            vstore(m1 + i13 * 32 + i14 + i * 8, x55);
          }
        }
      }
      for (int64_t i29 = 0; i29 < clamp(i10 * 8 + 3, 1, 8); i29++) {
        for (int64_t i = 0; i < 4; i++) {
          float r2 = 0.0f;
          {
            const int64_t i31 = 0;
            vf r2v = vset(0.0f);
            const vf x56 = vload(m5 + i29 * 32 + i * 8 + i31);
            r2v = r2v + x56;
            r2 = r2 + vhsum(r2v);
          }
          const float x57 = r2;
          a9[b * 132 + i1 * 44 - i10 * 32 + i29 * 4 + i + 32] = x57;
        }
      }
      for (int64_t i32 = 0; i32 < clamp(i10 * 8 + 3, 1, 8); i32++) {
        for (int64_t i = 0; i < 4; i++) {
          float r3 = 0.0f;
          {
            const int64_t i34 = 0;
            vf r3v = vset(0.0f);
            const vf x58 = vload(m6 + i32 * 32 + i * 8 + i34);
            r3v = r3v + x58;
            r3 = r3 + vhsum(r3v);
          }
          const float x59 = r3;
          a10[b * 132 + i1 * 44 - i10 * 32 + i32 * 4 + i + 32] = x59;
        }
      }
    }
    for (int64_t i35 = 0; i35 < 1; i35++) {
      {
        const int64_t i36 = 0;
        vf m17[4];
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) {
          const vf x61 = vload(m1 + i35 * 32 + i36 + i * 8);
          m17[i] = x61;
        }
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) {
          const vf x62 = m17[i];
          vstore(a11 + b * 96 + i1 * 8 + i35 * 8 + i36 + i * 24, x62);
        }
      }
    }
  }
}
