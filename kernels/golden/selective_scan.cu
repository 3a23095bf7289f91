#include "archc_cuda.h"

// a0: f32 [batch, E:24, N:4], read: h
// a1: f32 [E:24, N:4], read: a
// a2: f32 [batch, T:9, N:4], read: c
// a3: f32 [batch, T:9, E:24], read: dt
// a4: f32 [batch, T:9, E:24], read: u
// a5: f32 [batch, T:9, N:4], read: b
// a6: f32 [batch, T:9, E:24], written: output
// i in E, j in N, k in T
// a thread for each of batch * 24 elements, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
scan_426542(const float *__restrict__ a0, const float *__restrict__ a1, const float *__restrict__ a2,
    const float *__restrict__ a3, const float *__restrict__ a4, const float *__restrict__ a5,
    float *__restrict__ a6, const int batch) {
  const int piece = blockIdx.x * 128 + threadIdx.x;
  if (piece >= batch * 24) return;
  const int b = piece / 24;
  const int i = piece % 24;
  float states0[4];
  #pragma unroll
  for (int j = 0; j < 4; j++) states0[j] = a0[b * 96 + i * 4 + j];
  float copies1[4];
  #pragma unroll
  for (int j = 0; j < 4; j++) copies1[j] = a1[i * 4 + j];
  for (int k = 0; k < 9; k++) {
    float acc0 = 0.0f;
    const float x3 = a3[b * 216 + i + k * 24];
    const float prod0 = x3 * a4[b * 216 + i + k * 24];
    #pragma unroll
    for (int j = 0; j < 4; j++) {
      const float sum0 = exp_f32(x3 * copies1[j]) * states0[j] + prod0 * a5[b * 36 + k * 4 + j];
      acc0 += a2[b * 36 + k * 4 + j] * sum0;
      states0[j] = sum0;
    }
    a6[b * 216 + i + k * 24] = acc0;
  }
}
