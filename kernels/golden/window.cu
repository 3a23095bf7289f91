#include "archc_cuda.h"

// a0: f32 [batch, T:9, D:24], read: x
// a1: f32 [D:24, K:4], read: weight
// a2: f32 [batch, W:9, D:24], written: output
// i in W, j in D
// a thread for each of batch * 216 elements, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
window_dot_3770c1(const float *__restrict__ a0, const float *__restrict__ a1, float *__restrict__ a2,
    const int batch) {
  const int piece = blockIdx.x * 128 + threadIdx.x;
  if (piece >= batch * 216) return;
  const int b = piece / 216;
  const int i = piece / 24 % 9;
  const int j = piece % 24;
  const bool is_equal0 = i - 3 == clamp(i - 3, 0, 8);
  const bool is_equal1 = i - 2 == clamp(i - 2, 0, 8);
  const bool is_equal2 = i - 1 == clamp(i - 1, 0, 8);
  const float chosen0 = is_equal0 ? a0[b * 216 + j + clamp(i - 3, 0, 8) * 24] : 0.0f;
  const float chosen1 = is_equal1 ? a0[b * 216 + j + clamp(i - 2, 0, 8) * 24] : 0.0f;
  const float chosen2 = is_equal2 ? a0[b * 216 + j + clamp(i - 1, 0, 8) * 24] : 0.0f;
  const float sum0 = chosen0 * a1[j * 4] + chosen1 * a1[j * 4 + 1] + chosen2 * a1[j * 4 + 2];
  a2[b * 216 + i * 24 + j] = sum0 + a0[b * 216 + i * 24 + j] * a1[j * 4 + 3];
}
