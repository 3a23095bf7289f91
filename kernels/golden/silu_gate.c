#include "archc_avx2.h"

void map_sigmoid_mul_d65d3d(void *const *args, int64_t batch, int64_t begin, int64_t end) {
  const float *restrict a0 = args[0];
  const float *restrict a1 = args[1];
  float *restrict a2 = args[2];
  (void)batch;
  const int64_t stop = end * 8 < batch * 120 ? end * 8 : batch * 120;
  int64_t i2 = begin * 8;
  for (; i2 + 8 <= stop; i2 += 8) {
    const vf x0 = vload(a0 + i2);
    const vf x1 = vload(a1 + i2);
    const vf x2 = vsigmoid(x1);
    const vf x3 = x1 * x2;
    const vf x4 = x0 * x3;
    vstore(a2 + i2, x4);
  }
  if (i2 < stop) {
    const int rest = stop - i2;
    const vf x0 = vloadn(a0 + i2, rest);
    const vf x1 = vloadn(a1 + i2, rest);
    const vf x2 = vsigmoid(x1);
    const vf x3 = x1 * x2;
    const vf x4 = x0 * x3;
    vstoren(a2 + i2, x4, rest);
  }
}
