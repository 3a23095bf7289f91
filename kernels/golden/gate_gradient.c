#include "archc_avx2.h"

/* a0: f32 [batch, T:20, D:64], read: gradient */
/* a1: f32 [batch, T:20, D:64], read: y */
/* a2: f32 [batch, D:64], written: output */
/* i in T */
void map_dot_e29f1c(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  float *restrict a2 = args[2];
  (void)batch;
  for (int64_t p = begin; p < end; p++) {
    const int64_t b = p / 2;
    const int64_t block = p % 2;
    vf parts0[4];
    #pragma GCC unroll 4
    for (int64_t vector = 0; vector < 4; vector++) parts0[vector] = vset(0.0f);
    for (int64_t i = 0; i < 20; i++) {
      #pragma GCC unroll 4
      for (int64_t vector = 0; vector < 4; vector++) {
        const vf x0 = vload(a0 + b * 1280 + i * 64 + block * 32 + vector * 8);
        const vf x1 = vload(a1 + b * 1280 + i * 64 + block * 32 + vector * 8);
        parts0[vector] = parts0[vector] + x0 * x1;
      }
    }
    #pragma GCC unroll 4
    for (int64_t vector = 0; vector < 4; vector++) {
      vstore(a2 + b * 64 + block * 32 + vector * 8, parts0[vector]);
    }
  }
}
