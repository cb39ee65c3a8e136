"""Pools against PyTorch, which we did not write; run by ``pytest tests/peers`` where it is installed."""

import dataclasses

import numpy as np
import pytest
import torch
from bounds import UNIT_ROUNDOFF
from cases import FLOATS, layouts, moved
from pool_cases import ADAPTIVE, SLIDING, assert_same, draw, extremes, means, most_elements, reals, sizes, whole

import cyconv
from cyconv.layout import AXES

torch.set_num_threads(1)  # two runtimes of OpenMP would wait for each other's processors
functional = torch.nn.functional
COUNT = 350  # random configurations that fit, for each number of axes and dtype
INTEGERS = ("int8", "uint8", "int16", "int32", "int64")
WINDOWS = dict.fromkeys(SLIDING, "kernel_size") | dict.fromkeys(ADAPTIVE, "output_size")
NAMES = {"divisor": "divisor_override", "p": "norm_type"}


def drawn(rng, op, ndim, **kinds):
    """A random case of what PyTorch has, too: at most half a window of padding, and equally much on both sides."""
    case = draw(rng, op, ndim, **kinds)
    if op not in SLIDING:
        return case
    arguments = dict(case.arguments)
    arguments["padding"] = tuple(int(rng.integers(0, k // 2 + 1)) for k in case.window)
    if op != "max_pool":
        arguments["dilation"] = 1
    if op == "lp_pool":
        arguments.update(padding=0, ceil_mode=False)
    if ndim == 1:
        arguments.pop("divisor", None)
    return dataclasses.replace(case, arguments=arguments)


def in_torch(case):
    """PyTorch's result, in the layout of the case; a pair if it has indices."""
    layout = case.arguments["layout"]
    first = layouts(case.ndim)[1][-len(layout) :]
    less = {"max_pool": ("nan",), "avg_pool": ("dilation",), "lp_pool": ("dilation", "padding")}.get(case.op, ("nan",))
    arguments = {NAMES.get(k, k): v for k, v in case.arguments.items() if k not in ("layout", *less)}
    arguments[WINDOWS[case.op]] = case.window[0] if case.ndim == 1 else case.window
    x = torch.from_numpy(moved(case.x, first, layout).copy())
    y = getattr(functional, f"{case.op}{case.ndim}d")(x, **arguments)
    y = tuple(moved(a.numpy(), layout, first) for a in (y if isinstance(y, tuple) else (y,)))
    return y if len(y) > 1 else y[0]


def compared(op, ndim, dtype, values, count=COUNT):
    """Random cases that fit, with both results; PyTorch refuses the others as well, but see below.

    Along three axes it refuses to average where windows are longer than the input, and its padding would help.
    """
    rng = np.random.default_rng((20261122, ndim))
    while count:
        case = drawn(rng, op, ndim, dtypes=(dtype,), values=values)
        if op == "avg_pool" and ndim == 3 and any(np.greater(case.window, sizes(case.x.shape, case))):
            continue
        try:
            y = case.pooled(threads=int(rng.integers(1, 4)))
        except ValueError as error:
            if "does not fit" in str(error) and not case.arguments["ceil_mode"]:
                with pytest.raises(RuntimeError, match=r"utput size|smaller than kernel size"):
                    in_torch(case)
            continue
        yield case, y, in_torch(case)
        count -= 1


def assert_same_maxima(case, y, expected):
    """Fails unless values and indices are the same, but for indices of NaN: see below."""
    if case.arguments["return_indices"]:
        (y, at), (expected, expected_at) = y, expected
        real = y == y
        assert_same(np.where(real, at, 0), np.where(real, expected_at, 0), str(case))
    assert_same(y, expected, str(case))


@pytest.mark.parametrize("ndim", AXES)
@pytest.mark.parametrize("op", ["max_pool", "adaptive_max_pool"])
@pytest.mark.parametrize("dtype", [*FLOATS, "float16"])
def test_maxima(op, dtype, ndim):
    for case, _, expected in compared(op, ndim, dtype, extremes):
        assert_same_maxima(case, case.pooled(nan="propagate"), expected)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_maxima_of_integers(dtype, ndim):
    """Which PyTorch has for windows that slide along two and three axes."""
    for case, y, expected in compared("max_pool", ndim, dtype, extremes, COUNT // 3):
        assert_same_maxima(case, y, expected)


@pytest.mark.parametrize("ndim", AXES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_means_of_whole_numbers(dtype, ndim):
    """Both sums are exact, and so both quotients are the same.  (Of adaptive pools, PyTorch divides axis by axis.)"""
    for case, y, expected in compared("avg_pool", ndim, dtype, whole):
        assert_same(y, expected, str(case))


@pytest.mark.parametrize("ndim", AXES)
@pytest.mark.parametrize("op", ["avg_pool", "adaptive_avg_pool"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_means_of_real_numbers(op, dtype, ndim):
    """Within n - 1 roundings of each library for n elements, and up to three of quotients."""
    for case, y, expected in compared(op, ndim, dtype, reals):
        _, magnitude = means(case)
        limit = 2 * (most_elements(case) + 2) * UNIT_ROUNDOFF[dtype] * magnitude
        assert y.dtype == expected.dtype
        assert np.all(np.abs(y - expected) <= limit), str(case)


@pytest.mark.parametrize("ndim", AXES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_norms(dtype, ndim):
    """Of numbers that are not negative.

    PyTorch's are the roots of n times the mean of powers, all in the dtype of x: n + 12 roundings, of which the root
    leaves 1/p, and 8 of the root, if a power is good to 4 units in the last place; one of 1/p counts as often as
    ln(y) says.  Ours are no worse.
    """
    for case, y, expected in compared("lp_pool", ndim, dtype, lambda *of_array: np.abs(reals(*of_array))):
        p = case.arguments["p"]
        roundings = (most_elements(case) + 12) / p + np.abs(np.log(np.maximum(expected, 1e-30))) + 8
        limit = 2 * roundings * UNIT_ROUNDOFF[dtype] * expected
        assert y.dtype == expected.dtype
        assert np.all(np.abs(y - expected) <= limit), str(case)


# Where the two differ, as the documentation says.


def row(*numbers):
    """The numbers as a sample of one channel, channels first; for PyTorch and for cyconv."""
    x = np.array(numbers, np.float32).reshape(1, 1, -1)
    return torch.from_numpy(x), x


def test_of_many_nans_pytorch_gives_the_last_index():
    theirs, ours = row(np.nan, 1, np.nan, 3)
    assert functional.max_pool1d(theirs, 4, return_indices=True)[1].item() == 2
    assert cyconv.max_pool1d(ours, 4, return_indices=True, layout="NCW")[1].item() == 0


def test_odd_powers_of_negative_numbers():
    """PyTorch raises x to the power, cyconv its magnitude."""
    theirs, ours = row(-1, -2)
    assert functional.lp_pool1d(theirs, 3, 2).isnan().item()
    assert cyconv.lp_pool1d(ours, 2, 3, layout="NCW").item() == pytest.approx(9 ** (1 / 3))


def test_norms_of_windows_that_are_cut():
    """PyTorch makes up for the elements that a window of `ceil_mode` lacks, cyconv does not."""
    theirs, ours = row(1, 1, 1)
    y = functional.lp_pool1d(theirs, 2, 2, ceil_mode=True)
    assert y.ravel().tolist() == pytest.approx([2**0.5, 2**0.5])
    y = cyconv.lp_pool1d(ours, 2, 2, ceil_mode=True, layout="NCW")
    assert y.ravel().tolist() == pytest.approx([2**0.5, 1])


def test_infinite_powers():
    """For PyTorch these are maxima of magnitudes; cyconv leaves that to `max_pool1d`."""
    theirs, ours = row(1, -3, 2)
    assert functional.lp_pool1d(theirs, np.inf, 3).item() == 3
    with pytest.raises(ValueError, match=r"^lp_pool1d: p must be above 0 and finite, got inf"):
        cyconv.lp_pool1d(ours, 3, np.inf, layout="NCW")
    assert cyconv.max_pool1d(np.abs(ours), 3, layout="NCW").item() == 3


def test_padding_of_more_than_half_a_window():
    """PyTorch refuses it; cyconv refuses windows that meet no element."""
    theirs, ours = row(1, 3, 2)
    with pytest.raises(RuntimeError, match="at most half"):
        functional.max_pool1d(theirs, 3, 1, 2)
    assert cyconv.max_pool1d(ours, 3, stride=1, padding=2, layout="NCW").ravel().tolist() == [1, 3, 3, 3, 2]
    assert functional.max_pool2d(theirs[..., :1, None], (1, 2), 1, (0, 1), (1, 2)).isneginf().any()
    with pytest.raises(ValueError, match=r"^max_pool1d: output 0 along W would meet no element"):
        cyconv.max_pool1d(ours[..., :1], 2, stride=1, padding=1, dilation=2, layout="NCW")


def test_windows_larger_than_the_input():
    """PyTorch rounds their number up to one with `ceil_mode`."""
    theirs, ours = row(1, 3, 2)
    assert functional.max_pool1d(theirs, 5, ceil_mode=True).ravel().tolist() == [3]
    with pytest.raises(ValueError, match=r"^max_pool1d: the kernel does not fit the input"):
        cyconv.max_pool1d(ours, 5, ceil_mode=True, layout="NCW")


def test_padding_counts_by_default():
    theirs, ours = row(2, 4)
    assert functional.avg_pool1d(theirs, 2, 1, 1).ravel().tolist() == [1, 3, 2]
    assert cyconv.avg_pool1d(ours, 2, stride=1, padding=1, layout="NCW").ravel().tolist() == [2, 3, 4]


def test_means_of_integers():
    """PyTorch's are of the same type, where it has any."""
    theirs, ours = row(1, 2)
    assert functional.avg_pool2d(theirs.long()[..., None], (2, 1)).item() == 1
    assert cyconv.avg_pool1d(ours.astype(int), 2, layout="NCW").item() == 1.5
