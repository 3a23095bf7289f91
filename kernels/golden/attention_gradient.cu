#include "archc_cuda.h"

// a0: f32 [batch, H:2, T:20, K:16], read: q
// a1: f32 [batch, H:2, T:20, K:16], read: output.grad
// a2: f32 [batch, H:2, T:20, K:16], read: output
// a3: f32 [batch, H:2, S:40, K:16], read: k
// a4: f32 [batch, H:2, S:40, K:16], read: v
// a5: f32 [batch, H:2, T:20], read
// a6: f32 [batch, H:2, T:20], read
// a7: f32 [batch, H:2, S:40, K:16], written: grad.v
// a8: f32 [batch, H:2, S:40, K:16], written: grad.k
// a9: f32 [batch, H:2, T:20, K:16], written: grad.q
// i in (batch, H), j in K, k in T, n in S
// a warp for each of batch * 2 rows, 32 threads a block
// 128 bytes of a thread lie in local memory
extern "C" __global__ void __launch_bounds__(32)
attention_gradient_dot_mul_max_735a1d(const float *__restrict__ a0, const float *__restrict__ a1,
    const float *__restrict__ a2, const float *__restrict__ a3, const float *__restrict__ a4,
    const float *__restrict__ a5, const float *__restrict__ a6, float *__restrict__ a7,
    float *__restrict__ a8, float *__restrict__ a9, const int batch) {
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  __shared__ float copies2_of[1][32];
  float *const copies2 = copies2_of[warp];
  __shared__ float values3_of[1][1024];
  float *const values3 = values3_of[warp];
  __shared__ float values4_of[1][1280];
  float *const values4 = values4_of[warp];
  __shared__ float values5_of[1][1280];
  float *const values5 = values5_of[warp];
  __shared__ float copies8_of[1][1280];
  float *const copies8 = copies8_of[warp];
  __shared__ float copies10_of[1][1280];
  float *const copies10 = copies10_of[warp];
  const int i = blockIdx.x;
  if (i >= batch * 2) return;
  float copies0[16];
  for (int j = 0; j < 16; j++) {
    {
      const int k = lane;
      copies0[j] = a0[i * 320 + j + clamp(k, 0, 19) * 16];
    }
  }
  float copies1[16];
  for (int j = 0; j < 16; j++) {
    {
      const int k = lane;
      copies1[j] = a1[i * 320 + j + clamp(k, 0, 19) * 16];
    }
  }
  for (int row = 0; row < 32; row++) {
    float acc0 = 0.0f;
    for (int j = lane; j < 16; j += 32) {
      const float prod0 = a1[i * 320 + j + clamp(row, 0, 19) * 16] * a2[i * 320 + j + clamp(row, 0, 19) * 16];
      acc0 += prod0;
    }
    const float total0 = warp_sum(acc0);
    if (lane == 0) copies2[row] = total0;
  }
  for (int i9 = lane; i9 < 1024; i9 += 32) values3[i9] = 0.0f;
  for (int rows = 0; rows < 5; rows++) {
    __syncwarp();
    {
      const int column = lane;
      float parts6[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) parts6[row] = 0.0f;
      for (int j = 0; j < 16; j++) {
        const float copy0 = copies0[j];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float sum0 = parts6[row] + a3[i * 640 + rows * 128 + j + row * 16] * copy0;
          parts6[row] = sum0;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) values4[rows * 256 + column + row * 32] = parts6[row];
    }
  }
  for (int rows = 0; rows < 5; rows++) {
    __syncwarp();
    {
      const int column = lane;
      float parts7[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) parts7[row] = 0.0f;
      for (int j = 0; j < 16; j++) {
        const float copy1 = copies1[j];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float sum1 = parts7[row] + a4[i * 640 + rows * 128 + j + row * 16] * copy1;
          parts7[row] = sum1;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) values5[rows * 256 + column + row * 32] = parts7[row];
    }
  }
  __syncwarp();
  for (int k = lane; k < 32; k += 32) {
    const float x5 = a5[i * 20 + clamp(k, 0, 19)];
    const float prod1 = copies2[k] / x5 * (-1.0f);
    const float x6 = a6[i * 20 + clamp(k, 0, 19)];
    for (int n = 0; n < 40; n++) {
      const float exp0 = exp_f32(0.25f * values4[k + n * 32] - x6);
      const float prod2 = (values5[k + n * 32] / x5 + prod1) * exp0 * 0.25f;
      values4[k + n * 32] = exp0 / x5;
      values5[k + n * 32] = prod2;
    }
  }
  for (int rows = 0; rows < 5; rows++) {
    __syncwarp();
    for (int column = lane; column < 32; column += 32) {
      float parts9[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) parts9[row] = 0.0f;
      for (int k = 0; k < 20; k++) {
        const float x1 = a1[i * 320 + k * 16 + clamp(column, 0, 15)];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float sum2 = parts9[row] + values4[rows * 256 + k + row * 32] * x1;
          parts9[row] = sum2;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) copies8[rows * 256 + column + row * 32] = parts9[row];
    }
  }
  for (int n = 0; n < 40; n++) {
    __syncwarp();
    for (int j = lane; j < 16; j += 32) a7[i * 640 + n * 16 + j] = copies8[n * 32 + j];
  }
  for (int rows = 0; rows < 5; rows++) {
    __syncwarp();
    for (int column = lane; column < 32; column += 32) {
      float parts11[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) parts11[row] = 0.0f;
      for (int k = 0; k < 20; k++) {
        const float x0 = a0[i * 320 + k * 16 + clamp(column, 0, 15)];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float sum3 = parts11[row] + values5[rows * 256 + k + row * 32] * x0;
          parts11[row] = sum3;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) copies10[rows * 256 + column + row * 32] = parts11[row];
    }
  }
  for (int n = 0; n < 40; n++) {
    __syncwarp();
    for (int j = lane; j < 16; j += 32) a8[i * 640 + n * 16 + j] = copies10[n * 32 + j];
  }
  for (int rows = 0; rows < 3; rows++) {
    __syncwarp();
    for (int column = lane; column < 32; column += 32) {
      float parts12[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        const float value3 = values3[column + clamp(rows * 8 + row, 0, 19) * 32];
        parts12[row] = value3;
      }
      for (int n = 0; n < 40; n++) {
        const float x3 = a3[i * 640 + n * 16 + clamp(column, 0, 15)];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float prod3 = values5[n * 32 + clamp(rows * 8 + row, 0, 19)] * x3;
          parts12[row] = parts12[row] + prod3;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        values3[column + clamp(rows * 8 + row, 0, 19) * 32] = parts12[row];
      }
    }
  }
  for (int k = 0; k < 20; k++) {
    __syncwarp();
    for (int j = lane; j < 16; j += 32) a9[i * 320 + k * 16 + j] = values3[k * 32 + j];
  }
}
