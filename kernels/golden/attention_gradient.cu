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
attention_gradient_dot_mul_max_b08a19(const float *__restrict__ a0, const float *__restrict__ a1,
    const float *__restrict__ a2, const float *__restrict__ a3, const float *__restrict__ a4,
    const float *__restrict__ a5, const float *__restrict__ a6, float *__restrict__ a7,
    float *__restrict__ a8, float *__restrict__ a9, const int batch) {
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  __shared__ float m2_of[1][32];
  float *const m2 = m2_of[warp];
  __shared__ float m3_of[1][1024];
  float *const m3 = m3_of[warp];
  __shared__ float m4_of[1][1280];
  float *const m4 = m4_of[warp];
  __shared__ float m5_of[1][1280];
  float *const m5 = m5_of[warp];
  __shared__ float m8_of[1][1280];
  float *const m8 = m8_of[warp];
  __shared__ float m10_of[1][1280];
  float *const m10 = m10_of[warp];
  const int i = blockIdx.x;
  if (i >= batch * 2) return;
  float m0[16];
  for (int j = 0; j < 16; j++) {
    {
      const int k = lane;
      const float x0 = a0[i * 320 + j + clamp(k, 0, 19) * 16];
      m0[j] = x0;
    }
  }
  float m1[16];
  for (int j = 0; j < 16; j++) {
    {
      const int k = lane;
      const float x1 = a1[i * 320 + j + clamp(k, 0, 19) * 16];
      m1[j] = x1;
    }
  }
  for (int row = 0; row < 32; row++) {
    float r0 = 0.0f;
    for (int j = lane; j < 16; j += 32) {
      const float x2 = a1[i * 320 + j + clamp(row, 0, 19) * 16];
      const float x3 = a2[i * 320 + j + clamp(row, 0, 19) * 16];
      const float x4 = x2 * x3;
      r0 += x4;
    }
    const float x5 = warp_sum(r0);
    if (lane == 0) m2[row] = x5;
  }
  for (int i9 = lane; i9 < 1024; i9 += 32) {
    m3[i9] = 0.0f;
  }
  for (int rows = 0; rows < 5; rows++) {
    __syncwarp();
    {
      const int column = lane;
      float m6[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        m6[row] = 0.0f;
      }
      for (int j = 0; j < 16; j++) {
        const float x6 = m0[j];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float x7 = a3[i * 640 + rows * 128 + j + row * 16];
          const float x8 = m6[row];
          const float x9 = x7 * x6;
          const float x10 = x8 + x9;
          m6[row] = x10;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        const float x11 = m6[row];
        m4[rows * 256 + column + row * 32] = x11;
      }
    }
  }
  for (int rows = 0; rows < 5; rows++) {
    __syncwarp();
    {
      const int column = lane;
      float m7[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        m7[row] = 0.0f;
      }
      for (int j = 0; j < 16; j++) {
        const float x12 = m1[j];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float x13 = a4[i * 640 + rows * 128 + j + row * 16];
          const float x14 = m7[row];
          const float x15 = x13 * x12;
          const float x16 = x14 + x15;
          m7[row] = x16;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        const float x17 = m7[row];
        m5[rows * 256 + column + row * 32] = x17;
      }
    }
  }
  __syncwarp();
  for (int k = lane; k < 32; k += 32) {
    const float x18 = m2[k];
    const float x19 = a5[i * 20 + clamp(k, 0, 19)];
    const float x20 = x18 / x19;
    const float x21 = x20 * (-1.0f);
    const float x25 = a6[i * 20 + clamp(k, 0, 19)];
    for (int n = 0; n < 40; n++) {
      const float x22 = m4[k + n * 32];
      const float x23 = m5[k + n * 32];
      const float x24 = 0.25f * x22;
      const float x26 = x24 - x25;
      const float x27 = exp_f32(x26);
      const float x28 = x27 / x19;
      const float x29 = x23 / x19;
      const float x30 = x29 + x21;
      const float x31 = x30 * x27;
      const float x32 = x31 * 0.25f;
      m4[k + n * 32] = x28;
      m5[k + n * 32] = x32;
    }
  }
  for (int rows = 0; rows < 5; rows++) {
    __syncwarp();
    for (int column = lane; column < 32; column += 32) {
      float m9[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        m9[row] = 0.0f;
      }
      for (int k = 0; k < 20; k++) {
        const float x33 = a1[i * 320 + k * 16 + clamp(column, 0, 15)];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float x34 = m4[rows * 256 + k + row * 32];
          const float x35 = m9[row];
          const float x36 = x34 * x33;
          const float x37 = x35 + x36;
          m9[row] = x37;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        const float x38 = m9[row];
        m8[rows * 256 + column + row * 32] = x38;
      }
    }
  }
  for (int n = 0; n < 40; n++) {
    __syncwarp();
    for (int j = lane; j < 16; j += 32) {
      const float x39 = m8[n * 32 + j];
      a7[i * 640 + n * 16 + j] = x39;
    }
  }
  for (int rows = 0; rows < 5; rows++) {
    __syncwarp();
    for (int column = lane; column < 32; column += 32) {
      float m11[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        m11[row] = 0.0f;
      }
      for (int k = 0; k < 20; k++) {
        const float x40 = a0[i * 320 + k * 16 + clamp(column, 0, 15)];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float x41 = m5[rows * 256 + k + row * 32];
          const float x42 = m11[row];
          const float x43 = x41 * x40;
          const float x44 = x42 + x43;
          m11[row] = x44;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        const float x45 = m11[row];
        m10[rows * 256 + column + row * 32] = x45;
      }
    }
  }
  for (int n = 0; n < 40; n++) {
    __syncwarp();
    for (int j = lane; j < 16; j += 32) {
      const float x46 = m10[n * 32 + j];
      a8[i * 640 + n * 16 + j] = x46;
    }
  }
  for (int rows = 0; rows < 3; rows++) {
    __syncwarp();
    for (int column = lane; column < 32; column += 32) {
      float m12[8];
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        const float x47 = m3[column + clamp(rows * 8 + row, 0, 19) * 32];
        m12[row] = x47;
      }
      for (int n = 0; n < 40; n++) {
        const float x48 = a3[i * 640 + n * 16 + clamp(column, 0, 15)];
        #pragma unroll
        for (int row = 0; row < 8; row++) {
          const float x49 = m5[n * 32 + clamp(rows * 8 + row, 0, 19)];
          const float x50 = m12[row];
          const float x51 = x49 * x48;
          const float x52 = x50 + x51;
          m12[row] = x52;
        }
      }
      #pragma unroll
      for (int row = 0; row < 8; row++) {
        const float x53 = m12[row];
        m3[column + clamp(rows * 8 + row, 0, 19) * 32] = x53;
      }
    }
  }
  for (int k = 0; k < 20; k++) {
    __syncwarp();
    for (int j = lane; j < 16; j += 32) {
      const float x54 = m3[k * 32 + j];
      a9[i * 320 + k * 16 + j] = x54;
    }
  }
}
