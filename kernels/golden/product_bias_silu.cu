#include "archc_cuda.h"

// a0: f32 [batch, T:45, I:24], read: x
// a1: f32 [O:72, I:24], read: weight
// a2: f32 [batch, T:45, O:72], read: beside
// a3: f32 [O:72], read: bias
// a4: f32 [batch, T:45, O:72], written: output
// i in O, j in (batch, T), k in I
// j: 135, i: 72, summed over k: 24
// 6 blocks for tiles of 64 x 64, 256 threads a block
extern "C" __global__ void __launch_bounds__(256, 2)
gemm_135x72x24_add_sigmoid_24f7fd(const float *__restrict__ a0, const float *__restrict__ a1,
    const float *__restrict__ a2, const float *__restrict__ a3, float *__restrict__ a4, const int batch) {
  __shared__ float rows[16][65], columns[16][65];
  const int x = threadIdx.x % 16, y = threadIdx.x / 16;
  const int column0 = blockIdx.x % 2 * 64;
  const int row0 = blockIdx.x / 2 * 64;
  float sums[4][4] = {};
  for (int term0 = 0; term0 < 24; term0 += 16) {
    for (int at = threadIdx.x; at < 1024; at += 256) {
      const int j = row0 + at / 16, k = term0 + at % 16;
      rows[at % 16][at / 16] = j < 135 && k < 24 ? a0[j * 24 + k] : 0.0f;
    }
    for (int at = threadIdx.x; at < 1024; at += 256) {
      const int i = column0 + at / 16, k = term0 + at % 16;
      columns[at % 16][at / 16] = i < 72 && k < 24 ? a1[i * 24 + k] : 0.0f;
    }
    __syncthreads();
    #pragma unroll
    for (int at = 0; at < 16; at++) {
      float left[4], right[4];
      #pragma unroll
      for (int down = 0; down < 4; down++) left[down] = rows[at][y + down * 16];
      #pragma unroll
      for (int across = 0; across < 4; across++) right[across] = columns[at][x + across * 16];
      #pragma unroll
      for (int down = 0; down < 4; down++)
        #pragma unroll
        for (int across = 0; across < 4; across++) sums[down][across] += left[down] * right[across];
    }
    __syncthreads();
  }
  #pragma unroll
  for (int across = 0; across < 4; across++) {
    const int i = column0 + x + across * 16;
    if (i >= 72) continue;
    const float x3 = a3[i];
    #pragma unroll
    for (int down = 0; down < 4; down++) {
      const int j = row0 + y + down * 16;
      if (j >= 135) continue;
      const float total0 = sums[down][across];
      const float sum0 = total0 + x3;
      a4[i + j * 72] = a2[i + j * 72] + sum0 * sigmoid_f32(sum0);
    }
  }
}
