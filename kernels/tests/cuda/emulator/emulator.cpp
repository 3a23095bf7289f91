// Runs CUDA kernels on the CPU, for tests. Every thread of a block is a fibre; fibres change over only where threads
// wait for one another, in an order that a seed shuffles. Found are: barriers and warp operations that not all
// threads reach or reach at different lines, lanes outside their own mask, values of lanes that have gone, and, by
// poison, memory that is read before it is written.
#include "cuda.h"

#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#define BY_UCONTEXT 1
#endif

#if defined(EMULATOR_TSAN)
extern "C" {
void *__tsan_create_fiber(unsigned);
void __tsan_destroy_fiber(void *);
void __tsan_switch_to_fiber(void *, unsigned);
void *__tsan_get_current_fiber();
void __tsan_acquire(void *);
void __tsan_release(void *);
}
// Changing over tells the sanitizer nothing: only barriers and warp operations order what threads do.
static const unsigned UNORDERED = 1;
#endif

namespace emulator {
uint3 thread_index, block_index;

namespace {
constexpr size_t STACK = 128 << 10;
constexpr unsigned MOST = 1024;

enum State { READY, AT_BARRIER, AT_WARP, DONE };

struct Fibre {
#ifdef BY_UCONTEXT
  ucontext_t context;
#else
  void *stack_pointer;
#endif
  unsigned index, lane, warp, mask;
  State state;
  int line, source;
  unsigned long long value, result;
  void *sanitizer;
};

struct Block {
  Fibre fibres[MOST];
  Fibre *current;
  unsigned threads, live, waiting;
  unsigned arrived[MOST / 32], alive[MOST / 32];
#ifdef BY_UCONTEXT
  ucontext_t scheduler;
#else
  void *scheduler;
#endif
  char *stacks;
  Entry entry;
  void **args;
  char *message;
  int size;
  bool failed;
  void *main_fibre;
  char barrier_mark[2], warp_mark[MOST / 32][2], end_mark;
  unsigned barriers, warps[MOST / 32];
};
Block *block = nullptr;

void fail(const char *what, const Fibre &at) {
  if (!block->failed)
    snprintf(block->message, block->size, "block %u, thread %u, line %d: %s", block_index.x, at.index, at.line, what);
  block->failed = true;
}

#ifndef BY_UCONTEXT
extern "C" void emulator_swap(void **save, void *load);
asm(".pushsection .text\n.hidden emulator_swap\n.globl emulator_swap\n.type emulator_swap,@function\nemulator_swap:\n"
    " pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n movq %rsp,(%rdi)\n"
    " movq %rsi,%rsp\n popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n popq %rcx\n"
    " jmp *%rcx\n.size emulator_swap,.-emulator_swap\n.popsection\n");
#endif

void to_scheduler() {
  Block *b = block;
#ifdef EMULATOR_TSAN
  __tsan_switch_to_fiber(b->main_fibre, UNORDERED);
#endif
#ifdef BY_UCONTEXT
  swapcontext(&b->current->context, &b->scheduler);
#else
  emulator_swap(&b->current->stack_pointer, b->scheduler);
#endif
}

void to_fibre(Fibre *f) {
  Block *b = block;
  b->current = f;
  thread_index = {f->index, 0, 0};
#ifdef EMULATOR_TSAN
  __tsan_switch_to_fiber(f->sanitizer, UNORDERED);
#endif
#ifdef BY_UCONTEXT
  swapcontext(&b->scheduler, &f->context);
#else
  emulator_swap(&b->scheduler, f->stack_pointer);
#endif
}

void acquire([[maybe_unused]] void *mark) {
#ifdef EMULATOR_TSAN
  __tsan_acquire(mark);
#endif
}

void release([[maybe_unused]] void *mark) {
#ifdef EMULATOR_TSAN
  __tsan_release(mark);
#endif
}

void open_barrier() {
  Block *b = block;
  int line = -1;
  b->waiting = 0;
  b->barriers++;
  for (unsigned i = 0; i < b->threads; i++) {
    Fibre &f = b->fibres[i];
    if (f.state != AT_BARRIER) continue;
    if (line < 0) line = f.line;
    if (line != f.line) fail("a block meets at two different barriers", f);
    f.state = READY;
  }
}

// If all lanes of the mask that live have come, each gets what it asked for.
void complete(unsigned warp, unsigned mask) {
  Block *b = block;
  Fibre *lanes = b->fibres + warp * 32;
  const unsigned wanted = mask & b->alive[warp];
  if (!wanted || (b->arrived[warp] & wanted) != wanted) return;
  const int line = lanes[__builtin_ctz(wanted)].line;
  for (unsigned rest = wanted; rest; rest &= rest - 1) {
    Fibre &f = lanes[__builtin_ctz(rest)];
    if (f.mask != mask) return fail("lanes of one warp operation name different masks", f);
    if (f.line != line) return fail("lanes of one warp meet at different warp operations", f);
  }
  for (unsigned rest = wanted; rest; rest &= rest - 1) {
    Fibre &f = lanes[__builtin_ctz(rest)];
    // A lane that is not there reads as poison.
    f.result = wanted >> f.source & 1 ? lanes[f.source].value : ~0ull;
    f.state = READY;
  }
  b->arrived[warp] &= ~wanted;
  b->warps[warp]++;
}

void run_fibre() {
  block->entry(block->args);
  Block *b = block;
  Fibre *f = b->current;
  release(&b->end_mark);
  f->state = DONE;
  b->live--;
  b->alive[f->warp] &= ~(1u << f->lane);
  if (b->live && b->waiting == b->live) open_barrier();
  if (const unsigned arrived = b->arrived[f->warp])
    complete(f->warp, b->fibres[f->warp * 32 + __builtin_ctz(arrived)].mask);
  to_scheduler();
  abort();
}

unsigned long long next(unsigned long long &seed) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

void shuffle_order(unsigned *order, unsigned n, unsigned long long &seed) {
  for (unsigned i = n - 1; seed && i > 0; i--) {
    const unsigned j = next(seed) % (i + 1), other = order[j];
    order[j] = order[i];
    order[i] = other;
  }
}

void start_fibres() {
  Block *b = block;
  for (unsigned i = 0; i < b->threads; i++) {
    Fibre &f = b->fibres[i];
    f.index = i;
    f.lane = i % 32;
    f.warp = i / 32;
    f.state = READY;
#ifdef BY_UCONTEXT
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = b->stacks + i * STACK;
    f.context.uc_stack.ss_size = STACK;
    f.context.uc_link = nullptr;
    makecontext(&f.context, run_fibre, 0);
#else
    // The offset keeps the busy lines of the fibres out of one set of the cache.
    void **stack = (void **)(b->stacks + (i + 1) * STACK - 64 - (i & 15) * 256);
    *--stack = nullptr;
    *--stack = (void *)run_fibre;
    stack -= 6;
    f.stack_pointer = stack;
#endif
#ifdef EMULATOR_TSAN
    f.sanitizer = __tsan_create_fiber(0);
#endif
  }
  for (unsigned w = 0; w * 32 < b->threads; w++) {
    const unsigned rest = b->threads - w * 32;
    b->alive[w] = rest >= 32 ? ~0u : (1u << rest) - 1;
    b->arrived[w] = 0;
  }
}

void report_deadlock() {
  for (unsigned i = 0; i < block->threads; i++) {
    const Fibre &f = block->fibres[i];
    if (f.state == AT_WARP) return fail("a warp operation waits for lanes that never come", f);
    if (f.state == AT_BARRIER) return fail("a barrier is not reached by every thread that lives", f);
  }
}

// With seed 0 threads run in order, else warps and lanes take turns in a shuffled one.
void run_block(unsigned long long &seed) {
  Block *b = block;
  const unsigned warps = (b->threads + 31) / 32;
  unsigned warp_order[MOST / 32], lane_order[32];
  for (unsigned i = 0; i < 32; i++) warp_order[i] = lane_order[i] = i;
  b->live = b->threads;
  b->waiting = 0;
  start_fibres();
  while (b->live && !b->failed) {
    bool any = false;
    shuffle_order(warp_order, warps, seed);
    for (unsigned w = 0; w < warps && !b->failed; w++) {
      bool again = true;
      while (again && !b->failed) {
        again = false;
        shuffle_order(lane_order, 32, seed);
        for (unsigned l = 0; l < 32 && !b->failed; l++) {
          const unsigned i = warp_order[w] * 32 + lane_order[l];
          if (i >= b->threads || b->fibres[i].state != READY) continue;
          to_fibre(&b->fibres[i]);
          again = any = true;
        }
        // Now and then another warp comes in between.
        if (seed && next(seed) % 4 == 0) again = false;
      }
    }
    if (!any && b->live) report_deadlock();
  }
#ifdef EMULATOR_TSAN
  for (unsigned i = 0; i < b->threads; i++) __tsan_destroy_fiber(b->fibres[i].sanitizer);
#endif
  // Blocks are ordered for the sanitizer: races are sought within a block.
  acquire(&b->end_mark);
}
}  // namespace

int lane() { return block->current->lane; }

void barrier(int line) {
  Block *b = block;
  Fibre *f = b->current;
  f->line = line;
  char *mark = &b->barrier_mark[b->barriers & 1];
  release(mark);
  f->state = AT_BARRIER;
  if (++b->waiting == b->live) open_barrier();
  to_scheduler();
  acquire(mark);
}

unsigned long long warp_operation(unsigned mask, unsigned long long value, int source, int line, bool orders) {
  Block *b = block;
  Fibre *f = b->current;
  f->value = value;
  f->source = source;
  f->mask = mask;
  f->line = line;
  f->state = AT_WARP;
  if (!(mask >> f->lane & 1)) fail("a lane is not in its own mask", *f);
  char *mark = &b->warp_mark[f->warp][b->warps[f->warp] & 1];
  if (orders) release(mark);
  b->arrived[f->warp] |= 1u << f->lane;
  complete(f->warp, mask);
  if (f->state != READY || b->failed) to_scheduler();
  if (orders) acquire(mark);
  return f->result;
}

int launch(Entry entry, void **args, const Launch &l, char *shared, char *shared_end, char *message, int size) {
  if (!block) {
    block = (Block *)calloc(1, sizeof(Block));
    block->stacks = (char *)mmap(nullptr, STACK * MOST, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  Block *b = block;
  b->entry = entry;
  b->args = args;
  b->message = message;
  b->size = size;
  b->failed = false;
  b->threads = l.block;
  if (l.block == 0 || l.block > MOST) {
    snprintf(message, size, "a block of %u threads", l.block);
    return 1;
  }
#ifdef EMULATOR_TSAN
  b->main_fibre = __tsan_get_current_fiber();
#endif
  unsigned long long seed = l.seed ? l.seed * 0x9e3779b97f4a7c15ull | 1 : 0;
  for (unsigned i = 0; i < l.grid && !b->failed; i++) {
    // Forwards, or backwards.
    block_index = {l.seed & 1 ? l.grid - 1 - i : i, 0, 0};
    // All ones: no number as a float, -1 as an integer. By volatile writes, which no sanitizer sees.
    for (volatile unsigned *p = (unsigned *)shared; (char *)p < shared_end; p++) *p = ~0u;
    run_block(seed);
  }
  return b->failed;
}
}  // namespace emulator
