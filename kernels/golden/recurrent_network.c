#include "archc_avx2.h"

/* a0: f32 [batch, E:40], read: h */
/* a1: f32 [F:40, E:40], read: weight */
/* a2: f32 [batch, T:5, F:40], read: u */
/* a3: f32 [batch, T:5, E:40], written: output */
/* i in E, j in T, k in F */
void scan_192fe9(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  float *restrict a3 = args[3];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t b = p;
    _Alignas(64) float m0[40];
    {
      int64_t i = 0;
      for (; i + 8 <= 40; i += 8) {
        const vf x0 = vload(a0 + b * 40 + i);
        vstore(m0 + i, x0);
      }
    }
    for (int64_t j = 0; j < 5; j++) {
      _Alignas(64) float m1[40];
      for (int64_t k = 0; k < 40; k++) {
        float r0 = 0.0f;
        {
          int64_t i = 0;
          vf r0v = vset(0.0f);
          for (; i + 8 <= 40; i += 8) {
            const vf x1 = vload(a1 + k * 40 + i);
            const vf x2 = vload(m0 + i);
            const vf x3 = x1 * x2;
            r0v = r0v + x3;
          }
          r0 = r0 + vhsum(r0v);
        }
        const float x4 = r0;
        const float x5 = a2[b * 200 + j * 40 + k];
        const float x6 = x4 + x5;
        const float x7 = stanh(x6);
        m1[k] = x7;
      }
      {
        int64_t i = 0;
        for (; i + 8 <= 40; i += 8) {
          const vf x8 = vload(m1 + i);
          vstore(a3 + b * 200 + j * 40 + i, x8);
          vstore(m0 + i, x8);
        }
      }
    }
  }
}
