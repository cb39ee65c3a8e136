"""Random convolutions: small, awkward, and spanning every argument."""

import dataclasses

import numpy as np

from cyconv import reference

FLOATS = ("float32", "float64")
DTYPES = (*FLOATS, "float16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool")
LAYOUTS = ("NHWC", "NCHW", "HWC", "CHW")
KERNEL_LAYOUTS = {"HWIO": (0, 1, 2, 3), "OIHW": (3, 2, 0, 1), "OHWI": (3, 0, 1, 2)}
PAD_MODES = ("constant", "constant", "constant", "edge", "reflect", "symmetric", "wrap")


@dataclasses.dataclass
class Case:
    """Arrays and arguments of one call."""

    x: np.ndarray
    w: np.ndarray
    bias: np.ndarray | None
    arguments: dict

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


def draw(rng, dtypes=DTYPES, values=integers):
    """A random case; None where the kernel does not fit the input, as a case that must be refused."""
    dtype = rng.choice(dtypes)
    layout, kernel_layout = rng.choice(LAYOUTS), rng.choice(tuple(KERNEL_LAYOUTS))
    groups = int(rng.choice((1, 1, 1, 1, 2, 3, 5)))
    channels = int(rng.choice((1, 2, 3, 4, 7, 8, 17)))
    filters = int(rng.choice((1, 2, 3, 5, 8, 13, 15, 16, 17, 24, 31, 33, 65)))
    kernel = tuple(int(k) for k in rng.choice((1, 1, 2, 3, 3, 4, 5, 7), 2))
    stride = tuple(int(s) for s in rng.choice((1, 1, 1, 2, 3, 4), 2))
    dilation = tuple(int(d) for d in rng.choice((1, 1, 1, 2, 3, 4), 2))
    size = tuple(int(n) for n in rng.integers(1, 34, 2))
    padding = (
        "valid", "same", "same_lower", "full", int(rng.integers(0, 4)),
        tuple(int(p) for p in rng.integers(0, 5, 2)),
        tuple(tuple(int(p) for p in rng.integers(0, 6, 2)) for _ in range(2)),
    )[rng.integers(7)]  # fmt: skip
    x = values(rng, (int(rng.integers(1, 4)), *size, groups * channels), dtype, 4)
    if layout[-3] == "C" or layout == "NCHW":
        x = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    x = x if layout[0] == "N" else x[0]
    w = values(rng, (*kernel, channels, groups * filters), dtype, 3)
    w = np.ascontiguousarray(w.transpose(KERNEL_LAYOUTS[kernel_layout]))
    bias = values(rng, (groups * filters,), dtype, 9) if rng.integers(2) else None
    arguments = {
        "stride": stride if rng.integers(2) else stride[0],
        "padding": padding,
        "dilation": dilation if rng.integers(2) else dilation[0],
        "groups": groups,
        "layout": str(layout),
        "kernel_layout": str(kernel_layout),
        "pad_mode": str(rng.choice(PAD_MODES)),
        "flip": bool(rng.integers(2)),
        "activation": None if dtype == "uint64" else (None, None, "relu", "relu6")[rng.integers(4)],
    }
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
