#include "archc_cuda.h"

// a0: f32 [batch, T:5, S:17], read: x
// a1: f32 [batch, T:5, S:17], written: output
// i in (batch, T), j in S
// a warp for each of batch * 5 rows, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
row_max_sub_exp_6b1595(const float *__restrict__ a0, float *__restrict__ a1, const int batch) {
  const int lane = threadIdx.x % 32;
  const int i = blockIdx.x * 4 + threadIdx.x / 32;
  if (i >= batch * 5) return;
  float r0 = (-INFINITY_F32);
  for (int j = lane; j < 17; j += 32) {
    const float x0 = a0[i * 17 + j];
    r0 = max_f32(r0, x0);
  }
  const float x1 = warp_max(r0);
  float m0[1];
  float r1 = 0.0f;
  if (lane < 17) {
    const int j = lane;
    const float x2 = a0[i * 17 + j];
    const float x3 = x2 - x1;
    const float x4 = exp_f32(x3);
    r1 += x4;
    m0[0] = x4;
  }
  const float x5 = warp_sum(r1);
  if (lane < 17) {
    const int j = lane;
    const float x6 = m0[0];
    const float x7 = x6 / x5;
    a1[i * 17 + j] = x7;
  }
}
