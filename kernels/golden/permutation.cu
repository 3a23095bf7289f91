#include "archc_cuda.h"

// a0: i32 [5], read
// a1: f32 [batch, T:5, D:24], read: x
// a2: f32 [batch, D:24], read: gate
// a3: f32 [batch, S:5, D:24], written: output
// i in S, j in D
// a thread for each of batch * 120 elements, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
map_mul_749eb4(const int *__restrict__ a0, const float *__restrict__ a1, const float *__restrict__ a2,
    float *__restrict__ a3, const int batch) {
  const int piece = blockIdx.x * 128 + threadIdx.x;
  if (piece >= batch * 120) return;
  const int b = piece / 120;
  const int i = piece / 24 % 5;
  const int j = piece % 24;
  const int x0 = a0[i];
  a3[b * 120 + i * 24 + j] = a1[b * 120 + j + x0 * 24] * a2[b * 24 + j];
}
