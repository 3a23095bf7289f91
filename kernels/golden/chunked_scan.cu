#include "archc_cuda.h"

// a0: f32 [batch, T.chunk:32, E:3], read
// a1: f32 [batch, T:1024, E:3], read: x
// a2: f32 [batch, T:1024, E:3], read: g
// a3: f32 [batch, T.chunk:32, T.step:32, E:3], written: output
// i in E, j in T.chunk, k in T.step
// a thread for each of batch * 96 elements, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
scan_157b4f(const float *__restrict__ a0, const float *__restrict__ a1, const float *__restrict__ a2,
    float *__restrict__ a3, const int batch) {
  const int piece = blockIdx.x * 128 + threadIdx.x;
  if (piece >= batch * 96) return;
  const int b = piece / 96;
  const int i = piece / 32 % 3;
  const int j = piece % 32;
  float states0[1];
  states0[0] = a0[b * 96 + i + j * 3];
  for (int k = 0; k < 32; k++) {
    const float sum0 = a1[b * 3072 + i + j * 96 + k * 3] + a2[b * 3072 + i + j * 96 + k * 3] * states0[0];
    a3[b * 3072 + i + j * 96 + k * 3] = sum0;
    states0[0] = sum0;
  }
}
