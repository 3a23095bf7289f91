#include "archc_cuda.h"

// a0: f32 [batch, E:40], read: h
// a1: f32 [F:40, E:40], read: weight
// a2: f32 [batch, T:5, F:40], read: u
// a3: f32 [batch, T:5, E:40], written: output
// i in E, j in T, k in F
// a warp for each of batch rows, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
scan_14368d(const float *__restrict__ a0, const float *__restrict__ a1, const float *__restrict__ a2,
    float *__restrict__ a3, const int batch) {
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  __shared__ float copies1_of[4][40];
  float *const copies1 = copies1_of[warp];
  const int b = blockIdx.x * 4 + threadIdx.x / 32;
  if (b >= batch) return;
  float states0[2];
  #pragma unroll
  for (int turn = 0; turn < 2; turn++) {
    const int i = lane + turn * 32;
    if (i < 40) {
      states0[turn] = a0[b * 40 + i];
    }
  }
  for (int j = 0; j < 5; j++) {
    for (int k = 0; k < 40; k++) {
      float acc0 = 0.0f;
      #pragma unroll
      for (int turn = 0; turn < 2; turn++) {
        const int i = lane + turn * 32;
        if (i < 40) {
          acc0 += a1[k * 40 + i] * states0[turn];
        }
      }
      const float total0 = warp_sum(acc0);
      const float tanh0 = tanh_f32(total0 + a2[b * 200 + j * 40 + k]);
      __syncwarp();
      if (lane == 0) copies1[k] = tanh0;
    }
    __syncwarp();
    #pragma unroll
    for (int turn = 0; turn < 2; turn++) {
      const int i = lane + turn * 32;
      if (i < 40) {
        const float copy1 = copies1[i];
        a3[b * 200 + j * 40 + i] = copy1;
        states0[turn] = copy1;
      }
    }
  }
}
