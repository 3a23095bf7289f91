
/* What all widths share. Lanes are joined by halves, in a fixed order. */
#define EACH_LANE _Pragma("GCC unroll 16") for (int l = 0; l < LANES; l++)
/* What a later step reads or writes, on its way to the core: an address and no more, so it may lie outside. */
#define FETCH(a, at) __builtin_prefetch((const void *)((uintptr_t)(a) + 4 * (uintptr_t)(at)))
static inline vi vindex(int32_t first, int32_t step) {
  vi a = {0};
  EACH_LANE a[l] = first + l * step;
  return a;
}
#ifndef OWN_SCALE
static inline float sscale(float a, float n) {
  int32_t e = (int32_t)n, h = e >> 1;
  return a * sfrombits((h + 127) << 23) * sfrombits((e - h + 127) << 23);
}
#endif
static inline vf vrem(vf a, vf b) { return a - vfloor(a / b) * b; }
static inline vi virem(vi a, vi b) {
  vi c = {0};
  EACH_LANE c[l] = sirem(a[l], b[l]);
  return c;
}
#define JOIN_LANES(name, join)                                 \
  static inline float name(vf a) {                             \
    float t[LANES];                                            \
    vstore(t, a);                                              \
    for (int w = LANES / 2; w > 0; w /= 2)                     \
      for (int l = 0; l < w; l++) t[l] = join(t[l], t[l + w]); \
    return t[0];                                               \
  }
static inline float sadd(float a, float b) { return a + b; }
static inline float smul(float a, float b) { return a * b; }
JOIN_LANES(vhproduct, smul)
JOIN_LANES(vhmin, smin)
#ifndef OWN_JOINS
JOIN_LANES(vhsum, sadd)
JOIN_LANES(vhmax, smax)
#endif
