/* Four lanes in the compiler's own vectors: any machine. */
#define LANES 4
typedef float vf __attribute__((vector_size(16)));
typedef float vfu __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t vi __attribute__((vector_size(16)));
typedef int32_t viu __attribute__((vector_size(16), aligned(4), may_alias));
typedef vi vm;
static inline vf vset(float a) { return (vf){a, a, a, a}; }
static inline vi viset(int32_t a) { return (vi){a, a, a, a}; }
static inline vm vmset(sm a) { return viset(-(a != 0)); }
static inline vf vload(const float *p) { return *(const vfu *)p; }
static inline vi viload(const int32_t *p) { return *(const viu *)p; }
static inline void vstore(float *p, vf a) { *(vfu *)p = a; }
static inline void vistore(int32_t *p, vi a) { *(viu *)p = a; }
static inline vf vabs(vf a) { return (vf)((vi)a & 0x7fffffff); }
static inline vf vsqrt(vf a) { return (vf){ssqrt(a[0]), ssqrt(a[1]), ssqrt(a[2]), ssqrt(a[3])}; }
static inline vf vfloor(vf a) { return (vf){sfloor(a[0]), sfloor(a[1]), sfloor(a[2]), sfloor(a[3])}; }
static inline vf vrint(vf a) { return (a + 12582912.f) - 12582912.f; }
static inline vi vf2i(vf a) { return (vi){(int32_t)a[0], (int32_t)a[1], (int32_t)a[2], (int32_t)a[3]}; }
static inline vf vi2f(vi a) { return (vf){(float)a[0], (float)a[1], (float)a[2], (float)a[3]}; }
static inline vi vbits(vf a) { return (vi)a; }
static inline vf vfrombits(vi a) { return (vf)a; }
static inline vf vsel(vm m, vf a, vf b) { return (vf)(((vi)a & m) | ((vi)b & ~m)); }
static inline vi visel(vm m, vi a, vi b) { return (a & m) | (b & ~m); }
static inline vm vlt(vf a, vf b) { return a < b; }
static inline vm vle(vf a, vf b) { return a <= b; }
static inline vm veq(vf a, vf b) { return a == b; }
static inline vm vilt(vi a, vi b) { return a < b; }
static inline vm vile(vi a, vi b) { return a <= b; }
static inline vm vieq(vi a, vi b) { return a == b; }
static inline vf vmin(vf a, vf b) { return vsel(a < b, a, b); }
static inline vf vmax(vf a, vf b) { return vsel(a > b, a, b); }
static inline vi vimin(vi a, vi b) { return visel(a < b, a, b); }
static inline vi vimax(vi a, vi b) { return visel(a > b, a, b); }
static inline vi viabs(vi a) { return visel(a < 0, -a, a); }
static inline vm vmand(vm a, vm b) { return a & b; }
static inline vm vmor(vm a, vm b) { return a | b; }
static inline vm vmnot(vm a) { return ~a; }
static inline vf vscale(vf a, vf n) {
  vi e = vf2i(n), h = e >> 1;
  return a * (vf)((h + 127) << 23) * (vf)((e - h + 127) << 23);
}
