// Cross-entropy, a warp a row of logits. The target is a distribution t with t_c = at_target [c = y] + at_all w_c, where
// at_target = (1 - smoothing) w_y and at_all = smoothing / V; a row whose target is `ignored` has t = 0.

struct Target { T at_target, at_all, weight; };

__device__ inline Target target_of(Index y, const T* w, Index n_classes, Index ignored, T smoothing, int has_w) {
    if (y == ignored) return {0, 0, 0};
    if (y < 0 || y >= n_classes) return {nan_of_T(), 0, 0};     // the host does not look: a wrong target makes the loss NaN
    T weight = has_w ? w[y] : T(1);
    return {weight * (1 - smoothing), smoothing / n_classes, weight};
}

// cost = log sum exp(s) sum t - sum t s with s = z - max z. Kept for the way back: max z, sum exp(s), sum t.
extern "C" __global__ void cross_entropy_rows(
    const T* z, const Index* y, const T* w, T* cost, T* weight, T* top, T* sum, T* t_sum, Index n_rows, Index n_classes,
    Index ignored, T smoothing, int has_w
) {
    Index row = my_row();
    if (row >= n_rows) return;
    z += row * n_classes;
    Target t = target_of(y[row], w, n_classes, ignored, smoothing, has_w);
    T most = -LARGEST, total = 0, sum_w = 0, sum_ws = 0;
    for (Index c = my_lane(); c < n_classes; c += WARP) most = most < z[c] || z[c] != z[c] ? z[c] : most;
    most = warp_max(most);
    for (Index c = my_lane(); c < n_classes; c += WARP) {
        T s = z[c] - most, w_here = has_w ? w[c] : T(1);
        total += exp(s);
        sum_w += w_here;
        sum_ws += w_here * s;
    }
    total = warp_sum(total);
    sum_w = warp_sum(sum_w);
    sum_ws = warp_sum(sum_ws);
    if (my_lane() == 0) {
        T t_total = t.at_target + (t.at_all ? t.at_all * sum_w : T(0));
        T t_dot_s = t.at_target == t.at_target && t.weight ? t.at_target * (z[y[row]] - most) : T(0);
        if (t.at_all) t_dot_s += t.at_all * sum_ws;
        cost[row] = t_total * log(total) - t_dot_s;
        weight[row] = t.weight;
        top[row] = most;
        sum[row] = total;
        t_sum[row] = t_total;
    }
}

// One warp: loss = sum cost / sum weight, or 0 where nothing counts, and the divisor for the way back.
extern "C" __global__ void cross_entropy_mean(const T* cost, const T* weight, T* loss, T* divisor, Index n_rows) {
    T sum_cost = 0, sum_weight = 0;
    for (Index row = my_lane(); row < n_rows; row += WARP) {
        sum_cost += cost[row];
        sum_weight += weight[row];
    }
    sum_cost = warp_sum(sum_cost);
    sum_weight = warp_sum(sum_weight);
    if (my_lane() == 0) {
        *divisor = sum_weight + (sum_weight == 0);
        *loss = sum_cost / *divisor;
    }
}

// gz = (softmax(z) sum t - t) g / divisor: the softmax is computed again, so that no (N, V) array is kept.
extern "C" __global__ void cross_entropy_backward(
    const T* g, const T* divisor, const T* z, const Index* y, const T* w, const T* top, const T* sum, const T* t_sum, T* gz,
    Index n_rows, Index n_classes, Index ignored, T smoothing, int has_w
) {
    Index row = my_row();
    if (row >= n_rows) return;
    z += row * n_classes;
    gz += row * n_classes;
    Target t = target_of(y[row], w, n_classes, ignored, smoothing, has_w);
    T scale = *g / *divisor, p_scale = t_sum[row] * scale / sum[row];
    for (Index c = my_lane(); c < n_classes; c += WARP) {
        T t_here = (c == y[row] ? t.at_target : T(0)) + t.at_all * (has_w ? w[c] : T(1));
        gz[c] = exp(z[c] - top[row]) * p_scale - t_here * scale;
    }
}
