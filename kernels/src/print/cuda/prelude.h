/* What all kernels share: no header of CUDA is needed. Vectors of the kernels are warps of 32 threads. */
#define INT32_MIN (-2147483647 - 1)
#define INFINITY_F32 __int_as_float(0x7f800000)
#define NAN_F32 __int_as_float(0x7fc00000)
#define ALL_LANES 0xffffffffu
#ifndef DYNAMIC_SHARED
#define DYNAMIC_SHARED(name) extern __shared__ float name[]
#endif
#define INLINE static __device__ __forceinline__

/* Where one of two operands is no number, the second is taken. */
INLINE float min_f32(float a, float b) { return a < b ? a : b; }
INLINE float max_f32(float a, float b) { return a > b ? a : b; }
INLINE int min_i32(int a, int b) { return a < b ? a : b; }
INLINE int max_i32(int a, int b) { return a > b ? a : b; }
INLINE int abs_i32(int a) { return a < 0 ? -a : a; }
INLINE float rem_f32(float a, float b) { return a - floorf(a / b) * b; }
INLINE int rem_i32(int a, int b) { int r = a % b; return r != 0 && (r ^ b) < 0 ? r + b : r; }

/* a * 2^n for a whole n, right down to the smallest numbers and up to infinity. */
INLINE float scale_f32(float a, float n) {
  const int e = (int)n, half = e >> 1;
  return a * __int_as_float((half + 127) << 23) * __int_as_float((e - half + 127) << 23);
}

template <class Index>
INLINE Index clamp(Index i, int low, int high) { return i < low ? low : i > high ? high : i; }

/* The lanes of a warp joined by halves, in a fixed order; every lane has the result. */
#define JOIN_LANES(name, join)                                                      \
  INLINE float name(float a) {                                                      \
    _Pragma("unroll") for (int width = 16; width > 0; width /= 2) {                 \
      const float b = __shfl_xor_sync(ALL_LANES, a, width);                         \
      a = join(a, b);                                                               \
    }                                                                               \
    return a;                                                                       \
  }
INLINE float add_f32(float a, float b) { return a + b; }
INLINE float mul_f32(float a, float b) { return a * b; }
JOIN_LANES(warp_sum, add_f32)
JOIN_LANES(warp_product, mul_f32)
JOIN_LANES(warp_max, max_f32)
JOIN_LANES(warp_min, min_f32)
