"""The NumPy functions without a derivative of their own: queries, piecewise constants, and those that refuse Tensors.

Together with the rules and compositions beside this file every function that NumPy lets others override has its place, and a
test holds the table complete. Nothing is ever handed to NumPy's own Python code, which would call `asarray` inside.
"""

import numpy as np

from ..table import defraw, refuse


def _named(*names):
    """The functions of these names that this version of NumPy has: 'sum', 'linalg.svd', …"""
    found = []
    for name in names:
        owner = np
        for part in name.split("."):
            owner = getattr(owner, part, None)
            if owner is None:
                break
        if owner is not None:
            found.append(owner)
    return found


# ---------------------------------------------------------------- constant between their jumps: comparisons, roundings, places

defraw(*_named(
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
    "logical_and", "logical_or", "logical_xor", "logical_not", "isfinite", "isinf", "isnan", "signbit",
    "sign", "heaviside", "floor", "ceil", "rint", "trunc", "fix", "round", "around", "floor_divide",
    "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_count", "invert", "left_shift", "right_shift", "gcd", "lcm",
    "argmax", "argmin", "nanargmax", "nanargmin", "argsort", "argpartition", "argwhere", "lexsort", "searchsorted", "digitize",
    "nonzero", "flatnonzero", "count_nonzero", "all", "any", "allclose", "isclose", "array_equal", "array_equiv", "isin",
    "isneginf", "isposinf", "bincount", "histogram", "histogram_bin_edges", "unravel_index", "ravel_multi_index",
))

# ---------------------------------------------------------------- queries and what is made in an array's image

defraw(*_named(
    "shape", "ndim", "size", "result_type", "can_cast", "min_scalar_type", "common_type", "iscomplexobj", "isrealobj",
    "iscomplex", "isreal", "may_share_memory", "shares_memory", "zeros_like", "ones_like", "empty_like",
    "array2string", "array_repr", "array_str",
    "einsum_path", "tril_indices_from", "triu_indices_from", "diag_indices_from", "linalg.matrix_rank",
))

# ---------------------------------------------------------------- refused

refuse(
    "it writes into its argument, which a graph may need: build a new array with np.where or stack",
    *_named("copyto", "place", "put", "put_along_axis", "putmask", "fill_diagonal"),
)
refuse(
    "the result would be a NumPy array without the gradient: use the Tensor itself, or leave the graph with .numpy()",
    *_named("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "require"),
)
refuse(
    "save .numpy(), or a module's state_dict() as safetensors",
    *_named("save", "savetxt", "savez", "savez_compressed"),
)
refuse(
    "its function argument would see raw arrays: write the loop with stack or einsum",
    *_named("apply_along_axis", "apply_over_axes", "piecewise", "fromfunction"),
)
refuse(
    "no derivative rule is written for it: leave the graph with .detach().numpy(), or give it one with @tinyllm.operation",
    *_named(
        "linalg.cholesky", "linalg.cond", "linalg.eig", "linalg.eigh", "linalg.eigvals", "linalg.eigvalsh", "linalg.lstsq",
        "linalg.pinv", "linalg.qr", "linalg.svd", "linalg.svdvals", "linalg.tensorinv", "linalg.tensorsolve",
        "corrcoef", "cov", "correlate", "gradient", "i0", "insert", "choose", "nanmedian", "nanpercentile", "nanquantile",
        "histogram2d", "histogramdd", "poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polysub",
        "polyval", "roots", "vander", "trim_zeros", "sort_complex", "unwrap", "linspace", "logspace", "geomspace", "ix_",
        "divmod", "modf", "frexp", "ldexp", "nextafter", "spacing",
        "lib.scimath.sqrt", "lib.scimath.log", "lib.scimath.log2", "lib.scimath.logn", "lib.scimath.log10",
        "lib.scimath.power", "lib.scimath.arccos", "lib.scimath.arcsin", "lib.scimath.arctanh",
        "lib.stride_tricks.sliding_window_view",
        *(f"fft.{name}" for name in (
            "fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn",
            "irfftn", "fftshift", "ifftshift")),
    ),
)
refuse(
    "it treats its argument as a set of exact values: leave the graph with .detach().numpy() first",
    *_named("unique", "unique_all", "unique_counts", "unique_inverse", "unique_values", "intersect1d", "setdiff1d", "setxor1d",
            "union1d"),
)
refuse(
    "complex numbers are not supported",
    *_named("angle", "real", "imag", "real_if_close", "conjugate"),
)
refuse(
    "it is about bytes, dates, files or strings, not numbers",
    *_named("packbits", "unpackbits", "busday_count", "busday_offset", "is_busday", "datetime_as_string", "isnat",
            "frombuffer", "fromfile", "fromiter", "fromstring", "genfromtxt", "loadtxt"),
)
refuse(
    "it makes a new array and takes sizes and numbers: pass it .item() or a raw array",
    *_named("arange", "empty", "eye", "full", "identity", "ones", "tri", "zeros"),
)
