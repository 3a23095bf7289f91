#include "archc_cuda.h"

// a0: f32 [batch, T:9, D:24], read
// a1: f32 [D:24, K:4], read
// a2: f32 [batch, W:9, D:24], written
// a thread for each of batch * 216 elements, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
map_dot_0c38ff(const float *__restrict__ a0, const float *__restrict__ a1, float *__restrict__ a2,
    const int batch) {
  const int piece = blockIdx.x * 128 + threadIdx.x;
  if (piece >= batch * 216) return;
  const int b = piece / 216;
  const int w = piece / 24 % 9;
  const int d = piece % 24;
  float r0 = 0.0f;
  for (int k = 0; k < 4; k++) {
    const float x0 = a0[b * 216 + d + clamp(w + k - 3, 0, 8) * 24];
    const int x1 = w + k - 3;
    const int x2 = clamp(w + k - 3, 0, 8);
    const bool x3 = x1 == x2;
    const float x4 = x3 ? x0 : 0.0f;
    const float x5 = a1[d * 4 + k];
    const float x6 = x4 * x5;
    r0 += x6;
  }
  const float x7 = r0;
  a2[b * 216 + w * 24 + d] = x7;
}
