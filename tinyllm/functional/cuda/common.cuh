// What the kernels share. T is float or double, LARGEST its largest number: the host writes both above this line.
// A warp is 32 threads that run in step; `lane` is a thread's place in it. Warps reduce by shuffling registers.

#define WARP 32
#define EVERY_LANE 0xffffffffu
typedef long long Index;            // arrays may have more than 2^31 entries

__device__ inline T warp_sum(T x) {
    for (int step = WARP / 2; step; step /= 2) x += __shfl_xor_sync(EVERY_LANE, x, step);
    return x;                       // every lane has it
}

__device__ inline T warp_max(T x) {
    for (int step = WARP / 2; step; step /= 2) {
        T other = __shfl_xor_sync(EVERY_LANE, x, step);
        x = x < other || other != other ? other : x;        // a NaN stays a NaN
    }
    return x;
}

__device__ inline T nan_of_T() { return T(nan("")); }

// One warp a row: this thread's row and its lane. Rows past the end have nothing to do, whole warps at once.
__device__ inline Index my_row() { return (Index(blockIdx.x) * blockDim.x + threadIdx.x) / WARP; }
__device__ inline int my_lane() { return threadIdx.x % WARP; }
