#include "archc_avx2.h"

/* a0: f32 [batch, E:40], read: h */
/* a1: f32 [F:40, E:40], read: weight */
/* a2: f32 [batch, T:5, F:40], read: u */
/* a3: f32 [batch, T:5, E:40], written: output */
/* i in E, j in T, k in F */
void scan_14368d(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  const float *restrict a2 = args[2];
  float *restrict a3 = args[3];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t b = p;
    _Alignas(64) float states0[40];
    for (int64_t i = 0; i < 40; i += 8) vstore(states0 + i, vload(a0 + b * 40 + i));
    for (int64_t j = 0; j < 5; j++) {
      _Alignas(64) float copies1[40];
      for (int64_t k = 0; k < 40; k++) {
        float acc0 = 0.0f;
        {
          vf acc0v = vset(0.0f);
          for (int64_t i = 0; i < 40; i += 8) {
            acc0v = acc0v + vload(a1 + k * 40 + i) * vload(states0 + i);
          }
          acc0 = acc0 + vhsum(acc0v);
        }
        copies1[k] = stanh(acc0 + a2[b * 200 + j * 40 + k]);
      }
      for (int64_t i = 0; i < 40; i += 8) {
        const vf copy1 = vload(copies1 + i);
        vstore(a3 + b * 200 + j * 40 + i, copy1);
        vstore(states0 + i, copy1);
      }
    }
  }
}
