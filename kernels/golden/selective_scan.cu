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
scan_0e0a51(const float *__restrict__ a0, const float *__restrict__ a1, const float *__restrict__ a2,
    const float *__restrict__ a3, const float *__restrict__ a4, const float *__restrict__ a5,
    float *__restrict__ a6, const int batch) {
  const int piece = blockIdx.x * 128 + threadIdx.x;
  if (piece >= batch * 24) return;
  const int b = piece / 24;
  const int i = piece % 24;
  float m0[4];
  #pragma unroll
  for (int j = 0; j < 4; j++) {
    const float x0 = a0[b * 96 + i * 4 + j];
    m0[j] = x0;
  }
  float m1[4];
  #pragma unroll
  for (int j = 0; j < 4; j++) {
    const float x1 = a1[i * 4 + j];
    m1[j] = x1;
  }
  for (int k = 0; k < 9; k++) {
    float r0 = 0.0f;
    const float x3 = a3[b * 216 + i + k * 24];
    const float x9 = a4[b * 216 + i + k * 24];
    const float x10 = x3 * x9;
    #pragma unroll
    for (int j = 0; j < 4; j++) {
      const float x2 = a2[b * 36 + k * 4 + j];
      const float x4 = m1[j];
      const float x5 = x3 * x4;
      const float x6 = exp_f32(x5);
      const float x7 = m0[j];
      const float x8 = x6 * x7;
      const float x11 = a5[b * 36 + k * 4 + j];
      const float x12 = x10 * x11;
      const float x13 = x8 + x12;
      const float x14 = x2 * x13;
      r0 += x14;
      m0[j] = x13;
    }
    const float x15 = r0;
    a6[b * 216 + i + k * 24] = x15;
  }
}
