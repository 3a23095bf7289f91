#include "archc_cuda.h"

// a0: f32 [batch, T:5, S:17], read: x
// a1: f32 [batch, T:5, S:17], written: output
// i in (batch, T), j in S
// a warp for each of batch * 5 rows, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
row_max_sub_exp_f6aa8b(const float *__restrict__ a0, float *__restrict__ a1, const int batch) {
  const int lane = threadIdx.x % 32;
  const int i = blockIdx.x * 4 + threadIdx.x / 32;
  if (i >= batch * 5) return;
  float acc0 = -INFINITY_F32;
  for (int j = lane; j < 17; j += 32) acc0 = max_f32(acc0, a0[i * 17 + j]);
  const float largest0 = warp_max(acc0);
  float copies0[1];
  float acc1 = 0.0f;
  if (lane < 17) {
    const int j = lane;
    const float exp0 = exp_f32(a0[i * 17 + j] - largest0);
    acc1 += exp0;
    copies0[0] = exp0;
  }
  const float total1 = warp_sum(acc1);
  if (lane < 17) {
    const int j = lane;
    a1[i * 17 + j] = copies0[0] / total1;
  }
}
