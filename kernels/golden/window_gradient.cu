#include "archc_cuda.h"

// a0: f32 [batch, W:9, D:24], read: g
// a1: f32 [batch, T:9, D:24], read: x
// a2: f32 [K:4, D:24], written: output
// i in K, j in D, k in W
// a thread for each of 96 elements, 128 threads a block
extern "C" __global__ void __launch_bounds__(128)
map_dot_d23cce(const float *__restrict__ a0, const float *__restrict__ a1, float *__restrict__ a2,
    const int batch) {
  const int piece = blockIdx.x * 128 + threadIdx.x;
  if (piece >= 96) return;
  const int i = piece / 24;
  const int j = piece % 24;
  float acc0 = 0.0f;
  for (int b = 0; b < batch; b++) {
    for (int k = 0; k < 9; k++) {
      const float chosen0 = (i + k - 3 == clamp(i + k - 3, 0, 8)) ? a1[j + b * 216 + clamp(i + k - 3, 0, 8) * 24] : 0.0f;
      acc0 += a0[j + b * 216 + k * 24] * chosen0;
    }
  }
  a2[i * 24 + j] = acc0;
}
