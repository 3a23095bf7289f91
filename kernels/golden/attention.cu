#include "archc_cuda.h"

// a0: f32 [batch, T:20, H:2, K:16], read: q
// a1: f32 [batch, S:40, H:2, K:16], read: k
// a2: f32 [batch, S:40, H:2, K:16], read: v
// a3: f32 [batch, T:20, H:2, K:16], written: output
// i in H, j in K, k in T, n in S
// a warp for each of batch * 2 rows, 128 threads a block
// 64 bytes of a thread lie in local memory
extern "C" __global__ void __launch_bounds__(128)
attention_dot_af5eb1(const float *__restrict__ a0, const float *__restrict__ a1,
    const float *__restrict__ a2, float *__restrict__ a3, const int batch) {
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  __shared__ float m2_of[4][32];
  float *const m2 = m2_of[warp];
  __shared__ float m3_of[4][1024];
  float *const m3 = m3_of[warp];
  __shared__ float m4_of[4][1280];
  float *const m4 = m4_of[warp];
  const int piece = blockIdx.x * 4 + threadIdx.x / 32;
  if (piece >= batch * 2) return;
  const int b = piece / 2;
  const int i = piece % 2;
  float m0[16];
  for (int j = 0; j < 16; j++) {
    {
      const int k = lane;
      const float x0 = a0[b * 640 + i * 16 + j + clamp(k, 0, 19) * 32];
      m0[j] = x0;
    }
  }
  float m1[1];
  for (int rows = 0; rows < 5; rows++) {
    __syncwarp();
    {
      const int column = lane;
      float m5[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        m5[row] = 0.0f;
      }
      for (int j = 0; j < 16; j++) {
        const float x1 = m0[j];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float x2 = a1[b * 1280 + i * 16 + rows * 256 + j + row * 32];
          const float x3 = m5[row];
          const float x4 = x2 * x1;
          const float x5 = x3 + x4;
          m5[row] = x5;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        const float x6 = m5[row];
        m4[rows * 256 + column + row * 32] = x6;
      }
    }
  }
  __syncwarp();
  {
    const int k = lane;
    float r0 = (-INFINITY_F32);
    for (int n = 0; n < 40; n++) {
      const float x7 = m4[k + n * 32];
      const float x8 = x7 * 0.25f;
      r0 = max_f32(r0, x8);
    }
    const float x9 = r0;
    float r1 = 0.0f;
    for (int n = 0; n < 40; n++) {
      const float x10 = m4[k + n * 32];
      const float x11 = x10 * 0.25f;
      const float x12 = x11 - x9;
      const float x13 = exp_f32(x12);
      r1 += x13;
      m4[k + n * 32] = x13;
    }
    const float x14 = r1;
    m1[0] = x14;
  }
  for (int rows = 0; rows < 3; rows++) {
    __syncwarp();
    for (int column = lane; column < 32; column += 32) {
      float m6[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        m6[row] = 0.0f;
      }
      for (int n = 0; n < 40; n++) {
        const float x15 = a2[b * 1280 + i * 16 + n * 32 + clamp(column, 0, 15)];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float x16 = m4[n * 32 + clamp(rows * 8 + row, 0, 19)];
          const float x17 = m6[row];
          const float x18 = x16 * x15;
          const float x19 = x17 + x18;
          m6[row] = x19;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        const float x20 = m6[row];
        m3[column + clamp(rows * 8 + row, 0, 19) * 32] = x20;
      }
    }
  }
  {
    const int k = lane;
    const float x21 = m1[0];
    const float x22 = 1.0f / x21;
    m2[k] = x22;
  }
  for (int k = 0; k < 20; k++) {
    __syncwarp();
    for (int j = lane; j < 16; j += 32) {
      const float x23 = m3[k * 32 + j];
      const float x24 = m2[k];
      const float x25 = x23 * x24;
      a3[b * 640 + i * 16 + k * 32 + j] = x25;
    }
  }
}
