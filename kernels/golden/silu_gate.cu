#include "archc_cuda.h"

// a0: f32 [batch, T:5, D:24], read: x
// a1: f32 [batch, T:5, D:24], read: z
// a2: f32 [batch, T:5, D:24], written: output
// i in (batch, T, D)
// a thread for each of batch * 120 elements, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
map_sigmoid_mul_93873b(const float *__restrict__ a0, const float *__restrict__ a1, float *__restrict__ a2,
    const int batch) {
  const int i = blockIdx.x * 128 + threadIdx.x;
  if (i >= batch * 120) return;
  const float x0 = a0[i];
  const float x1 = a1[i];
  const float x2 = sigmoid_f32(x1);
  const float x3 = x1 * x2;
  const float x4 = x0 * x3;
  a2[i] = x4;
}
