#include "archc_cuda.h"

// a0: f32 [576], read
// a1: f32 [batch, E:24, N:4], read: a
// a2: f32 [batch, T:11, E:24], read: dt
// a3: f32 [batch, T:11, N:4], read: b
// a4: f32 [batch, T:11, E:24], read: u
// a5: f32 [batch, T:11, E:24], read: output.grad
// a6: f32 [batch, T:11, N:4], written: grad.c
// a7: f32 [batch, T:11, N:4], read: c
// a8: f32 [batch, T:11, E:24], written: grad.u
// a9: f32 [batch, T:11, E:24], written: grad.dt
// a10: f32 [batch, T:11, N:4], written: grad.b
// a11: f32 [batch, E:24, N:4], written: grad.a
// i in (E, N), j in E, k in N
// a warp for each of batch rows, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
scan_1029d6(const float *__restrict__ a0, const float *__restrict__ a1, const float *__restrict__ a2,
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
  __shared__ float m10_of[4][96];
  float *const m10 = m10_of[warp];
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
        const float x8 = x7 * x3;
        __syncwarp();
        for (int k = lane; k < 4; k += 32) {
          const float x2 = a1[b * 96 + j * 4 + k];
          const float x4 = x2 * x3;
          const float x5 = exp_f32(x4);
          const float x6 = a3[b * 44 - i5 * 32 + i10 * 4 + k + 32];
          const float x9 = x6 * x8;
          const float x10 = m2[j * 4 + k];
          const float x11 = x10 * x5;
          const float x12 = x9 + x11;
          m4[i10 * 96 + j * 4 + k] = x5;
          m5[i10 * 96 + j + k * 24] = x12;
          m7[j + k * 24] = x12;
        }
      }
      for (int j = 0; j < 24; j++) {
        __syncwarp();
        for (int k = lane; k < 4; k += 32) {
          const float x13 = m7[j + k * 24];
          m2[j * 4 + k] = x13;
        }
      }
      __syncwarp();
      for (int i = lane; i < 96; i += 32) {
        const float x14 = m2[i];
        m3[i10 * 96 + i + 96] = x14;
      }
    }
    for (int i17 = 0; i17 < clamp(i5 * 8 + 3, 1, 8); i17++) {
      for (int k = 0; k < 4; k++) {
        __syncwarp();
        for (int j = lane; j < 24; j += 32) {
          const float x15 = a5[b * 264 - i5 * 192 - i17 * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 24 + 168];
          const float x16 = m5[-i17 * 96 + k * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 96 - 96];
          const float x17 = x15 * x16;
          m8[k * 24 + j] = x17;
        }
      }
      for (int k = 0; k < 4; k++) {
        float r0 = 0.0f;
        __syncwarp();
        for (int j = lane; j < 24; j += 32) {
          const float x18 = m8[k * 24 + j];
          r0 += x18;
        }
        const float x19 = warp_sum(r0);
        if (lane == 0) a6[b * 44 - i5 * 32 - i17 * 4 + k + clamp(i5 * 8 + 3, 1, 8) * 4 + 28] = x19;
      }
      for (int j = 0; j < 24; j++) {
        float r1 = 0.0f;
        float r2 = 0.0f;
        const float x20 = a5[b * 264 - i5 * 192 - i17 * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 24 + 168];
        const float x34 = a4[b * 264 - i5 * 192 - i17 * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 24 + 168];
        const float x35 = a2[b * 264 - i5 * 192 - i17 * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 24 + 168];
        const float x36 = x34 * x35;
        __syncwarp();
        for (int k = lane; k < 4; k += 32) {
          const float x21 = a7[b * 44 - i5 * 32 - i17 * 4 + k + clamp(i5 * 8 + 3, 1, 8) * 4 + 28];
          const float x22 = x20 * x21;
          const float x23 = m0[j * 4 + k];
          const float x24 = x22 + x23;
          const float x25 = a3[b * 44 - i5 * 32 - i17 * 4 + k + clamp(i5 * 8 + 3, 1, 8) * 4 + 28];
          const float x26 = x24 * x25;
          r1 += x26;
          const float x27 = m3[-i17 * 96 + j * 4 + k + clamp(i5 * 8 + 3, 1, 8) * 96 - 96];
          const float x28 = x24 * x27;
          const float x29 = m4[-i17 * 96 + j * 4 + k + clamp(i5 * 8 + 3, 1, 8) * 96 - 96];
          const float x30 = x28 * x29;
          const float x31 = a1[b * 96 + j * 4 + k];
          const float x32 = x30 * x31;
          r2 += x32;
          const float x33 = x24 * x29;
          const float x37 = x24 * x36;
          const float x38 = m1[j * 4 + k];
          const float x39 = x30 * x35;
          const float x40 = x38 + x39;
          m0[j * 4 + k] = x33;
          m10[j * 4 + k] = x37;
          m1[j * 4 + k] = x40;
        }
        const float x41 = warp_sum(r1);
        const float x42 = warp_sum(r2);
        const float x43 = x41 * x35;
        const float x44 = x41 * x34;
        const float x45 = x44 + x42;
        if (lane == 0) a8[b * 264 - i5 * 192 - i17 * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 24 + 168] = x43;
        if (lane == 0) a9[b * 264 - i5 * 192 - i17 * 24 + j + clamp(i5 * 8 + 3, 1, 8) * 24 + 168] = x45;
      }
      for (int k = 0; k < 4; k++) {
        float r3 = 0.0f;
        __syncwarp();
        for (int j = lane; j < 24; j += 32) {
          const float x46 = m10[k + j * 4];
          r3 += x46;
        }
        const float x47 = warp_sum(r3);
        if (lane == 0) a10[b * 44 - i5 * 32 - i17 * 4 + k + clamp(i5 * 8 + 3, 1, 8) * 4 + 28] = x47;
      }
    }
  }
  for (int i = lane; i < 96; i += 32) {
    const float x48 = m1[i];
    a11[b * 96 + i] = x48;
  }
}
