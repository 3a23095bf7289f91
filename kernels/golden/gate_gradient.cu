#include "archc_cuda.h"

// a0: f32 [batch, T:20, D:64], read: gradient
// a1: f32 [batch, T:20, D:64], read: y
// a2: f32 [batch, D:64], written: output
// i in D, j in T
// a thread for each of batch * 64 elements, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
map_dot_c50fa6(const float *__restrict__ a0, const float *__restrict__ a1, float *__restrict__ a2,
    const int batch) {
  const int piece = blockIdx.x * 128 + threadIdx.x;
  if (piece >= batch * 64) return;
  const int b = piece / 64;
  const int i = piece % 64;
  float acc0 = 0.0f;
  for (int j = 0; j < 20; j++) {
    const float prod0 = a0[b * 1280 + i + j * 64] * a1[b * 1280 + i + j * 64];
    acc0 += prod0;
  }
  a2[b * 64 + i] = acc0;
}
