// Softmax over rows of n_columns: y = exp(x - max) / sum, among the entries that `where` lets take part.

extern "C" __global__ void softmax_forward(const T* x, const bool* where, T* y, Index n_rows, Index n_columns, int has_where) {
    Index row = my_row();
    if (row >= n_rows) return;
    x += row * n_columns;
    y += row * n_columns;
    where += row * n_columns * has_where;
    T top = -LARGEST, sum = 0;
    for (Index c = my_lane(); c < n_columns; c += WARP)
        if (!has_where || where[c]) top = top < x[c] || x[c] != x[c] ? x[c] : top;
    top = warp_max(top);
    for (Index c = my_lane(); c < n_columns; c += WARP) {
        y[c] = !has_where || where[c] ? exp(x[c] - top) : T(0);
        sum += y[c];
    }
    sum = warp_sum(sum);
    for (Index c = my_lane(); c < n_columns; c += WARP) y[c] /= sum + (sum == 0);   // an empty row: 0 / 1
}

// gx = y (g - sum g y)
extern "C" __global__ void softmax_backward(const T* g, const T* y, T* gx, Index n_rows, Index n_columns) {
    Index row = my_row();
    if (row >= n_rows) return;
    g += row * n_columns;
    y += row * n_columns;
    gx += row * n_columns;
    T sum = 0;
    for (Index c = my_lane(); c < n_columns; c += WARP) sum += g[c] * y[c];
    sum = warp_sum(sum);
    for (Index c = my_lane(); c < n_columns; c += WARP) gx[c] = y[c] * (g[c] - sum);
}
