#include "archc_cuda.h"

// out[i, j] = sum of left[i, k] * right[k, j] over k
// i: 120, j: 72, k: 24
// 4 blocks, a tile of 64 x 64 each
extern "C" __global__ void __launch_bounds__(256)
gemm_120x72x24_362c2e(const float *__restrict__ left, const float *__restrict__ right,
    float *__restrict__ out) {
  __shared__ float rows[16][65], columns[16][65];
  const int x = threadIdx.x % 16, y = threadIdx.x / 16;
  const int j0 = (int)blockIdx.x % 2 * 64;
  const int i0 = (int)blockIdx.x / 2 * 64;
  float sums[4][4] = {};
  for (int k0 = 0; k0 < 24; k0 += 16) {
    for (int e = threadIdx.x; e < 1024; e += 256) {
      const int i = i0 + e / 16, k = k0 + e % 16;
      rows[e % 16][e / 16] = i < 120 && k < 24 ? left[i * 24 + k] : 0.0f;
    }
    for (int e = threadIdx.x; e < 1024; e += 256) {
      const int j = j0 + e / 16, k = k0 + e % 16;
      columns[e % 16][e / 16] = j < 72 && k < 24 ? right[j * 24 + k] : 0.0f;
    }
    __syncthreads();
    #pragma unroll
    for (int k = 0; k < 16; k++) {
      float a[4], b[4];
      #pragma unroll
      for (int r = 0; r < 4; r++) a[r] = rows[k][y + r * 16];
      #pragma unroll
      for (int c = 0; c < 4; c++) b[c] = columns[k][x + c * 16];
      #pragma unroll
      for (int r = 0; r < 4; r++)
        #pragma unroll
        for (int c = 0; c < 4; c++) sums[r][c] += a[r] * b[c];
    }
    __syncthreads();
  }
  #pragma unroll
  for (int r = 0; r < 4; r++)
    #pragma unroll
    for (int c = 0; c < 4; c++) {
      const int i = i0 + y + r * 16, j = j0 + x + c * 16;
      if (i < 120 && j < 72) out[i * 72 + j] = sums[r][c];
    }
}
