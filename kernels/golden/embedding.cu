#include "archc_cuda.h"

// a0: i32 [batch], read: label
// a1: f32 [N:7, D:24], read: table
// a2: f32 [D:24], read: bias
// a3: f32 [batch, D:24], written: output
// i in D
// a thread for each of batch * 24 elements, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
map_gather_add_14b8c0(const int *__restrict__ a0, const float *__restrict__ a1, const float *__restrict__ a2,
    float *__restrict__ a3, const int batch) {
  const int piece = blockIdx.x * 128 + threadIdx.x;
  if (piece >= batch * 24) return;
  const int b = piece / 24;
  const int i = piece % 24;
  const int x0 = a0[b];
  a3[b * 24 + i] = a1[i + clamp(x0, 0, 6) * 24] + a2[i];
}
