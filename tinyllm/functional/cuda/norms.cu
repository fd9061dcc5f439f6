// Layer norm and RMS norm over rows of n_columns. h = (x - mean) r, y = h weight + bias; RMS norm has mean 0.

extern "C" __global__ void norm_forward(
    const T* x, const T* weight, const T* bias, T* y, T* mean, T* r, Index n_rows, Index n_columns, T eps, int centred,
    int has_bias
) {
    Index row = my_row();
    if (row >= n_rows) return;
    x += row * n_columns;
    y += row * n_columns;
    T m = 0, square = 0;
    if (centred) {
        for (Index c = my_lane(); c < n_columns; c += WARP) m += x[c];
        m = warp_sum(m) / n_columns;
    }
    for (Index c = my_lane(); c < n_columns; c += WARP) square += (x[c] - m) * (x[c] - m);
    T scale = 1 / sqrt(warp_sum(square) / n_columns + eps);
    for (Index c = my_lane(); c < n_columns; c += WARP) y[c] = (x[c] - m) * scale * weight[c] + (has_bias ? bias[c] : T(0));
    if (my_lane() == 0) {
        mean[row] = m;
        r[row] = scale;
    }
}

// gx = r (d - mean(d) - h mean(h d)) with d = g weight; RMS norm leaves out mean(d).
extern "C" __global__ void norm_backward(
    const T* g, const T* x, const T* weight, const T* mean, const T* r, T* gx, Index n_rows, Index n_columns, int centred
) {
    Index row = my_row();
    if (row >= n_rows) return;
    g += row * n_columns;
    x += row * n_columns;
    gx += row * n_columns;
    T m = mean[row], scale = r[row], mean_d = 0, mean_hd = 0;
    for (Index c = my_lane(); c < n_columns; c += WARP) {
        T d = g[c] * weight[c];
        mean_d += d;
        mean_hd += (x[c] - m) * scale * d;
    }
    mean_d = centred ? warp_sum(mean_d) / n_columns : T(0);
    mean_hd = warp_sum(mean_hd) / n_columns;
    for (Index c = my_lane(); c < n_columns; c += WARP)
        gx[c] = scale * (g[c] * weight[c] - mean_d - (x[c] - m) * scale * mean_hd);
}

// Sums over rows, gw = sum g h and gb = sum g, a thread a column. Block (., k) sums the k-th share of the rows into row k of
// (gridDim.y, n_columns): sums of shares, added up afterwards in a fixed order, where atomics would add in any order.
extern "C" __global__ void norm_columns(
    const T* g, const T* x, const T* mean, const T* r, T* gw, T* gb, Index n_rows, Index n_columns
) {
    Index c = Index(blockIdx.x) * blockDim.x + threadIdx.x;
    if (c >= n_columns) return;
    T sum_gh = 0, sum_g = 0;
    for (Index row = blockIdx.y; row < n_rows; row += gridDim.y) {
        T g_here = g[row * n_columns + c];
        sum_gh += g_here * (x[row * n_columns + c] - mean[row]) * r[row];
        sum_g += g_here;
    }
    gw[blockIdx.y * n_columns + c] = sum_gh;
    gb[blockIdx.y * n_columns + c] = sum_g;
}
