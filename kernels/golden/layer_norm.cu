#include "archc_cuda.h"

// a0: f32 [batch, T:5, D:40], read: x
// a1: f32 [batch, T:5, D:40], written: output
// i in (batch, T), j in D
// a warp for each of batch * 5 rows, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
row_sum_sub_mul_8b0b77(const float *__restrict__ a0, float *__restrict__ a1, const int batch) {
  const int lane = threadIdx.x % 32;
  const int i = blockIdx.x * 4 + threadIdx.x / 32;
  if (i >= batch * 5) return;
  float acc0 = 0.0f;
  for (int j = lane; j < 40; j += 32) acc0 += a0[i * 40 + j];
  const float total0 = warp_sum(acc0);
  float acc1 = 0.0f;
  const float prod0 = total0 * 0.025f;
  for (int j = lane; j < 40; j += 32) {
    const float diff0 = a0[i * 40 + j] - prod0;
    acc1 += diff0 * diff0;
  }
  const float total1 = warp_sum(acc1);
  const float inverse0 = 1.0f / sqrtf(total1 * 0.025f + 1e-6f);
  for (int j = lane; j < 40; j += 32) a1[i * 40 + j] = (a0[i * 40 + j] - prod0) * inverse0;
}
