#include <immintrin.h>

/* Eight lanes. */
#define LANES 8
typedef __m256 vf;
typedef int32_t vi __attribute__((vector_size(32)));
typedef vi vm;
static inline vf vset(float a) { return _mm256_set1_ps(a); }
static inline vi viset(int32_t a) { return (vi)_mm256_set1_epi32(a); }
static inline vm vmset(sm a) { return viset(-(a != 0)); }
static inline vf vload(const float *p) { return _mm256_loadu_ps(p); }
static inline vi viload(const int32_t *p) { return (vi)_mm256_loadu_si256((const __m256i *)p); }
static inline void vstore(float *p, vf a) { _mm256_storeu_ps(p, a); }
static inline void vistore(int32_t *p, vi a) { _mm256_storeu_si256((__m256i *)p, (__m256i)a); }
static inline vf vabs(vf a) { return (vf)((vi)a & 0x7fffffff); }
static inline vf vsqrt(vf a) { return _mm256_sqrt_ps(a); }
static inline vf vfloor(vf a) { return _mm256_floor_ps(a); }
static inline vf vrint(vf a) { return _mm256_round_ps(a, 8); }
static inline vi vf2i(vf a) { return (vi)_mm256_cvttps_epi32(a); }
static inline vf vi2f(vi a) { return _mm256_cvtepi32_ps((__m256i)a); }
static inline vi vbits(vf a) { return (vi)a; }
static inline vf vfrombits(vi a) { return (vf)a; }
static inline vf vmin(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline vf vmax(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vi vimin(vi a, vi b) { return (vi)_mm256_min_epi32((__m256i)a, (__m256i)b); }
static inline vi vimax(vi a, vi b) { return (vi)_mm256_max_epi32((__m256i)a, (__m256i)b); }
static inline vi viabs(vi a) { return (vi)_mm256_abs_epi32((__m256i)a); }
static inline vm vlt(vf a, vf b) { return (vm)_mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline vm vle(vf a, vf b) { return (vm)_mm256_cmp_ps(a, b, _CMP_LE_OQ); }
static inline vm veq(vf a, vf b) { return (vm)_mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
static inline vm vilt(vi a, vi b) { return a < b; }
static inline vm vile(vi a, vi b) { return a <= b; }
static inline vm vieq(vi a, vi b) { return a == b; }
static inline vm vmand(vm a, vm b) { return a & b; }
static inline vm vmor(vm a, vm b) { return a | b; }
static inline vm vmnot(vm a) { return ~a; }
static inline vf vsel(vm m, vf a, vf b) { return _mm256_blendv_ps(b, a, (vf)m); }
static inline vi visel(vm m, vi a, vi b) { return (a & m) | (b & ~m); }
static inline vf vscale(vf a, vf n) {
  vi e = vf2i(n), h = e >> 1;
  return a * (vf)((h + 127) << 23) * (vf)((e - h + 127) << 23);
}
