#include "archc_cuda.h"

// a0: f32 [batch, T:20, H:2, K:16], read: q
// a1: f32 [batch, S:40, H:2, K:16], read: k
// a2: f32 [batch, S:40, H:2, K:16], read: v
// a3: f32 [batch, T:20, H:2, K:16], written: output
// i in H, j in K, k in T, n in S
// a warp for each of batch * 2 rows, 128 threads a block
// 64 bytes of a thread lie in local memory
extern "C" __global__ void __launch_bounds__(128)
attention_dot_1695a8(const float *__restrict__ a0, const float *__restrict__ a1,
    const float *__restrict__ a2, float *__restrict__ a3, const int batch) {
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  __shared__ float copies2_of[4][32];
  float *const copies2 = copies2_of[warp];
  __shared__ float copies3_of[4][1024];
  float *const copies3 = copies3_of[warp];
  __shared__ float values4_of[4][1280];
  float *const values4 = values4_of[warp];
  const int piece = blockIdx.x * 4 + threadIdx.x / 32;
  if (piece >= batch * 2) return;
  const int b = piece / 2;
  const int i = piece % 2;
  float copies0[16];
  for (int j = 0; j < 16; j++) {
    {
      const int k = lane;
      copies0[j] = a0[b * 640 + i * 16 + j + clamp(k, 0, 19) * 32];
    }
  }
  float copies1[1];
  for (int rows = 0; rows < 5; rows++) {
    __syncwarp();
    {
      const int column = lane;
      float parts5[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) parts5[row] = 0.0f;
      for (int j = 0; j < 16; j++) {
        const float copy0 = copies0[j];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float prod0 = a1[b * 1280 + i * 16 + rows * 256 + j + row * 32] * copy0;
          parts5[row] = parts5[row] + prod0;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) values4[rows * 256 + column + row * 32] = parts5[row];
    }
  }
  __syncwarp();
  {
    const int k = lane;
    float acc0 = -INFINITY_F32;
    for (int n = 0; n < 40; n++) acc0 = max_f32(acc0, values4[k + n * 32] * 0.25f);
    const float largest0 = acc0;
    float acc1 = 0.0f;
    for (int n = 0; n < 40; n++) {
      const float exp0 = exp_f32(values4[k + n * 32] * 0.25f - largest0);
      acc1 += exp0;
      values4[k + n * 32] = exp0;
    }
    copies1[0] = acc1;
  }
  for (int rows = 0; rows < 3; rows++) {
    __syncwarp();
    for (int column = lane; column < 32; column += 32) {
      float parts6[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) parts6[row] = 0.0f;
      for (int n = 0; n < 40; n++) {
        const float x2 = a2[b * 1280 + i * 16 + n * 32 + clamp(column, 0, 15)];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float prod1 = values4[n * 32 + clamp(rows * 8 + row, 0, 19)] * x2;
          parts6[row] = parts6[row] + prod1;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        copies3[column + clamp(rows * 8 + row, 0, 19) * 32] = parts6[row];
      }
    }
  }
  {
    const int k = lane;
    copies2[k] = 1.0f / copies1[0];
  }
  for (int k = 0; k < 20; k++) {
    __syncwarp();
    for (int j = lane; j < 16; j += 32) {
      a3[b * 640 + i * 16 + k * 32 + j] = copies3[k * 32 + j] * copies2[k];
    }
  }
}
