#include <stdint.h>

/* One element at a time: what is left over at the end of a row. */
typedef int sm;
static inline float sabs(float a) { return __builtin_fabsf(a); }
static inline float ssqrt(float a) { return __builtin_sqrtf(a); }
static inline float sfloor(float a) { return __builtin_floorf(a); }
static inline float srint(float a) { return (a + 12582912.f) - 12582912.f; }
static inline int32_t sf2i(float a) { return (int32_t)a; }
static inline float si2f(int32_t a) { return (float)a; }
static inline int32_t sbits(float a) { int32_t b; __builtin_memcpy(&b, &a, 4); return b; }
static inline float sfrombits(int32_t a) { float b; __builtin_memcpy(&b, &a, 4); return b; }
static inline float smin(float a, float b) { return a < b ? a : b; }
static inline float smax(float a, float b) { return a > b ? a : b; }
static inline int32_t simin(int32_t a, int32_t b) { return a < b ? a : b; }
static inline int32_t simax(int32_t a, int32_t b) { return a > b ? a : b; }
static inline int32_t siabs(int32_t a) { return a < 0 ? -a : a; }
static inline float srem(float a, float b) { return a - sfloor(a / b) * b; }
static inline int32_t sirem(int32_t a, int32_t b) { int32_t r = a % b; return r != 0 && (r ^ b) < 0 ? r + b : r; }
static inline float ssel(sm m, float a, float b) { return m ? a : b; }
static inline int32_t sisel(sm m, int32_t a, int32_t b) { return m ? a : b; }
static inline int64_t clamp(int64_t i, int64_t low, int64_t high) { return i < low ? low : i > high ? high : i; }
