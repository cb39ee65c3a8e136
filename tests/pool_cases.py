"""Random pools: small, awkward, and spanning every argument."""

import dataclasses
import math

import numpy as np
from cases import DTYPES, layouts, moved

import cyconv
from cyconv import reference, shapes
from cyconv.layout import AXES, parse_layout

SLIDING = ("max_pool", "avg_pool", "lp_pool")
ADAPTIVE = ("adaptive_max_pool", "adaptive_avg_pool")
GLOBAL = ("global_max_pool", "global_avg_pool")

# Longest axis, and extents of windows, for each number of window axes.
LONGEST = {1: 200, 2: 40, 3: 14}
KERNELS = {1: (1, 2, 3, 5, 9, 17, 31), 2: (1, 2, 2, 3, 3, 4, 5, 7, 9, 13, 31), 3: (1, 1, 2, 2, 3, 4, 5, 9, 31)}
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 70)
POWERS = (1, 2, 3, 4, 0.5, 2.5)

# What the reference may take: windows, and elements in all of them.
MOST_WINDOWS = 300
MOST_ELEMENTS = 300_000


def function(op, ndim):
    """The public function for a name without its number of axes."""
    return getattr(cyconv, f"{op}{ndim}d")


@dataclasses.dataclass
class Case:
    """Array and arguments of one call."""

    op: str
    x: np.ndarray
    window: tuple  # kernel_size, or the output_size of an adaptive pool
    arguments: dict

    @property
    def ndim(self):
        """Number of window axes."""
        return len(self.window)

    def pooled(self, **arguments):
        """What the function of that many axes returns."""
        return function(self.op, self.ndim)(self.x, self.window, **{**self.arguments, **arguments})

    def expected(self, x=None, **arguments):
        """The reference's result, or that for another array."""
        pool = getattr(reference, self.op)
        return pool(self.x if x is None else x, self.window, **{**self.arguments, **arguments})

    def __str__(self):
        return f"{self.op}{self.ndim}d x {self.x.dtype}{self.x.shape} window {self.window} {self.arguments}"


def assert_same(y, expected, what):
    """Fails unless shapes, dtypes and all numbers are the same; of a pair, those of both."""
    for a, b in zip(*((r if isinstance(r, tuple) else (r,)) for r in (y, expected)), strict=True):
        same = a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        assert same, f"{what}: {a.dtype}{a.shape} for {b.dtype}{b.shape}"


def whole(rng, shape, dtype):
    """Whole numbers that sums are exact of."""
    low, high = {"b": (0, 2), "u": (0, 101)}.get(np.dtype(dtype).kind, (-100, 101))
    return rng.integers(low, high, shape).astype(dtype)


def reals(rng, shape, dtype):
    return rng.standard_normal(shape).astype(dtype)


def positives(rng, shape, dtype):
    """Numbers whose sums grow, and their roundings with them."""
    return rng.random(shape).astype(dtype)


def extremes(rng, shape, dtype):
    """Numbers with many equals, the least and the greatest of their type, and for floats NaN, infinity and zeros."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        x = reals(rng, shape, dtype) if rng.integers(2) else rng.integers(-2, 3, shape).astype(dtype)
        for special in (np.nan, -np.inf, np.inf, -0.0):
            x[rng.random(shape) < rng.choice((0, 0, 0.02, 0.2, 0.9))] = special
        return x
    if dtype.kind == "b":
        return rng.random(shape) < rng.choice((0.02, 0.5, 0.98))
    info = np.iinfo(dtype)
    if rng.integers(2):
        x = rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    else:
        x = rng.integers(0, 3, shape, dtype)
    x[rng.random(shape) < rng.choice((0, 0.1, 0.9))] = info.min
    x[rng.random(shape) < rng.choice((0, 0.1))] = info.max
    return x


def draw(rng, op, ndim, dtypes=DTYPES, values=whole):
    """A random case of `ndim` window axes whose window fits and which the reference can do soon."""
    dtype = str(rng.choice(dtypes))
    shape_of = shapes.pool_output_shape if op in SLIDING else shapes.adaptive_output_shape
    while True:
        layout = str(rng.choice(layouts(ndim)))
        size = tuple(int(n) for n in rng.integers(1, LONGEST[ndim] + 1, ndim))
        shape = (int(rng.integers(1, 4)), *size, int(rng.choice(CHANNELS)))[layout[0] != "N" :]
        window, arguments = draw_sliding(rng, ndim) if op in SLIDING else draw_adaptive(rng, size)
        case = Case(op, moved(np.broadcast_to(np.uint8(0), shape), layout), window, {**arguments, "layout": layout})
        try:
            y_shape = shape_of(case.x.shape, window, **case.arguments)
        except ValueError:
            continue
        windows = math.prod(sizes(y_shape, case))
        if windows <= MOST_WINDOWS and windows * most_elements(case) * case.x.size / math.prod(size) <= MOST_ELEMENTS:
            break
    case.x = np.ascontiguousarray(moved(values(rng, shape, dtype), layout))
    if op.endswith("max_pool"):
        case.arguments["nan"] = str(rng.choice(("propagate", "ignore")))
        case.arguments["return_indices"] = bool(rng.integers(2))
    elif op == "avg_pool":
        case.arguments["count_include_pad"] = bool(rng.integers(2))
        case.arguments["divisor"] = (None, None, 7)[rng.integers(3)]
    elif op == "lp_pool":
        case.arguments["p"] = POWERS[rng.integers(len(POWERS))]
    return case


def draw_sliding(rng, ndim):
    """Window and arguments of a pool that slides."""
    kernel = tuple(int(k) for k in rng.choice(KERNELS[ndim], ndim))
    stride = tuple(int(s) for s in rng.choice((1, 1, 1, 2, 3, 4), ndim))
    dilation = tuple(int(d) for d in rng.choice((1, 1, 1, 2, 3), ndim))
    before, after = (tuple(int(p) for p in rng.integers(0, 5, ndim)) for _ in range(2))
    paddings = (
        "valid", "same", "same_lower", "full", before[0], before, tuple(zip(before, after, strict=True)),
        *(("causal",) if ndim == 1 else ()),
    )  # fmt: skip
    arguments = {
        "stride": (None, stride, stride, stride[0])[rng.integers(4)],
        "padding": paddings[rng.integers(len(paddings))],
        "dilation": dilation if rng.integers(2) else dilation[0],
        "ceil_mode": bool(rng.integers(2)),
    }
    return kernel, arguments


def draw_adaptive(rng, size):
    """Output size of an adaptive pool, sometimes more than there is."""
    return tuple(int(rng.integers(1, n + 3)) for n in size), {}


def draw_many(seed, op, count, **kinds):
    """`count` random cases for each number of axes, one after the other."""
    for ndim in AXES:
        rng = np.random.default_rng((seed, ndim))
        for _ in range(count):
            yield draw(rng, op, ndim, **kinds)


def means(case):
    """Means of a case within one eps of float64, and means of magnitudes.

    Upper and lower parts of the elements are averaged apart: the upper ones have 24 binary places, so
    that no sum of them is rounded, and what is rounded in sums of the lower ones is nothing.
    """
    x = case.x.astype(np.float64)
    upper = np.round(x * 2.0**24) * 2.0**-24
    return case.expected(upper) + case.expected(x - upper), case.expected(np.abs(x))


def sizes(shape, case):
    """The window axes of the shape of a case's input or output."""
    return parse_layout("sizes", case.arguments["layout"], case.ndim).split(shape)[2]


def most_elements(case):
    """Elements in any window of a case, at most."""
    if case.op in SLIDING:
        longest = case.window
    else:
        longest = (-(-n // m) + 1 for n, m in zip(sizes(case.x.shape, case), case.window, strict=True))
    return math.prod(min(k, n) for k, n in zip(longest, sizes(case.x.shape, case), strict=True))
