#include "archc_cuda.h"

// a0: f32 [batch, E:40], read: h
// a1: f32 [F:40, E:40], read: weight
// a2: f32 [batch, T:5, F:40], read: u
// a3: f32 [batch, T:5, E:40], written: output
// i in E, j in T, k in F
// a warp for each of batch rows, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
scan_192fe9(const float *__restrict__ a0, const float *__restrict__ a1, const float *__restrict__ a2,
    float *__restrict__ a3, const int batch) {
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  __shared__ float m1_of[4][40];
  float *const m1 = m1_of[warp];
  const int b = blockIdx.x * 4 + threadIdx.x / 32;
  if (b >= batch) return;
  float m0[2];
  #pragma unroll
  for (int turn = 0; turn < 2; turn++) {
    const int i = lane + turn * 32;
    if (i < 40) {
      const float x0 = a0[b * 40 + i];
      m0[turn] = x0;
    }
  }
  for (int j = 0; j < 5; j++) {
    for (int k = 0; k < 40; k++) {
      float r0 = 0.0f;
      #pragma unroll
      for (int turn = 0; turn < 2; turn++) {
        const int i = lane + turn * 32;
        if (i < 40) {
          const float x1 = a1[k * 40 + i];
          const float x2 = m0[turn];
          const float x3 = x1 * x2;
          r0 += x3;
        }
      }
      const float x4 = warp_sum(r0);
      const float x5 = a2[b * 200 + j * 40 + k];
      const float x6 = x4 + x5;
      const float x7 = tanh_f32(x6);
      __syncwarp();
      if (lane == 0) m1[k] = x7;
    }
    __syncwarp();
    #pragma unroll
    for (int turn = 0; turn < 2; turn++) {
      const int i = lane + turn * 32;
      if (i < 40) {
        const float x8 = m1[i];
        a3[b * 200 + j * 40 + i] = x8;
        m0[turn] = x8;
      }
    }
  }
}
