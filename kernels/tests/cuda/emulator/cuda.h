/* The part of CUDA C++ that generated kernels use, on the CPU: one fibre a thread. Kernels are compiled with this
 * file in front of them; emulator.cpp runs them. No header of the system is needed, so a kernel compiles fast. */
#pragma once

struct uint3 {
  unsigned x, y, z;
};

namespace emulator {
struct Launch {
  unsigned grid, block;
  unsigned long long seed;
};
using Entry = void (*)(void **);

/* What the running fibre is. */
extern uint3 thread_index, block_index;
/* Every warp operation leaves a value and the lane whose value is wanted; all lanes of the mask meet there. Only
 * __syncwarp orders what they do to memory. */
unsigned long long warp_operation(unsigned mask, unsigned long long value, int source, int line, bool orders);
void barrier(int line);
int lane();
int launch(Entry entry, void **args, const Launch &launch, char *shared, char *shared_end, char *message, int size);

template <class T>
inline T shuffle(unsigned mask, T value, int source, int line) {
  static_assert(sizeof(T) <= 8, "a shuffle moves up to 8 bytes");
  unsigned long long bits = 0;
  __builtin_memcpy(&bits, &value, sizeof value);
  bits = warp_operation(mask, bits, source, line, false);
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}
inline int below(int lane, int by) { return lane < by ? lane : lane - by; }
inline int above(int lane, int by) { return lane + by > 31 ? lane : lane + by; }

/* Calls a kernel with an array of pointers to its arguments, as cuLaunchKernel does. */
template <int... I>
struct Places {};
template <auto Kernel>
struct Call;
template <class... A, void (*Kernel)(A...)>
struct Call<Kernel> {
  template <int... I>
  static void at(void **args, Places<I...>) {
    Kernel(*(A *)args[I]...);
  }
  static void run(void **args) { at(args, Places<__integer_pack(sizeof...(A))...>()); }
};
}  // namespace emulator

/* Shared memory is a section of its own, so that it can be poisoned before every block. */
extern char __start_emulator_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_emulator_shared[] __attribute__((weak, visibility("hidden")));

#define EMULATE(kernel)                                                                                     \
  extern "C" int emulate_##kernel(void **args, const emulator::Launch *l, char *message, int size) {        \
    return emulator::launch(emulator::Call<&kernel>::run, args, *l, __start_emulator_shared,                \
                            __stop_emulator_shared, message, size);                                         \
  }

#define __global__
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("emulator_shared")))
/* As much as any GPU has. */
#define DYNAMIC_SHARED(name) __shared__ float name[58112]
#define threadIdx (emulator::thread_index)
#define blockIdx (emulator::block_index)
#define __syncthreads() emulator::barrier(__LINE__)
#define __syncwarp() ((void)emulator::warp_operation(0xffffffffu, 0, emulator::lane(), __LINE__, true))
#define __shfl_sync(mask, value, from) emulator::shuffle(mask, value, (from) & 31, __LINE__)
#define __shfl_xor_sync(mask, value, by) emulator::shuffle(mask, value, emulator::lane() ^ (by), __LINE__)
#define __shfl_up_sync(mask, value, by) \
  emulator::shuffle(mask, value, emulator::below(emulator::lane(), by), __LINE__)
#define __shfl_down_sync(mask, value, by) \
  emulator::shuffle(mask, value, emulator::above(emulator::lane(), by), __LINE__)

static inline float __int_as_float(int a) {
  float b;
  __builtin_memcpy(&b, &a, 4);
  return b;
}
static inline int __float_as_int(float a) {
  int b;
  __builtin_memcpy(&b, &a, 4);
  return b;
}
#define floorf __builtin_floorf
#define rintf __builtin_rintf
#define sqrtf __builtin_sqrtf
#define fabsf __builtin_fabsf
