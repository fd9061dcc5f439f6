// Attention block by block: no array of queries times keys ever exists (Dao et al. 2022, algorithms 1 and 4).
//
// A block of threads owns ROWS rows of a head (queries, or keys in the last kernel) and walks along the other side in tiles of
// TILE rows, which it keeps in shared memory. LANES neighbouring threads share a row: each holds every LANES-th of its entries
// in registers, and a dot product ends with a sum over the LANES. WIDTH (32, 64 or 128, defined by the host) bounds both
// widths; entries beyond them are zero.
//
// q, k, v, out and their gradients lie in memory as (B, T, H, width). Query i sees key j when j <= behind + i or not causal,
// and when the mask, reached by four strides (0 where it is broadcast), says so.

#define LANES 4
#define ROWS 32
#define TILE 16
#define EACH (WIDTH / LANES)                    // entries of a row in a thread
#define UNSEEN T(-1e30)

struct Shape { Index n_heads, n_queries, n_keys, width, v_width, causal, has_mask, mask_b, mask_h, mask_q, mask_k; };
// CuPy passes numbers and arrays to a kernel, not structs.
#define SHAPE                                                                                                              \
    Index n_heads, Index n_queries, Index n_keys, Index width, Index v_width, Index causal, Index has_mask, Index mask_b,  \
    Index mask_h, Index mask_q, Index mask_k
#define SHAPE_OF_ARGUMENTS \
    {n_heads, n_queries, n_keys, width, v_width, causal, has_mask, mask_b, mask_h, mask_q, mask_k}

__device__ inline Index behind(const Shape& s) { return s.n_keys - s.n_queries; }
__device__ inline Index least(Index a, Index b) { return a < b ? a : b; }
__device__ inline Index most(Index a, Index b) { return a > b ? a : b; }
__device__ inline int lane() { return threadIdx.x % LANES; }

// The start of row t of this block's head in an array (B, T, H, width).
__device__ inline Index at(const Shape& s, Index t, Index length, Index width) {
    Index b = blockIdx.x / s.n_heads, h = blockIdx.x % s.n_heads;
    return ((b * length + t) * s.n_heads + h) * width;
}

__device__ inline bool sees(const Shape& s, const bool* mask, Index i, Index j) {
    if (i >= s.n_queries || j >= s.n_keys || (s.causal && j > behind(s) + i)) return false;
    Index b = blockIdx.x / s.n_heads, h = blockIdx.x % s.n_heads;
    return !s.has_mask || mask[b * s.mask_b + h * s.mask_h + i * s.mask_q + j * s.mask_k];
}

// This thread's share of row t; zeros past the end.
__device__ inline void load_row(T* mine, const T* x, const Shape& s, Index t, Index length, Index width) {
    for (int e = 0; e < EACH; e++) {
        Index d = e * LANES + lane();
        mine[e] = t < length && d < width ? x[at(s, t, length, width) + d] : T(0);
    }
}

__device__ inline void store_row(const T* mine, T* x, const Shape& s, Index t, Index length, Index width) {
    for (int e = 0; e < EACH; e++) {
        Index d = e * LANES + lane();
        if (t < length && d < width) x[at(s, t, length, width) + d] = mine[e];
    }
}

// TILE rows from `first` on, loaded by the whole block.
__device__ inline void load_tile(T tile[TILE][WIDTH], const T* x, const Shape& s, Index first, Index length, Index width) {
    for (int n = threadIdx.x; n < TILE * WIDTH; n += blockDim.x) {
        Index t = first + n / WIDTH, d = n % WIDTH;
        tile[n / WIDTH][n % WIDTH] = t < length && d < width ? x[at(s, t, length, width) + d] : T(0);
    }
}

__device__ inline T dot(const T* mine, const T* row) {
    T sum = 0;
    for (int e = 0; e < EACH; e++) sum += mine[e] * row[e * LANES + lane()];
    for (int step = LANES / 2; step; step /= 2) sum += __shfl_xor_sync(EVERY_LANE, sum, step);
    return sum;
}

__device__ inline void add(T* mine, T factor, const T* row) {
    for (int e = 0; e < EACH; e++) mine[e] += factor * row[e * LANES + lane()];
}

// The online softmax (Milakov & Gimelshein 2018): with top the largest score so far, sum = sum exp(S - top) and
// o = sum exp(S - top) v. A tile with a larger score multiplies both by exp(old top - new top). out = o / sum; a query that
// sees nothing has none.
extern "C" __global__ void attention_forward(
    const T* q, const T* k, const T* v, const bool* mask, T* out, T* tops, T* sums, T scale, SHAPE
) {
    Shape s = SHAPE_OF_ARGUMENTS;
    __shared__ T keys[TILE][WIDTH];
    __shared__ T values[TILE][WIDTH];
    Index first = Index(blockIdx.y) * ROWS, i = first + threadIdx.x / LANES;
    Index end = s.causal ? least(s.n_keys, behind(s) + first + ROWS) : s.n_keys;    // no query of this block sees beyond
    T mine[EACH], o[EACH] = {}, scores[TILE], top = UNSEEN, sum = 0;
    load_row(mine, q, s, i, s.n_queries, s.width);
    for (Index start = 0; start < end; start += TILE) {
        load_tile(keys, k, s, start, s.n_keys, s.width);
        load_tile(values, v, s, start, s.n_keys, s.v_width);
        __syncthreads();
        T old = top;
        #pragma unroll
        for (int n = 0; n < TILE; n++) {
            scores[n] = dot(mine, keys[n]) * scale;
            if (sees(s, mask, i, start + n)) top = top < scores[n] ? scores[n] : top;
            else scores[n] = UNSEEN;
        }
        T shrink = exp(old - top);
        sum *= shrink;
        for (int e = 0; e < EACH; e++) o[e] *= shrink;
        #pragma unroll
        for (int n = 0; n < TILE; n++) {
            T p = scores[n] == UNSEEN ? T(0) : exp(scores[n] - top);
            sum += p;
            add(o, p, values[n]);
        }
        __syncthreads();                        // before the next tile overwrites this one
    }
    for (int e = 0; e < EACH; e++) o[e] = sum == 0 ? T(0) : o[e] / sum;
    store_row(o, out, s, i, s.n_queries, s.v_width);
    if (i < s.n_queries && lane() == 0) {
        tops[blockIdx.x * s.n_queries + i] = top;
        sums[blockIdx.x * s.n_queries + i] = sum;
    }
}

// gq = sum_j dS_j k_j scale with P = exp(S - top) / sum, dS = P (g . v - g . out). g . out is kept for the last kernel.
extern "C" __global__ void attention_backward_queries(
    const T* g, const T* q, const T* k, const T* v, const bool* mask, const T* out, const T* tops, const T* sums, T* g_dot_out,
    T* gq, T scale, SHAPE
) {
    Shape s = SHAPE_OF_ARGUMENTS;
    __shared__ T keys[TILE][WIDTH];
    __shared__ T values[TILE][WIDTH];
    Index first = Index(blockIdx.y) * ROWS, i = first + threadIdx.x / LANES, place = blockIdx.x * s.n_queries + i;
    Index end = s.causal ? least(s.n_keys, behind(s) + first + ROWS) : s.n_keys;
    T mine[EACH], mine_g[EACH], moved[EACH] = {};
    load_row(mine, out, s, i, s.n_queries, s.v_width);
    load_row(mine_g, g, s, i, s.n_queries, s.v_width);
    T g_dot_o = 0;
    for (int e = 0; e < EACH; e++) g_dot_o += mine[e] * mine_g[e];
    for (int step = LANES / 2; step; step /= 2) g_dot_o += __shfl_xor_sync(EVERY_LANE, g_dot_o, step);
    load_row(mine, q, s, i, s.n_queries, s.width);
    T top = i < s.n_queries ? tops[place] : T(0), sum = i < s.n_queries ? sums[place] : T(1);
    for (Index start = 0; start < end; start += TILE) {
        load_tile(keys, k, s, start, s.n_keys, s.width);
        load_tile(values, v, s, start, s.n_keys, s.v_width);
        __syncthreads();
        #pragma unroll
        for (int n = 0; n < TILE; n++) {
            T score = dot(mine, keys[n]) * scale, g_dot_v = dot(mine_g, values[n]);
            T p = sees(s, mask, i, start + n) ? exp(score - top) / sum : T(0);
            add(moved, p * (g_dot_v - g_dot_o) * scale, keys[n]);
        }
        __syncthreads();
    }
    store_row(moved, gq, s, i, s.n_queries, s.width);
    if (i < s.n_queries && lane() == 0) g_dot_out[place] = g_dot_o;
}

// gk = sum_i dS_i q_i scale and gv = sum_i P_i g_i: a row is a key now, the tiles are queries.
extern "C" __global__ void attention_backward_keys(
    const T* g, const T* q, const T* k, const T* v, const bool* mask, const T* tops, const T* sums, const T* g_dot_out,
    T* gk, T* gv, T scale, SHAPE
) {
    Shape s = SHAPE_OF_ARGUMENTS;
    __shared__ T queries[TILE][WIDTH];
    __shared__ T slopes[TILE][WIDTH];
    Index first = Index(blockIdx.y) * ROWS, j = first + threadIdx.x / LANES;
    Index start = s.causal ? most(0, first - behind(s)) / TILE * TILE : 0;          // no earlier query sees this block's keys
    T mine[EACH], mine_v[EACH], moved[EACH] = {}, moved_v[EACH] = {};
    load_row(mine, k, s, j, s.n_keys, s.width);
    load_row(mine_v, v, s, j, s.n_keys, s.v_width);
    for (; start < s.n_queries; start += TILE) {
        load_tile(queries, q, s, start, s.n_queries, s.width);
        load_tile(slopes, g, s, start, s.n_queries, s.v_width);
        __syncthreads();
        #pragma unroll
        for (int n = 0; n < TILE; n++) {
            Index i = start + n, place = blockIdx.x * s.n_queries + i;
            T score = dot(mine, queries[n]) * scale, g_dot_v = dot(mine_v, slopes[n]), p = 0, ds = 0;
            if (sees(s, mask, i, j)) {
                p = exp(score - tops[place]) / sums[place];
                ds = p * (g_dot_v - g_dot_out[place]) * scale;
            }
            add(moved, ds, queries[n]);
            add(moved_v, p, slopes[n]);
        }
        __syncthreads();
    }
    store_row(moved, gk, s, j, s.n_keys, s.width);
    store_row(moved_v, gv, s, j, s.n_keys, s.v_width);
}
