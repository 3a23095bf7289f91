#include "archc_cuda.h"

// a0: f32 [batch, T:5, D:24], read: x
// a1: f32 [batch, T:5, D:24], read: z
// a2: f32 [batch, T:5, D:24], written: output
// i in (batch, T, D)
// a thread for each of batch * 120 elements, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
map_sigmoid_mul_db68d4(const float *__restrict__ a0, const float *__restrict__ a1, float *__restrict__ a2,
    const int batch) {
  const int i = blockIdx.x * 128 + threadIdx.x;
  if (i >= batch * 120) return;
  const float x1 = a1[i];
  a2[i] = a0[i] * (x1 * sigmoid_f32(x1));
}
