#include "archc_cuda.h"

// a0: f32 [batch, T:9, D:24], read: x
// a1: f32 [D:24, K:4], read: weight
// a2: f32 [batch, W:9, D:24], written: output
// i in W, j in D
// a thread for each of batch * 216 elements, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
window_dot_dc4dab(const float *__restrict__ a0, const float *__restrict__ a1, float *__restrict__ a2,
    const int batch) {
  const int piece = blockIdx.x * 128 + threadIdx.x;
  if (piece >= batch * 216) return;
  const int b = piece / 216;
  const int i = piece / 24 % 9;
  const int j = piece % 24;
  const int x1 = i - 3;
  const int x2 = clamp(i - 3, 0, 8);
  const bool x3 = x1 == x2;
  const int x8 = i - 2;
  const int x9 = clamp(i - 2, 0, 8);
  const bool x10 = x8 == x9;
  const int x16 = i - 1;
  const int x17 = clamp(i - 1, 0, 8);
  const bool x18 = x16 == x17;
  const float x0 = a0[b * 216 + j + clamp(i - 3, 0, 8) * 24];
  const float x4 = x3 ? x0 : 0.0f;
  const float x5 = a1[j * 4];
  const float x6 = x4 * x5;
  const float x7 = a0[b * 216 + j + clamp(i - 2, 0, 8) * 24];
  const float x11 = x10 ? x7 : 0.0f;
  const float x12 = a1[j * 4 + 1];
  const float x13 = x11 * x12;
  const float x14 = x6 + x13;
  const float x15 = a0[b * 216 + j + clamp(i - 1, 0, 8) * 24];
  const float x19 = x18 ? x15 : 0.0f;
  const float x20 = a1[j * 4 + 2];
  const float x21 = x19 * x20;
  const float x22 = x14 + x21;
  const float x23 = a0[b * 216 + i * 24 + j];
  const float x24 = a1[j * 4 + 3];
  const float x25 = x23 * x24;
  const float x26 = x22 + x25;
  a2[b * 216 + i * 24 + j] = x26;
}
