#include <immintrin.h>

/* Sixteen lanes. */
#define LANES 16
typedef __m512 vf;
typedef int32_t vi __attribute__((vector_size(64)));
typedef __mmask16 vm;
static inline vf vset(float a) { return _mm512_set1_ps(a); }
static inline vi viset(int32_t a) { return (vi)_mm512_set1_epi32(a); }
static inline vm vmset(sm a) { return a ? 0xffff : 0; }
static inline vf vload(const float *p) { return _mm512_loadu_ps(p); }
static inline vi viload(const int32_t *p) { return (vi)_mm512_loadu_si512(p); }
static inline void vstore(float *p, vf a) { _mm512_storeu_ps(p, a); }
static inline void vistore(int32_t *p, vi a) { _mm512_storeu_si512(p, (__m512i)a); }
static inline vf vabs(vf a) { return _mm512_abs_ps(a); }
static inline vf vsqrt(vf a) { return _mm512_sqrt_ps(a); }
static inline vf vfloor(vf a) { return _mm512_roundscale_ps(a, 9); }
static inline vf vrint(vf a) { return _mm512_roundscale_ps(a, 8); }
static inline vi vf2i(vf a) { return (vi)_mm512_cvttps_epi32(a); }
static inline vf vi2f(vi a) { return _mm512_cvtepi32_ps((__m512i)a); }
static inline vi vbits(vf a) { return (vi)a; }
static inline vf vfrombits(vi a) { return (vf)a; }
static inline vf vmin(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf vmax(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vi vimin(vi a, vi b) { return (vi)_mm512_min_epi32((__m512i)a, (__m512i)b); }
static inline vi vimax(vi a, vi b) { return (vi)_mm512_max_epi32((__m512i)a, (__m512i)b); }
static inline vi viabs(vi a) { return (vi)_mm512_abs_epi32((__m512i)a); }
static inline vm vlt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vm vle(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static inline vm veq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static inline vm vilt(vi a, vi b) { return _mm512_cmplt_epi32_mask((__m512i)a, (__m512i)b); }
static inline vm vile(vi a, vi b) { return _mm512_cmple_epi32_mask((__m512i)a, (__m512i)b); }
static inline vm vieq(vi a, vi b) { return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b); }
static inline vm vmand(vm a, vm b) { return a & b; }
static inline vm vmor(vm a, vm b) { return a | b; }
static inline vm vmnot(vm a) { return (vm)~a; }
static inline vf vsel(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }
static inline vi visel(vm m, vi a, vi b) { return (vi)_mm512_mask_blend_epi32(m, (__m512i)b, (__m512i)a); }
static inline vf vscale(vf a, vf n) { return _mm512_scalef_ps(a, n); }
#define OWN_SCALE
static inline float sscale(float a, float n) { return _mm_cvtss_f32(_mm_scalef_ss(_mm_set_ss(a), _mm_set_ss(n))); }
/* 2^(k/16): sixteen numbers are one register, in which each lane looks up its own. */
static const float SIXTEENTHS[16] = {
  1.0f, 1.0442737f, 1.0905077f, 1.1387886f, 1.1892071f, 1.2418578f, 1.2968396f, 1.3542556f,
  1.4142135f, 1.4768262f, 1.5422108f, 1.6104903f, 1.6817929f, 1.7562522f, 1.8340081f, 1.9152066f
};
static inline vf vsixteenth(vi k) { return _mm512_permutexvar_ps((__m512i)k, vload(SIXTEENTHS)); }
static inline float ssixteenth(int32_t k) { return SIXTEENTHS[k & 15]; }
#define OWN_JOINS
static inline float vhsum(vf a) { return _mm512_reduce_add_ps(a); }
static inline float vhmax(vf a) { return _mm512_reduce_max_ps(a); }
