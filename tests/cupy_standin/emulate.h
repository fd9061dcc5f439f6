// CUDA C++ on a CPU: enough of the language's surroundings for g++ to compile a kernel and run it, a block at a time.
//
// The threads of a block are fibers on one thread of the host. Each runs until it meets a barrier (__syncthreads, or a shuffle,
// where the 32 of a warp meet) and then lets the next go on. `descending` runs them from the last to the first: a kernel that
// lacks a barrier gives different answers in the two orders. A barrier that not all of its threads reach is an error.

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <ucontext.h>
#include <utility>
#include <vector>

using std::exp, std::log, std::sqrt, std::tanh, std::erfc, std::nan;

#define __global__
#define __device__
#define __shared__ static               // one block runs at a time
#define __launch_bounds__(...)

struct dim3 { unsigned x, y, z; };
static dim3 gridDim, blockDim, blockIdx, threadIdx;

namespace emulation {

const int WARP_SIZE = 32, STACK = 1 << 16;

struct Barrier { int waiting = 0, opened = 0; };
struct Fiber { ucontext_t context; jmp_buf place; bool started, done; std::vector<char> stack = std::vector<char>(STACK); };

static std::vector<Fiber> fibers;
static std::vector<Barrier> warps;
static std::vector<double> slots;       // what shuffling threads hand each other: two for each, used in turn
static std::vector<int> turn;
static Barrier block;
static jmp_buf scheduler;
static int running;
static bool progress;
static void (*body)();

inline void wait(Barrier& barrier, int members) {
    int opened = barrier.opened;
    progress = true;
    if (++barrier.waiting == members) {
        barrier.waiting = 0;
        barrier.opened++;
    }
    while (barrier.opened == opened)
        if (!_setjmp(fibers[running].place)) _longjmp(scheduler, 1);
}

inline void start() {
    body();
    fibers[running].done = progress = true;
    _longjmp(scheduler, 1);
}

// Run a fiber until it waits or ends. The first time it needs its own stack; after that jumps do, which make no system call.
__attribute__((noinline)) void resume(Fiber& fiber) {
    if (_setjmp(scheduler)) return;
    if (fiber.started) _longjmp(fiber.place, 1);
    fiber.started = true;
    setcontext(&fiber.context);
}

inline bool run_block(bool descending) {
    int n = blockDim.x;
    fibers.resize(n);
    warps.assign((n + WARP_SIZE - 1) / WARP_SIZE, Barrier());
    slots.assign(2 * n, 0.0);
    turn.assign(n, 0);
    block = Barrier();
    for (Fiber& fiber : fibers) {
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = STACK;
        fiber.context.uc_link = nullptr;
        fiber.started = fiber.done = false;
        makecontext(&fiber.context, start, 0);
    }
    for (int left = n; left;) {
        progress = false;
        for (int i = 0; i < n; i++) {
            running = descending ? n - 1 - i : i;
            if (fibers[running].done) continue;
            threadIdx = {unsigned(running), 0, 0};
            resume(fibers[running]);
            left -= fibers[running].done;
        }
        if (!progress) return false;    // everyone waits for somebody who has left
    }
    return true;
}

inline bool run_grid(const unsigned* grid, const unsigned* threads, bool descending) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {threads[0], threads[1], threads[2]};
    for (unsigned z = 0; z < grid[2]; z++)
        for (unsigned y = 0; y < grid[1]; y++)
            for (unsigned x = 0; x < grid[0]; x++) {
                blockIdx = {x, y, z};
                if (!run_block(descending)) return false;
            }
    return true;
}

// A kernel's parameters from its type: how to call it with an array of addresses, and what it takes, each a letter and a size
// as in NumPy's dtypes, behind a star for a pointer.
template <class P> void describe(char*& text) {
    using E = std::remove_cv_t<std::remove_pointer_t<P>>;
    if (std::is_pointer<P>::value) *text++ = '*';
    *text++ = std::is_same<E, bool>::value ? 'b' : std::is_floating_point<E>::value ? 'f' : 'i';
    *text++ = '0' + sizeof(E);
}

template <class... P, size_t... I> void apply(void (*kernel)(P...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<P*>(arguments[I])...);
}

template <class... P> bool launch(
    void (*kernel)(P...), void** arguments, const unsigned* grid, const unsigned* threads, bool descending
) {
    static void (*kernel_now)(P...);
    static void** arguments_now;
    kernel_now = kernel;
    arguments_now = arguments;
    body = [] { apply(kernel_now, arguments_now, std::index_sequence_for<P...>()); };
    return run_grid(grid, threads, descending);
}

template <class... P> void parameters(void (*)(P...), char* text) {
    (describe<P>(text), ...);
    *text = 0;
}

}  // namespace emulation

inline unsigned __float_as_uint(float x) { unsigned bits; std::memcpy(&bits, &x, sizeof x); return bits; }

inline void __syncthreads() { emulation::wait(emulation::block, blockDim.x); }

template <class V> V __shfl_xor_sync(unsigned, V value, int mask) {
    using namespace emulation;
    int me = threadIdx.x, side = turn[me]++ % 2, n = blockDim.x;
    slots[side * n + me] = value;
    wait(warps[me / WARP_SIZE], std::min(WARP_SIZE, n - me / WARP_SIZE * WARP_SIZE));
    return V(slots[side * n + (me ^ mask)]);
}

// What the host looks up in the library: the two functions of one kernel.
#define EMULATE(NAME)                                                                                                         \
    extern "C" bool run_##NAME(void** arguments, const unsigned* grid, const unsigned* threads, bool descending) {           \
        return emulation::launch(NAME, arguments, grid, threads, descending);                                                 \
    }                                                                                                                         \
    extern "C" void parameters_##NAME(char* text) { emulation::parameters(NAME, text); }
