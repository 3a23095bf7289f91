#include "archc_cuda.h"

// a0: f32 [batch, T:5, D:24], read: x
// a1: f32 [D:24], written: output
// i in D, j in (batch, T)
// a thread for each of 24 elements, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
map_sum_c66acc(const float *__restrict__ a0, float *__restrict__ a1, const int batch) {
  const int i = blockIdx.x * 128 + threadIdx.x;
  if (i >= 24) return;
  float acc0 = 0.0f;
  for (int j = 0; j < batch * 5; j++) acc0 += a0[i + j * 24];
  a1[i] = acc0;
}
