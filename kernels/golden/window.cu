#include "archc_cuda.h"

// a0: f32 [batch, T:9, D:24], read
// a1: f32 [D:24, K:4], read
// a2: f32 [batch, W:9, D:24], written
// a warp for each of batch * 9 vectors, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
map_dot_0c38ff(const float *__restrict__ a0, const float *__restrict__ a1, float *__restrict__ a2,
    const int batch) {
  const int lane = threadIdx.x % 32;
  const int piece = blockIdx.x * 4 + threadIdx.x / 32;
  if (piece >= batch * 9) return;
  const int b = piece / 9;
  const int w = piece % 9;
  const int d = lane;
  if (d >= 24) return;
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
