"""Lesson 22: on a GPU."""

import numpy as np

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays, token_ids

SIZES = token_ids("3", vocab_size=7).map(lambda args: tuple(int(n) + 1 for n in args[0]))
WORK = token_ids("4", vocab_size=20).map(lambda args: tuple(float(n + 1) for n in args[0]))
NUMBERS = arrays("N", low=-4.0, high=4.0, step=0.01).map(lambda args: (args[0].astype(np.float32),))
GRADIENTS = arrays("N", N=(2, 4)).map(
    lambda args: (np.where(args[0] == 0, 1, args[0]).astype(np.float32) * np.float32(1e-8), 4096.0)
)


def operations(m, k, n):
    return 2 * m * k * n


def operations_a_byte(m, k, n):
    return 2 * m * k * n / (4 * (m * k + k * n + m * n))


def least_time(flop, moved, peak, bandwidth):
    return max(flop / peak, moved / bandwidth)


def truncated(x):
    return (x.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def upwards(x):
    return (x.view(np.uint32) + np.uint32(0x8000) & np.uint32(0xFFFF0000)).view(np.float32)


def through_float16(g, s):
    return (g * np.float32(s)).astype(np.float16).astype(np.float32) / np.float32(s)


EXERCISES = [
    Exercise(
        "memory of training",
        expected=16_000_000,
        mistakes=(
            Mistake(4_000_000, "Those are the weights alone. Gradients and AdamW's two moments have their shape too."),
            Mistake(8_000_000, "Weights and gradients. AdamW keeps two moments for each weight besides (lesson 9)."),
            Mistake(12_000_000, "AdamW keeps two moments, of the gradient and of its square: four arrays in all."),
            Mistake(4_000_000 * 8, "float32 is 4 bytes, float64 would be 8."),
            Mistake(32 * 4_000_000, "32 bits are 4 bytes."),
        ),
        hint="Four numbers a parameter (weight, gradient, m, v), 4 bytes each.",
    ),
    Exercise(
        "operations of a product",
        expected=operations,
        inputs=SIZES,
        mistakes=(
            Mistake(lambda m, k, n: m * k * n, "The additions are missing: as many as multiplications, about."),
            Mistake(lambda m, k, n: 2 * m * n, "Each of the m·n entries is a sum of k products."),
            Mistake(lambda m, k, n: 2 * (m * k + k * n), "These are the sizes of the inputs. Each number is used many times."),
            Mistake(lambda m, k, n: m * n * (2 * k - 1),
                    "Exact, but count k additions as asked: hardware adds onto a start of 0."),
        ),
        hint="m·n entries, k multiplications and k additions each.",
    ),
    Exercise(
        "arithmetic intensity",
        expected=operations_a_byte,
        inputs=SIZES,
        mistakes=(
            Mistake(lambda m, k, n: 2 * m * k * n / (m * k + k * n + m * n),
                    "That is operations a *number*: each has 4 bytes."),
            Mistake(lambda m, k, n: 2 * m * k * n / (4 * (m * k + k * n)), "The result has to be written too."),
            Mistake(lambda m, k, n: 4 * (m * k + k * n + m * n) / (2 * m * k * n), "Upside down: operations over bytes."),
            Mistake(lambda m, k, n: n / 6, "n/6 is for m = k = n alone."),
        ),
        hint="2mkn over 4(mk + kn + mn).",
    ),
    Exercise(
        "the roof",
        expected=least_time,
        inputs=WORK,
        mistakes=(
            Mistake(lambda flop, moved, peak, bandwidth: flop / peak + moved / bandwidth,
                    "Arithmetic and memory work at the same time: the slower one decides, they do not add."),
            Mistake(lambda flop, moved, peak, bandwidth: min(flop / peak, moved / bandwidth),
                    "It cannot be done before *both* are: the larger time decides."),
            Mistake(lambda flop, moved, peak, bandwidth: max(peak / flop, bandwidth / moved), "Work over speed is time."),
            Mistake(lambda flop, moved, peak, bandwidth: flop / peak, "The bytes have to be moved too."),
        ),
        hint="Two times, work over speed each; the larger one.",
    ),
    Exercise(
        "cutting bits",
        expected=truncated,
        inputs=NUMBERS,
        rtol=1e-7,
        mistakes=(
            Mistake(lambda x: x, "Nothing was cut: 16 bits must be zero afterwards."),
            Mistake(lambda x: x.astype(np.float16).astype(np.float32), "That is float16: 5 bits of exponent, 10 of mantissa."),
            Mistake(upwards, "That rounds to the nearest. Here the bits are only cut off."),
            Mistake(lambda x: (x.view(np.uint32) & np.uint32(0xFFFF)).view(np.float32),
                    "You kept the last 16 bits; sign and exponent are among the first."),
            Mistake(lambda x: x.view(np.uint32) & np.uint32(0xFFFF0000),
                    "The right bits, read as integers: view them as float32."),
        ),
        hint="x.view(np.uint32) & np.uint32(0xFFFF0000), viewed as np.float32 again.",
    ),
    Exercise(
        "loss scaling",
        expected=through_float16,
        inputs=GRADIENTS,
        rtol=1e-6,
        atol=1e-14,
        mistakes=(
            Mistake(lambda g, s: g.astype(np.float16).astype(np.float32),
                    "Small ones are lost: scale before they become float16, and divide only after they are float32 again."),
            Mistake(lambda g, s: (g * np.float32(s)).astype(np.float16).astype(np.float32), "The scaling has to be undone."),
            Mistake(lambda g, s: g, "Nothing went through float16 here: its rounding is missing."),
            Mistake(lambda g, s: through_float16(g, s) * np.float32(s * s), "Undoing a factor s is dividing by it."),
        ),
        hint="Times s in float32, to float16, to float32, divided by s.",
    ),
]
