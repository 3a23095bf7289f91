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
scan_ece495(const float *__restrict__ a0, const float *__restrict__ a1, const float *__restrict__ a2,
    const float *__restrict__ a3, const float *__restrict__ a4, const float *__restrict__ a5,
    float *__restrict__ a6, const float *__restrict__ a7, float *__restrict__ a8, float *__restrict__ a9,
    float *__restrict__ a10, float *__restrict__ a11, const int batch) {
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  __shared__ float states0_of[4][96];
  float *const states0 = states0_of[warp];
  __shared__ float parts1_of[4][96];
  float *const parts1 = parts1_of[warp];
  __shared__ float states2_of[4][96];
  float *const states2 = states2_of[warp];
  __shared__ float states3_of[4][864];
  float *const states3 = states3_of[warp];
  __shared__ float copies4_of[4][768];
  float *const copies4 = copies4_of[warp];
  __shared__ float copies5_of[4][768];
  float *const copies5 = copies5_of[warp];
  __shared__ float copies7_of[4][96];
  float *const copies7 = copies7_of[warp];
  __shared__ float copies8_of[4][96];
  float *const copies8 = copies8_of[warp];
  __shared__ float copies10_of[4][96];
  float *const copies10 = copies10_of[warp];
  const int b = blockIdx.x * 4 + threadIdx.x / 32;
  if (b >= batch) return;
  for (int i = lane; i < 96; i += 32) states0[i] = 0.0f;
  for (int i = lane; i < 96; i += 32) parts1[i] = 0.0f;
  for (int chunk = 0; chunk < 2; chunk++) {
    const int step_end = clamp(chunk * 8 + 3, 1, 8);
    for (int j = 0; j < 24; j++) {
      __syncwarp();
      for (int k = lane; k < 4; k += 32) {
        states2[j * 4 + k] = a0[b * 192 - chunk * 96 + j + k * 24 + 96];
      }
    }
    __syncwarp();
    for (int i = lane; i < 96; i += 32) states3[i] = states2[i];
    for (int step = 0; step < step_end; step++) {
      for (int j = 0; j < 24; j++) {
        const float x2 = a2[b * 264 - chunk * 192 + step * 24 + j + 192];
        const float prod0 = a4[b * 264 - chunk * 192 + step * 24 + j + 192] * x2;
        __syncwarp();
        for (int k = lane; k < 4; k += 32) {
          const float exp0 = exp_f32(a1[b * 96 + j * 4 + k] * x2);
          const float prod1 = a3[b * 44 - chunk * 32 + step * 4 + k + 32] * prod0;
          const float sum0 = prod1 + states2[j * 4 + k] * exp0;
          copies4[step * 96 + j * 4 + k] = exp0;
          copies5[step * 96 + j + k * 24] = sum0;
          copies7[j + k * 24] = sum0;
        }
      }
      for (int j = 0; j < 24; j++) {
        __syncwarp();
        for (int k = lane; k < 4; k += 32) states2[j * 4 + k] = copies7[j + k * 24];
      }
      __syncwarp();
      for (int i = lane; i < 96; i += 32) states3[step * 96 + i + 96] = states2[i];
    }
    for (int step = 0; step < step_end; step++) {
      for (int k = 0; k < 4; k++) {
        __syncwarp();
        for (int j = lane; j < 24; j += 32) {
          const float x5 = a5[b * 264 - chunk * 192 - step * 24 + j + step_end * 24 + 168];
          const float copy5 = copies5[k * 24 + j + step_end * 96 - step * 96 - 96];
          copies8[k * 24 + j] = x5 * copy5;
        }
      }
      for (int k = 0; k < 4; k++) {
        float acc0 = 0.0f;
        __syncwarp();
        for (int j = lane; j < 24; j += 32) acc0 += copies8[k * 24 + j];
        const float total0 = warp_sum(acc0);
        if (lane == 0) a6[b * 44 - chunk * 32 - step * 4 + k + step_end * 4 + 28] = total0;
      }
      for (int j = 0; j < 24; j++) {
        float acc1 = 0.0f;
        float acc2 = 0.0f;
        const float x5_2 = a5[b * 264 - chunk * 192 - step * 24 + j + step_end * 24 + 168];
        const float x4 = a4[b * 264 - chunk * 192 - step * 24 + j + step_end * 24 + 168];
        const float x2_2 = a2[b * 264 - chunk * 192 - step * 24 + j + step_end * 24 + 168];
        const float prod2 = x4 * x2_2;
        __syncwarp();
        for (int k = lane; k < 4; k += 32) {
          const float x7 = a7[b * 44 - chunk * 32 - step * 4 + k + step_end * 4 + 28];
          const float sum1 = x5_2 * x7 + states0[j * 4 + k];
          const float x3 = a3[b * 44 - chunk * 32 - step * 4 + k + step_end * 4 + 28];
          acc1 += sum1 * x3;
          const float state3 = states3[j * 4 + k + step_end * 96 - step * 96 - 96];
          const float copy4 = copies4[j * 4 + k + step_end * 96 - step * 96 - 96];
          const float prod3 = sum1 * state3 * copy4;
          acc2 += prod3 * a1[b * 96 + j * 4 + k];
          const float prod4 = sum1 * prod2;
          const float sum2 = parts1[j * 4 + k] + prod3 * x2_2;
          states0[j * 4 + k] = sum1 * copy4;
          copies10[j * 4 + k] = prod4;
          parts1[j * 4 + k] = sum2;
        }
        const float total1 = warp_sum(acc1);
        const float total2 = warp_sum(acc2);
        const float sum3 = total1 * x4 + total2;
        if (lane == 0) a8[b * 264 - chunk * 192 - step * 24 + j + step_end * 24 + 168] = total1 * x2_2;
        if (lane == 0) a9[b * 264 - chunk * 192 - step * 24 + j + step_end * 24 + 168] = sum3;
      }
      for (int k = 0; k < 4; k++) {
        float acc3 = 0.0f;
        __syncwarp();
        for (int j = lane; j < 24; j += 32) acc3 += copies10[k + j * 4];
        const float total3 = warp_sum(acc3);
        if (lane == 0) a10[b * 44 - chunk * 32 - step * 4 + k + step_end * 4 + 28] = total3;
      }
    }
  }
  for (int i = lane; i < 96; i += 32) a11[b * 96 + i] = parts1[i];
}
