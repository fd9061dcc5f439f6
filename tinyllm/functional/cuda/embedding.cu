// Rows of a table. The host does not look at the ids: a row outside the table comes back as NaN.

extern "C" __global__ void embedding_forward(const Index* ids, const T* table, T* y, Index n_ids, Index n_rows, Index width) {
    Index n = blockIdx.x, id = ids[n];
    bool exists = id >= 0 && id < n_rows;
    for (Index c = threadIdx.x; c < width; c += blockDim.x) y[n * width + c] = exists ? table[id * width + c] : nan_of_T();
}

// order[0], order[1], ... are the places of equal ids side by side. The block at the first of a run adds up the run: one writer
// a row and one order of adding, where atomics would add in any order.
extern "C" __global__ void embedding_backward(
    const T* g, const Index* ids, const Index* order, T* g_table, Index n_ids, Index n_rows, Index width
) {
    Index n = blockIdx.x, id = ids[order[n]];
    if (id < 0 || id >= n_rows || (n && ids[order[n - 1]] == id)) return;
    for (Index c = threadIdx.x; c < width; c += blockDim.x) {
        T sum = 0;
        for (Index i = n; i < n_ids && ids[order[i]] == id; i++) sum += g[order[i] * width + c];
        g_table[id * width + c] = sum;
    }
}
