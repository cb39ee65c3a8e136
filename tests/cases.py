"""Random convolutions: small, awkward, and spanning every argument."""

import dataclasses

import numpy as np

import cyconv
from cyconv import checks, reference, shapes
from cyconv.algorithms import TRANSFORMING
from cyconv.layout import AXES

FLOATS = ("float32", "float64")
DTYPES = (*FLOATS, "float16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool")
PAD_MODES = ("constant", "constant", "constant", "edge", "reflect", "symmetric", "wrap")
CONV = {1: cyconv.conv1d, 2: cyconv.conv2d, 3: cyconv.conv3d}
PLAN = {1: cyconv.plan_conv1d, 2: cyconv.plan_conv2d, 3: cyconv.plan_conv3d}

# Longest axis, and extents of kernels, for each number of window axes.
LONGEST = {1: 140, 2: 33, 3: 11}
KERNELS = {1: (1, 2, 3, 3, 4, 5, 7, 12, 31), 2: (1, 1, 2, 3, 3, 4, 5, 7), 3: (1, 1, 2, 2, 3, 3, 4)}


def layouts(ndim):
    """The four layouts of `ndim` window axes: channels last and first, and the same of one sample."""
    last, first = f"N{AXES[ndim]}C", f"NC{AXES[ndim]}"
    return last, first, last[1:], first[1:]


def kernel_layouts(ndim):
    """The three layouts of kernels for `ndim` window axes."""
    return f"{AXES[ndim]}IO", f"OI{AXES[ndim]}", f"O{AXES[ndim]}I"


def moved(a, to, source=None):
    """A view of `a` in the layout `to`; by default it has channels, or input channels and filters, last."""
    if source is None:
        source = "".join(sorted(to, key="NDHWCIO".index))
    return a.transpose([source.index(axis) for axis in to])


@dataclasses.dataclass
class Case:
    """Arrays and arguments of one call."""

    x: np.ndarray
    w: np.ndarray
    bias: np.ndarray | None
    arguments: dict

    @property
    def ndim(self):
        """Number of window axes."""
        return self.w.ndim - 2

    @property
    def steps(self):
        """Stride and dilation, each with one number per axis."""
        return [checks.per_axis("case", name, self.arguments[name], self.ndim) for name in ("stride", "dilation")]

    @property
    def pads(self):
        """Padding as (before, after) pairs."""
        sizes = (
            [a.shape[self.arguments[layout].index(axis)] for axis in AXES[self.ndim]]
            for a, layout in ((self.x, "layout"), (self.w, "kernel_layout"))
        )
        return shapes.resolve_padding("case", self.arguments["padding"], *sizes, *self.steps)

    def convolved(self, **arguments):
        """What the function of that many axes returns."""
        algorithm = self.exact_algorithm()
        return CONV[self.ndim](self.x, self.w, self.bias, **{**self.arguments, "algorithm": algorithm, **arguments})

    def planned(self):
        """The plan for it."""
        return self.planned_with(self.exact_algorithm())

    def planned_with(self, algorithm):
        """The plan for it, with one algorithm."""
        plan = PLAN[self.ndim]
        return plan(self.x.shape, self.w, self.bias, dtype=self.x.dtype, algorithm=algorithm, **self.arguments)

    def exact_algorithm(self):
        """ "auto", but "direct" where that would take the algorithm that rounds on its way."""
        try:
            return "direct" if self.planned_with("auto").algorithm in TRANSFORMING else "auto"
        except ValueError:
            return "auto"

    def expected(self):
        """The reference's result."""
        return reference.convolve(self.x, self.w, self.bias, **self.arguments)

    def __str__(self):
        arrays = f"x {self.x.dtype}{self.x.shape} w {self.w.dtype}{self.w.shape} bias {self.bias is not None}"
        return f"{arrays} {self.arguments}"


def integers(rng, shape, dtype, most):
    """Integer-valued numbers of a dtype, about half of them zero."""
    kind = np.dtype(dtype).kind
    low, high = (0, 2) if kind == "b" else (0, most + 1) if kind == "u" else (-most, most + 1)
    return (rng.integers(low, high, shape) * rng.integers(0, 2, shape)).astype(dtype)


def reals(rng, shape, dtype, most):
    del most
    return rng.standard_normal(shape).astype(dtype)


def draw(rng, ndim=2, dtypes=DTYPES, values=integers):
    """A random case of `ndim` window axes; its kernel may not fit, which is a case that must be refused."""
    dtype = rng.choice(dtypes)
    layout, kernel_layout = str(rng.choice(layouts(ndim))), str(rng.choice(kernel_layouts(ndim)))
    groups = int(rng.choice((1, 1, 1, 1, 2, 3, 5)))
    channels = int(rng.choice((1, 2, 3, 4, 7, 8, 17)))
    filters = int(rng.choice((1, 2, 3, 5, 8, 13, 15, 16, 17, 24, 31, 33, 65)))
    kernel = tuple(int(k) for k in rng.choice(KERNELS[ndim], ndim))
    stride = tuple(int(s) for s in rng.choice((1, 1, 1, 2, 3, 4), ndim))
    dilation = tuple(int(d) for d in rng.choice((1, 1, 1, 2, 3, 4), ndim))
    size = tuple(int(n) for n in rng.integers(1, LONGEST[ndim] + 1, ndim))
    paddings = (
        "valid", "same", "same_lower", "full", int(rng.integers(0, 4)),
        tuple(int(p) for p in rng.integers(0, 5, ndim)),
        tuple(tuple(int(p) for p in rng.integers(0, 6, 2)) for _ in range(ndim)),
        *(("causal",) if ndim == 1 else ()),
    )  # fmt: skip
    padding = paddings[rng.integers(len(paddings))]
    x = values(rng, (int(rng.integers(1, 4)), *size, groups * channels), dtype, 4)
    x = x if layout[0] == "N" else x[0]
    w = values(rng, (*kernel, channels, groups * filters), dtype, 3)
    bias = values(rng, (groups * filters,), dtype, 9) if rng.integers(2) else None
    arguments = {
        "stride": stride if rng.integers(2) else stride[0],
        "padding": padding,
        "dilation": dilation if rng.integers(2) else dilation[0],
        "groups": groups,
        "layout": layout,
        "kernel_layout": kernel_layout,
        "pad_mode": str(rng.choice(PAD_MODES)),
        "flip": bool(rng.integers(2)),
        "activation": None if dtype == "uint64" else (None, None, "relu", "relu6")[rng.integers(4)],
    }
    x, w = np.ascontiguousarray(moved(x, layout)), np.ascontiguousarray(moved(w, kernel_layout))
    return Case(x, w, bias, arguments)


def draw_fitting(rng, count, **kinds):
    """`count` random cases whose kernel fits, with the reference's results."""
    cases = []
    while len(cases) < count:
        case = draw(rng, **kinds)
        try:
            cases.append((case, case.expected()))
        except ValueError as refused:
            if "does not fit" not in str(refused):
                raise
    return cases
