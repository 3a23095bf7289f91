#include "archc_cuda.h"

// a0: f32 [batch, T:5, D:40], read: x
// a1: f32 [batch, T:5, D:40], written: output
// i in (batch, T), j in D
// a warp for each of batch * 5 rows, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
row_sum_sub_mul_e12b36(const float *__restrict__ a0, float *__restrict__ a1, const int batch) {
  const int lane = threadIdx.x % 32;
  const int i = blockIdx.x * 4 + threadIdx.x / 32;
  if (i >= batch * 5) return;
  float r0 = 0.0f;
  for (int j = lane; j < 40; j += 32) {
    const float x0 = a0[i * 40 + j];
    r0 += x0;
  }
  const float x1 = warp_sum(r0);
  float r1 = 0.0f;
  const float x3 = x1 * 0.025f;
  for (int j = lane; j < 40; j += 32) {
    const float x2 = a0[i * 40 + j];
    const float x4 = x2 - x3;
    const float x5 = x4 * x4;
    r1 += x5;
  }
  const float x6 = warp_sum(r1);
  const float x9 = x6 * 0.025f;
  const float x10 = x9 + 1e-6f;
  const float x11 = sqrtf(x10);
  const float x12 = 1.0f / x11;
  for (int j = lane; j < 40; j += 32) {
    const float x7 = a0[i * 40 + j];
    const float x8 = x7 - x3;
    const float x13 = x8 * x12;
    a1[i * 40 + j] = x13;
  }
}
