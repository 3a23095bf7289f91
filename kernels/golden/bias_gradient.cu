#include "archc_cuda.h"

// a0: f32 [batch, T:5, D:24], read: x
// a1: f32 [D:24], written: output
// a thread for each of 24 elements, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
map_sum_23dc07(const float *__restrict__ a0, float *__restrict__ a1, const int batch) {
  const int d = blockIdx.x * 128 + threadIdx.x;
  if (d >= 24) return;
  float r0 = 0.0f;
  for (int b_t = 0; b_t < batch * 5; b_t++) {
    const float x0 = a0[d + b_t * 24];
    r0 += x0;
  }
  const float x1 = r0;
  a1[d] = x1;
}
