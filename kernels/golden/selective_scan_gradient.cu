#include "archc_cuda.h"

// a0: f32 [576], read
// a1: f32 [batch, E:24, N:4], read: a
// a2: f32 [batch, T:11, E:24], read: dt
// a3: f32 [batch, T:11, N:4], read: b
// a4: f32 [batch, T:11, E:24], read
// a5: f32 [batch, T:11, E:24], read: output.grad
// a6: f32 [batch, T:11, N:4], written: grad.c
// a7: f32 [batch, T:11, N:4], read: c
// a8: f32 [batch, T:11, N:4], written: grad.b
// a9: f32 [batch, T:11, E:24], written
// a10: f32 [batch, T:11, E:24], written
// a11: f32 [batch, E:24, N:4], written: grad.a
// i in (E, N), j in E, k in N
// a warp for each of batch rows, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
scan_341699(const float *__restrict__ a0, const float *__restrict__ a1, const float *__restrict__ a2,
    const float *__restrict__ a3, const float *__restrict__ a4, const float *__restrict__ a5,
    float *__restrict__ a6, const float *__restrict__ a7, float *__restrict__ a8, float *__restrict__ a9,
    float *__restrict__ a10, float *__restrict__ a11, const int batch) {
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  __shared__ float m0_of[4][96];
  float *const m0 = m0_of[warp];
  __shared__ float m1_of[4][96];
  float *const m1 = m1_of[warp];
  __shared__ float m2_of[4][96];
  float *const m2 = m2_of[warp];
  __shared__ float m3_of[4][864];
  float *const m3 = m3_of[warp];
  __shared__ float m4_of[4][768];
  float *const m4 = m4_of[warp];
  __shared__ float m5_of[4][768];
  float *const m5 = m5_of[warp];
  __shared__ float m7_of[4][96];
  float *const m7 = m7_of[warp];
  __shared__ float m8_of[4][96];
  float *const m8 = m8_of[warp];
  __shared__ float m11_of[4][96];
  float *const m11 = m11_of[warp];
  __shared__ float m12_of[4][96];
  float *const m12 = m12_of[warp];
  const int b = blockIdx.x * 4 + threadIdx.x / 32;
  if (b >= batch) return;
  for (int i = lane; i < 96; i += 32) {
    m0[i] = 0.0f;
  }
  for (int i = lane; i < 96; i += 32) {
    m1[i] = 0.0f;
  }
  for (int i5 = 0; i5 < 2; i5++) {
    for (int j = 0; j < 24; j++) {
      __syncwarp();
      for (int k = lane; k < 4; k += 32) {
        const float x0 = a0[b * 192 - i5 * 96 + j + k * 24 + 96];
        m2[j * 4 + k] = x0;
      }
    }
    __syncwarp();
    for (int i = lane; i < 96; i += 32) {
      const float x1 = m2[i];
      m3[i] = x1;
    }
    for (int i10 = 0; i10 < clamp(i5 * 8 + 3, 1, 8); i10++) {
      for (int j = 0; j < 24; j++) {
        const float x3 = a2[b * 264 - i5 * 192 + i10 * 24 + j + 192];
        const float x7 = a4[b * 264 - i5 * 192 + i10 * 24 + j + 192];
        __syncwarp();
        for (int k = lane; k < 4; k += 32) {
          const float x2 = a1[b * 96 + j * 4 + k];
          const float x4 = x2 * x3;
          const float x5 = exp_f32(x4);
          const float x6 = a3[b * 44 - i5 * 32 + i10 * 4 + k + 32];
          const float x8 = x6 * x7;
          const float x9 = m2[j * 4 + k];
          const float x10 = x9 * x5;
          const float x11 = x8 + x10;
          m4[i10 * 96 + j * 4 + k] = x5;
          m5[i10 * 96 + j + k * 24] = x11;
          m7[j + k * 24] = x11;
        }
      }
      for (int j = 0; j < 24; j++) {
        __syncwarp();
        for (int k = lane; k < 4; k += 32) {
          const float x12 = m7[j + k * 24];
          m2[j * 4 + k] = x12;
        }
      }
      __syncwarp();
      for (int i = lane; i < 96; i += 32) {
        const float x13 = m2[i];
        m3[i10 * 96 + i + 96] = x13;
      }
    }
    for (int i17 = 0; i17 < clamp(i5 * 8 + 3, 1, 8); i17++) {
      for (int k = 0; k < 4; k++) {
        __syncwarp();
        for (int j = lane; j < 24; j += 32) {
          const float x14 = a5[b * 264 - i5 * 192 - i17 * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 24 + 168];
          const float x15 = m5[-i17 * 96 + k * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 96 - 96];
          const float x16 = x14 * x15;
          m8[k * 24 + j] = x16;
        }
      }
      for (int k = 0; k < 4; k++) {
        float r0 = 0.0f;
        __syncwarp();
        for (int j = lane; j < 24; j += 32) {
          const float x17 = m8[k * 24 + j];
          r0 += x17;
        }
        const float x18 = warp_sum(r0);
        if (lane == 0) a6[b * 44 - i5 * 32 - i17 * 4 + k + clamp(i5 * 8 + 3, 1, 8) * 4 + 28] = x18;
      }
      for (int k = 0; k < 4; k++) {
        float r1 = 0.0f;
        const float x20 = a7[b * 44 - i5 * 32 - i17 * 4 + k + clamp(i5 * 8 + 3, 1, 8) * 4 + 28];
        const float x28 = a3[b * 44 - i5 * 32 - i17 * 4 + k + clamp(i5 * 8 + 3, 1, 8) * 4 + 28];
        __syncwarp();
        for (int j = lane; j < 24; j += 32) {
          const float x19 = a5[b * 264 - i5 * 192 - i17 * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 24 + 168];
          const float x21 = x19 * x20;
          const float x22 = m0[k + j * 4];
          const float x23 = x21 + x22;
          const float x24 = a4[b * 264 - i5 * 192 - i17 * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 24 + 168];
          const float x25 = x23 * x24;
          r1 += x25;
          const float x26 = m4[-i17 * 96 + k + j * 4 + clamp(i5 * 8 + 3, 1, 8) * 96 - 96];
          const float x27 = x23 * x26;
          const float x29 = x23 * x28;
          const float x30 = m3[-i17 * 96 + k + j * 4 + clamp(i5 * 8 + 3, 1, 8) * 96 - 96];
          const float x31 = x23 * x30;
          const float x32 = x31 * x26;
          const float x33 = a1[b * 96 + k + j * 4];
          const float x34 = x32 * x33;
          const float x35 = m1[k + j * 4];
          const float x36 = a2[b * 264 - i5 * 192 - i17 * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 24 + 168];
          const float x37 = x32 * x36;
          const float x38 = x35 + x37;
          m0[k + j * 4] = x27;
          m11[k + j * 4] = x29;
          m12[k + j * 4] = x34;
          m1[k + j * 4] = x38;
        }
        const float x39 = warp_sum(r1);
        if (lane == 0) a8[b * 44 - i5 * 32 - i17 * 4 + k + clamp(i5 * 8 + 3, 1, 8) * 4 + 28] = x39;
      }
      for (int j = 0; j < 24; j++) {
        float r2 = 0.0f;
        __syncwarp();
        for (int k = lane; k < 4; k += 32) {
          const float x40 = m11[j * 4 + k];
          r2 += x40;
        }
        const float x41 = warp_sum(r2);
        if (lane == 0) a9[b * 264 - i5 * 192 - i17 * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 24 + 168] = x41;
      }
      for (int j = 0; j < 24; j++) {
        float r3 = 0.0f;
        for (int k = lane; k < 4; k += 32) {
          const float x42 = m12[j * 4 + k];
          r3 += x42;
        }
        const float x43 = warp_sum(r3);
        if (lane == 0) a10[b * 264 - i5 * 192 - i17 * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 24 + 168] = x43;
      }
    }
  }
  for (int i = lane; i < 96; i += 32) {
    const float x44 = m1[i];
    a11[b * 96 + i] = x44;
  }
}
