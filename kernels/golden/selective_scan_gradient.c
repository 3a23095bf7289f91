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
void scan_661102(void *const *args, int64_t batch, int64_t begin, int64_t end) {
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
    const int64_t block = p % 3;
    _Alignas(64) float states0[32];
    _Alignas(64) float states1[32];
    _Alignas(64) float copies2[32];
    vf copies3[4];
    #pragma GCC unroll 4
    for (int64_t i = 0; i < 4; i++) copies3[i] = vset(0.0f);
    vf copies4[4];
    #pragma GCC unroll 4
    for (int64_t i = 0; i < 4; i++) copies4[i] = vset(0.0f);
    #pragma GCC unroll 4
    for (int64_t i = 0; i < 4; i++) vstore(states0 + i * 8, copies3[i]);
    #pragma GCC unroll 4
    for (int64_t i = 0; i < 4; i++) vstore(states1 + i * 8, copies4[i]);
    #pragma GCC unroll 4
    for (int64_t i = 0; i < 4; i++) {
      vf x0 = {0};
      EACH_LANE x0[l] = a0[b * 96 + block * 32 + l * 4 + i];
      vstore(copies2 + i * 8, x0);
    }
    _Alignas(64) float parts5[256];
    _Alignas(64) float parts6[256];
    for (int64_t chunk = 0; chunk < 2; chunk++) {
      const int64_t step_end = clamp(chunk * 8 + 3, 1, 8);
      for (int64_t at = 0; at < 256; at += 8) vstore(parts5 + at, vset(0.0f));
      for (int64_t at = 0; at < 256; at += 8) vstore(parts6 + at, vset(0.0f));
      vf states7[4];
      #pragma GCC unroll 4
      for (int64_t i = 0; i < 4; i++) states7[i] = vload(states0 + i * 8);
      vf parts8[4];
      #pragma GCC unroll 4
      for (int64_t i = 0; i < 4; i++) parts8[i] = vload(states1 + i * 8);
      vf states9[4];
      #pragma GCC unroll 4
      for (int64_t i = 0; i < 4; i++) {
        const vf x1 = vload(a1 + b * 192 + block * 8 - chunk * 96 + i * 24 + 96);
        FETCH(a1, b * 192 + block * 8 - chunk * 96 + i * 24);
        states9[i] = x1;
      }
      vf states10[36];
      #pragma GCC unroll 4
      for (int64_t i = 0; i < 4; i++) states10[i] = states9[i];
      vf copies11[32];
      vf copies12[32];
      for (int64_t step = 0; step < step_end; step++) {
        vf copies14[4];
        const vf x2 = vload(a2 + b * 264 + block * 8 - chunk * 192 + step * 24 + 192);
        const vf x4 = vload(a4 + b * 264 + block * 8 - chunk * 192 + step * 24 + 192);
        const vf prod0 = x4 * x2;
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) {
          const vf exp0 = vexp(vload(copies2 + i * 8) * x2);
          const vf prod1 = vset(a3[b * 44 - chunk * 32 + step * 4 + i + 32]) * prod0;
          const vf sum0 = prod1 + states9[i] * exp0;
          copies11[step * 4 + i] = exp0;
          copies12[step * 4 + i] = sum0;
          copies14[i] = sum0;
        }
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) states9[i] = copies14[i];
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) states10[step * 4 + i + 4] = states9[i];
      }
      for (int64_t step = 0; step < step_end; step++) {
        vf copies15[4];
        const vf x5 = vload(a5 + b * 264 + block * 8 - chunk * 192 - step * 24 + step_end * 24 + 168);
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) {
          copies15[i] = x5 * copies12[i + step_end * 4 - step * 4 - 4];
        }
        vf acc0 = vset(0.0f);
        vf acc1 = vset(0.0f);
        const vf x4_2 = vload(a4 + b * 264 + block * 8 - chunk * 192 - step * 24 + step_end * 24 + 168);
        const vf x2_2 = vload(a2 + b * 264 + block * 8 - chunk * 192 - step * 24 + step_end * 24 + 168);
        const vf prod2 = x4_2 * x2_2;
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) {
          const float x6 = a6[b * 44 - chunk * 32 - step * 4 + i + step_end * 4 + 28];
          const vf sum1 = x5 * vset(x6) + states7[i];
          const float x3 = a3[b * 44 - chunk * 32 - step * 4 + i + step_end * 4 + 28];
          acc0 = acc0 + sum1 * vset(x3);
          const vf copy11 = copies11[i + step_end * 4 - step * 4 - 4];
          const vf prod3 = sum1 * states10[i + step_end * 4 - step * 4 - 4] * copy11;
          acc1 = acc1 + prod3 * vload(copies2 + i * 8);
          const vf prod4 = sum1 * prod2;
          const vf sum2 = parts8[i] + prod3 * x2_2;
          states7[i] = sum1 * copy11;
          const vf part6 = vload(parts6 + i * 8 + step_end * 32 - step * 32 - 32);
          vstore(parts6 + i * 8 + step_end * 32 - step * 32 - 32, part6 + prod4);
          parts8[i] = sum2;
        }
        const vf total0 = acc0;
        const vf sum3 = total0 * x4_2 + acc1;
        vstore(a7 + b * 264 + block * 8 - chunk * 192 - step * 24 + step_end * 24 + 168, total0 * x2_2);
        vstore(a8 + b * 264 + block * 8 - chunk * 192 - step * 24 + step_end * 24 + 168, sum3);
        #pragma GCC unroll 4
        for (int64_t i = 0; i < 4; i++) {
          const vf part5 = vload(parts5 + i * 8 + step_end * 32 - step * 32 - 32);
          vstore(parts5 + i * 8 + step_end * 32 - step * 32 - 32, part5 + copies15[i]);
        }
        FETCH(a5, b * 264 + block * 8 - chunk * 192 - step * 24 + step_end * 24 - 24);
        FETCH(a4, b * 264 + block * 8 - chunk * 192 - step * 24 + step_end * 24 - 24);
        FETCH(a2, b * 264 + block * 8 - chunk * 192 - step * 24 + step_end * 24 - 24);
        FETCH(a7, b * 264 + block * 8 - chunk * 192 - step * 24 + step_end * 24 - 24);
        FETCH(a8, b * 264 + block * 8 - chunk * 192 - step * 24 + step_end * 24 - 24);
      }
      #pragma GCC unroll 4
      for (int64_t i = 0; i < 4; i++) vstore(states0 + i * 8, states7[i]);
      #pragma GCC unroll 4
      for (int64_t i = 0; i < 4; i++) vstore(states1 + i * 8, parts8[i]);
      for (int64_t step = 0; step < step_end; step++) {
        for (int64_t i = 0; i < 4; i++) {
          float acc2 = 0.0f;
          acc2 = acc2 + vhsum(vload(parts5 + step * 32 + i * 8));
          a9[b * 132 + block * 44 - chunk * 32 + step * 4 + i + 32] = acc2;
        }
      }
      for (int64_t step = 0; step < step_end; step++) {
        for (int64_t i = 0; i < 4; i++) {
          float acc3 = 0.0f;
          acc3 = acc3 + vhsum(vload(parts6 + step * 32 + i * 8));
          a10[b * 132 + block * 44 - chunk * 32 + step * 4 + i + 32] = acc3;
        }
      }
    }
    vf copies17[4];
    #pragma GCC unroll 4
    for (int64_t i = 0; i < 4; i++) copies17[i] = vload(states1 + i * 8);
    #pragma GCC unroll 4
    for (int64_t i = 0; i < 4; i++) vstore(a11 + b * 96 + block * 8 + i * 24, copies17[i]);
  }
}
