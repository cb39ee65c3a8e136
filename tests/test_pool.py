"""Pools against the reference: exactly for maxima and for means of whole numbers, else within a bound."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest
from arrays_in_memory import guarded
from bounds import UNIT_ROUNDOFF
from cases import DTYPES, FLOATS, layouts, moved
from conftest import kernels_of
from golden import GOLDEN, GOLDEN_INDICES
from pool_cases import (
    ADAPTIVE,
    SLIDING,
    Case,
    assert_same,
    draw_many,
    extremes,
    function,
    means,
    most_elements,
    positives,
    reals,
    whole,
)

import cyconv
from cyconv import isa, reference, shapes
from cyconv.layout import AXES

REALS = (*FLOATS, "float16")
EPS = {name: 2 * u for name, u in UNIT_ROUNDOFF.items()}
MAX, MEAN = ("max_pool", "adaptive_max_pool"), ("avg_pool", "adaptive_avg_pool")


def lifted(name, x, arguments, ndim):
    """A pool along one axis as one along the last of several; its function, array and arguments."""
    arguments = dict(arguments)
    window = "kernel_size" if "kernel_size" in arguments else "output_size"
    if "padding" in arguments and ndim > 1:
        of_axis = [(arguments.get(key, 1),) for key in ("kernel_size", "stride", "dilation")]
        pads = shapes.resolve_padding("lifted", arguments["padding"], (len(x),), *of_axis)
        arguments["padding"] = ((0, 0),) * (ndim - 1) + pads
    for key in (window, "stride", "dilation"):
        if key in arguments:
            arguments[key] = (1,) * (ndim - 1) + (arguments[key],)
    x = np.array(x, float).reshape(*(1,) * ndim, -1, 1)
    return function(name, ndim), arguments.pop(window), x, arguments


@pytest.mark.parametrize("ndim", AXES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_golden_vectors(each_isa, dtype, ndim):
    for name, numbers, given, expected in GOLDEN:
        pool, window, x, arguments = lifted(name, numbers, given, ndim)
        for layout in layouts(ndim):
            a = moved(x if layout[0] == "N" else x[0], layout).astype(dtype)
            y = pool(a, window, layout=layout, **arguments)
            assert y.dtype == dtype
            np.testing.assert_allclose(y.ravel(), expected, rtol=2 * EPS[dtype], err_msg=f"{name} {given} {layout}")


@pytest.mark.parametrize("ndim", AXES)
def test_golden_indices(each_isa, ndim):
    for name, numbers, given, expected in GOLDEN_INDICES:
        pool, window, x, arguments = lifted(name, numbers, given, ndim)
        for layout in layouts(ndim):
            a = moved(x if layout[0] == "N" else x[0], layout)
            y, at = pool(a, window, layout=layout, return_indices=True, **arguments)
            assert at.dtype == np.int64
            assert at.ravel().tolist() == expected, f"{name} {given} {layout}"
            np.testing.assert_array_equal(y.ravel(), np.array(numbers, float)[expected])


def check_everywhere(cases, check=assert_same, threads=(1, 2, 3)):
    """Compares (case, expected) for every instruction set and for some numbers of threads."""
    for name in isa.available():
        with kernels_of(name):
            for case, expected in cases:
                for n in threads:
                    check(case.pooled(threads=n), expected, f"{name}, {n} threads: {case}")


def test_maxima_are_exact():
    """2,400 random configurations: values, indices, dtypes."""
    cases = [(case, case.expected()) for case in draw_many(20261127, "max_pool", 800, values=extremes)]
    assert {str(case.x.dtype) for case, _ in cases} == set(DTYPES)
    assert {case.arguments["layout"] for case, _ in cases} == {name for ndim in AXES for name in layouts(ndim)}
    assert sum(case.x.nbytes >= 1 << 16 for case, _ in cases) > 150, "threads must have something to do"
    check_everywhere(cases)


def test_adaptive_maxima_are_exact():
    check_everywhere([(case, case.expected()) for case in draw_many(2, "adaptive_max_pool", 200, values=extremes)])


@pytest.mark.parametrize(("op", "count"), [("avg_pool", 400), ("adaptive_avg_pool", 200)])
def test_means_of_whole_numbers_are_exact(op, count):
    """Sums are exact, so that each mean is the quotient, rounded once.

    A quotient of whole numbers below 2**24 that is rounded to float64 first and then to float32 is the same: it is
    at least 2**-49 of itself away from the middle between two numbers of float32, or that middle itself.  float16 is
    computed in float32.
    """
    check_everywhere([(case, rounded(case)) for case in draw_many(3, op, count, values=whole)])


def rounded(case):
    """The reference's mean in the dtype of the result."""
    y = case.expected()
    return y.astype(np.float32).astype(case.x.dtype) if case.x.dtype in ("float16", "float32") else y


class Bounded(NamedTuple):
    """What real numbers must be, and how far from it they may be."""

    expected: np.ndarray
    limit: np.ndarray
    dtype: str


def assert_within(y, bounded, what):
    """Fails if a result is further away than it may be; beyond the range of its dtype it is infinite."""
    expected, limit, dtype = bounded
    assert y.dtype == dtype, what
    assert y.shape == expected.shape, what
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(y - expected)
        wrong = ~(error <= limit) & (y != expected.astype(dtype))
    assert not wrong.any(), f"{what}: {error[wrong][0]} is more than {limit[wrong][0]}"


def bounded_mean(case):
    """float32 (in which float16 is computed) has 8 roundings of up to half an eps on the way to a mean, for windows
    of 13 elements, and longer ones are summed in float64.  In float64, n elements have n roundings; and those that
    are expected, 2.
    """
    dtype = case.x.dtype.name
    roundings = most_elements(case) + 2 if dtype == "float64" else 8
    expected, magnitude = means(case)
    return Bounded(expected, roundings * UNIT_ROUNDOFF[dtype] * magnitude + np.finfo(dtype).smallest_subnormal, dtype)


@pytest.mark.parametrize("values", [reals, positives])
@pytest.mark.parametrize("op", MEAN)
def test_means_of_real_numbers(op, values):
    cases = draw_many(4, op, 70, dtypes=REALS, values=values)
    check_everywhere([(case, bounded_mean(case)) for case in cases], assert_within, threads=[1])


LONG = [  # size, window and arguments
    ((31, 31), (31, 31), {}),
    ((40, 37), (31, 31), {"stride": (4, 1), "padding": 9}),
    ((300, 300), (300, 300), {}),
    ((100_000,), (100_000,), {}),
    ((100_000,), (40_000,), {"stride": 20_000}),
    ((100_000,), (100,), {"stride": 9_000, "dilation": 300}),
]


@pytest.mark.parametrize("values", [reals, positives])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("dtype", REALS)
def test_means_of_long_windows(dtype, channels_last, values):
    rng = np.random.default_rng(5)
    cases = []
    for size, kernel, arguments in LONG:
        layout = layouts(len(size))[not channels_last]
        x = np.ascontiguousarray(moved(values(rng, (1, *size, 3), dtype), layout))
        case = Case("avg_pool", x, kernel, {**arguments, "layout": layout})
        cases.append((case, bounded_mean(case)))
        if kernel == size:
            cases.append((dataclasses.replace(case, op="adaptive_avg_pool", window=(1,) * len(size)), cases[-1][1]))
    check_everywhere(cases, assert_within, threads=[1])


def test_the_bound_of_means_rejects_what_it_should():
    """The helper that the tests rest on is tested too."""
    case = next(draw_many(6, "avg_pool", 1, dtypes=("float32",), values=positives))
    y, bounded = case.pooled(), bounded_mean(case)
    assert_within(y, bounded, "")
    wrong = y.copy()
    wrong.flat[np.argmax(y)] *= 1 + 5 * EPS["float32"]
    with pytest.raises(AssertionError, match="is more than"):
        assert_within(wrong, bounded, "")


def bounded_norm(case):
    """For n elements, (n + 8) roundings of the sum, of which the root leaves 1/p, and 8 of the root.

    A power is taken to be good to 4 units in the last place.  A rounding of 1/p counts as often as ln(y) says.  The
    reference has as many roundings, and the result more, to its own dtype.
    """
    expected, p = case.expected(), case.arguments["p"]
    dtype = case.x.dtype.name if case.x.dtype.kind == "f" else "float64"
    roundings = 2 * ((most_elements(case) + 8) / p + np.abs(np.log(np.maximum(expected, 1e-300))) + 8)
    last = 0 if dtype == "float64" else UNIT_ROUNDOFF[dtype] + UNIT_ROUNDOFF["float32"]
    limit = (roundings * UNIT_ROUNDOFF["float64"] + last) * expected + np.finfo(dtype).smallest_subnormal
    return Bounded(expected, limit, dtype)


def test_norms():
    cases = draw_many(7, "lp_pool", 200, dtypes=(*REALS, "int8", "uint16", "bool"), values=reals)
    check_everywhere([(case, bounded_norm(case)) for case in cases], assert_within, threads=[1])


SINGLE = [*SLIDING, *ADAPTIVE]


def without_indices(case):
    return dataclasses.replace(case, arguments={k: v for k, v in case.arguments.items() if k != "return_indices"})


@pytest.mark.parametrize("op", SINGLE)
def test_same_bits_for_any_threads_and_batch(each_isa, op):
    """Not only close: equal, also in the sign of zero."""
    for drawn in draw_many(8, op, 30, dtypes=FLOATS, values=extremes if op in MAX else reals):
        case = without_indices(drawn)
        results = [case.pooled(threads=threads).tobytes() for threads in (1, 2, 3, 5)]
        assert len(set(results)) == 1, str(case)
        if case.arguments["layout"].startswith("N"):
            whole_batch = case.pooled()
            for n in range(len(case.x)):
                sample = dataclasses.replace(case, x=case.x[n : n + 1]).pooled()
                assert sample.tobytes() == whole_batch[n : n + 1].tobytes(), str(case)


@pytest.mark.parametrize("layout", layouts(2)[:2])
@pytest.mark.parametrize("op", SINGLE)
def test_same_bits_on_larger_pictures(each_isa, op, layout):
    """Where several threads have much to do."""
    rng = np.random.default_rng(9)
    for shape in ((1, 90, 41, 33), (3, 120, 41, 3), (5, 20, 20, 64), (1, 1, 20_000, 1)):
        x = np.ascontiguousarray(moved(reals(rng, shape, "float32"), layout))
        windows = [(1, 2), (1, 31), (1, 3)] if shape[1] == 1 else [(2, 2), (3, 3), (17, 15)]
        for window in windows if op in SLIDING else [(1, 1), (1, 2), (7, 9)]:
            for stride in (1, None) if op in SLIDING else (0,):
                arguments = {"layout": layout, **({"stride": stride, "padding": "same"} if op in SLIDING else {})}
                case = Case(op, x, window, arguments)
                batch = case.pooled(threads=1)
                for threads in (2, 3, 5):
                    assert case.pooled(threads=threads).tobytes() == batch.tobytes(), f"{threads} threads: {case}"
                for n in range(len(x)):
                    sample = dataclasses.replace(case, x=x[n : n + 1]).pooled(threads=2)
                    assert sample.tobytes() == batch[n : n + 1].tobytes(), str(case)


@pytest.mark.parametrize("op", [op for op in SINGLE if "avg" not in op])
def test_same_bits_for_any_strides(each_isa, op):
    """Wherever elements lie, and outputs.  (Means are summed in another order where they cannot be read in place.)"""
    for drawn in draw_many(10, op, 40, dtypes=FLOATS, values=reals):
        case = without_indices(drawn)
        y = case.pooled(threads=1)
        for axis in range(case.x.ndim):
            spread = np.repeat(case.x, 2, axis)[(slice(None),) * axis + (slice(None, None, 2),)]
            assert dataclasses.replace(case, x=spread).pooled(threads=1).tobytes() == y.tobytes(), (
                f"x spread {axis}: {case}"
            )
            out = np.repeat(np.zeros_like(y), 2, axis)[(slice(None),) * axis + (slice(None, None, 2),)]
            assert case.pooled(out=out, threads=1).tobytes() == y.tobytes(), f"out spread {axis}: {case}"


@pytest.mark.parametrize("nan", ["propagate", "ignore"])
@pytest.mark.parametrize("layout", layouts(2)[:2])
@pytest.mark.parametrize("dtype", REALS)
def test_nan_in_every_channel(each_isa, dtype, layout, nan):
    """A NaN in each channel, at a place of its own, for any number of channels up to two vectors and one more."""
    lanes = {"avx512": 64, "avx2": 32, "base": 16}[each_isa] // max(np.dtype(dtype).itemsize, 4)
    rng = np.random.default_rng(11)
    for channels in range(1, 2 * lanes + 2):
        x = rng.integers(-9, 10, (1, 6, 7, channels)).astype(dtype)
        for c in range(channels):
            x[0, c % 6, 3 * c % 7, c] = np.nan
        x = np.ascontiguousarray(moved(x, layout))
        for window, stride in ((2, 1), (3, 2), (5, 1), ((6, 7), 1)):
            for return_indices in (False, True):
                arguments = {"stride": stride, "nan": nan, "layout": layout, "return_indices": return_indices}
                case = Case("max_pool", x, tuple(np.broadcast_to(window, 2).tolist()), arguments)
                assert_same(case.pooled(), case.expected(), str(case))


@pytest.mark.parametrize("bits", [0x7FC00000, 0xFFC00000, 0x7FA00000, 0xFFA00000])
def test_nan_of_every_kind(each_isa, bits):
    """Quiet and signalling, of either sign: a maximum is NaN where its window has one, and only there."""
    x = np.zeros((1, 6, 40, 2), np.float32)
    x.view(np.uint32)[0, 3, 17, 1] = bits
    met = np.zeros((1, 6, 40, 2), bool)
    met[0, 2:5, 16:19, 1] = True
    for layout, to in (("NHWC", (0, 1, 2, 3)), ("NCHW", (0, 3, 1, 2))):
        given = np.ascontiguousarray(x.transpose(to))
        for nan in ("propagate", "ignore"):
            y = cyconv.max_pool2d(given, 3, stride=1, padding=1, nan=nan, layout=layout)
            np.testing.assert_array_equal(np.isnan(y), met.transpose(to) & (nan == "propagate"))


@pytest.mark.parametrize("nan", ["propagate", "ignore"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_at_every_place(each_isa, dtype, nan):
    """In rows that are folded across vectors: NaN wherever it stands, and a maximum wherever it stands."""
    lanes = {"avx512": 64, "avx2": 32, "base": 16}[each_isa] // np.dtype(dtype).itemsize
    for length in (2 * lanes, 2 * lanes + 1, 4 * lanes - 1, 5 * lanes + 3):
        x = np.zeros((length, 2, length), dtype)  # in sample n, at place n
        x[range(length), 0, range(length)] = np.nan
        x[range(length), 1, range(length)] = 1
        for pool in (cyconv.global_max_pool1d, lambda x, **named: cyconv.max_pool1d(x, x.shape[2], **named)[..., 0]):
            y = pool(x, nan=nan, layout="NCW")
            np.testing.assert_array_equal(y[:, 0], np.full(length, np.nan if nan == "propagate" else 0))
            np.testing.assert_array_equal(y[:, 1], 1)
        y, at = cyconv.global_max_pool1d(x, nan=nan, layout="NCW", return_indices=True)
        np.testing.assert_array_equal(at[:, 1], range(length))
        np.testing.assert_array_equal(at[:, 0], range(length) if nan == "propagate" else np.arange(length) == 0)


@pytest.mark.parametrize("dtype", [*REALS, "int8", "int32", "int64", "uint8", "uint64", "bool"])
def test_nothing_but_the_least_beside_padding(dtype):
    """The place of the first real element comes out, not one of the padding; of NaNs that are ignored as well."""
    kind = np.dtype(dtype).kind
    cases = []
    for value in [-np.inf, np.nan] if kind == "f" else [False] if kind == "b" else [np.iinfo(dtype).min]:
        for layout in (name for ndim in AXES for name in layouts(ndim)[:2]):
            ndim = len(layout) - 2
            for channels, window, padding in ((3, 2, 1), (1, 3, "full"), (35, 4, "same_lower"), (1, 5, 2)):
                x = moved(np.full((2, *(3, 4, 5)[-ndim:], channels), value, dtype), layout)
                for nan in ("propagate", "ignore"):
                    arguments = {"stride": 1, "padding": padding, "nan": nan, "return_indices": True, "layout": layout}
                    case = Case("max_pool", x, (window,) * ndim, arguments)
                    cases.append((case, case.expected()))
    check_everywhere(cases)


WIDE = [  # dtype, shape with channels last, window and arguments
    ("float32", (1, 300_000, 1), 2, {"dilation": 2**18, "stride": 4_001}),
    ("float32", (1, 300_000, 3), 2, {"dilation": 2**18, "stride": 4_001}),
    ("int16", (1, 300_000, 1), 3, {"dilation": 2**17, "stride": 2_001, "padding": 1_000}),
    ("float64", (2, 90_000, 2), 5000, {"stride": 3_000, "padding": "same"}),
    ("float32", (1, 16_000, 5), 5000, {"stride": 300, "padding": 77}),
    ("uint8", (1, 16_000, 5), 5000, {"stride": 300, "ceil_mode": True}),
    ("float32", (1, 500, 400, 3), (200, 200), {"stride": (70, 90), "padding": 30}),
    ("float32", (1, 500, 400, 3), (200, 200), {"stride": (40, 90), "dilation": (2, 1)}),
    ("int8", (1, 500, 400, 3), (200, 150), {"stride": (40, 90), "dilation": 2, "padding": 20}),
    ("float64", (1, 300, 300, 2), (100, 3), {"stride": (20, 40), "dilation": (2, 99), "padding": (60, 50)}),
    ("float32", (1, 30, 300, 70), (29, 200), {"stride": (1, 50), "padding": "same"}),
    ("float32", (1, 60, 61, 62, 2), (50, 40, 30), {"stride": (7, 9, 11), "padding": (9, 9, 20)}),
    ("int64", (1, 40, 41, 42, 3), (13, 14, 2), {"stride": 9, "dilation": (3, 3, 40)}),
]


def check_wide(op, pools, channels_last):
    """Compares pools of whole numbers with the reference; maxima with and without their places."""
    rng = np.random.default_rng(12)
    cases = []
    for dtype, shape, window, arguments in pools:
        ndim = len(shape) - 2
        layout = layouts(ndim)[not channels_last]
        x = np.ascontiguousarray(moved(whole(rng, shape, dtype), layout))
        case = Case(op, x, tuple(np.broadcast_to(window, ndim).tolist()), {**arguments, "layout": layout})
        if op in MAX:
            both = dataclasses.replace(case, arguments={**case.arguments, "return_indices": True})
            cases.append((both, both.expected()))
            cases.append((case, cases[-1][1][0]))
        else:
            cases.append((case, rounded(case)))
    check_everywhere(cases, threads=[2])


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("op", ["max_pool", "avg_pool"])
def test_windows_larger_than_caches(op, channels_last):
    check_wide(op, WIDE, channels_last)


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("op", ADAPTIVE)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "float16", "float32"])
def test_whole_pictures_and_uneven_parts(dtype, op, channels_last):
    pools = [
        (dtype, shape, outs, {})
        for shape, windows in (
            ((1, 500, 400, 3), [1, (3, 7), (7, 1), (1, 399), (2, 2)]),
            ((2, 100_003, 2), [1, 2, 10, 300]),
            ((1, 50, 60, 70, 3), [1, (1, 60, 1), (3, 1, 2), (4, 7, 9)]),
        )
        for outs in windows
    ]
    check_wide(op, pools, channels_last)


@pytest.mark.parametrize("op", ["max_pool", "avg_pool"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "float16", "bool"])
def test_global_pools(each_isa, dtype, op):
    """Equal to adaptive pools with one output; `keepdims` keeps their axes."""
    rng = np.random.default_rng(13)
    for ndim in AXES:
        for layout in layouts(ndim):
            shape = (2, *(5, 40, 61)[-ndim:], 3)[layout[0] != "N" :]
            x = (extremes if op in MAX else whole)(rng, shape, dtype)
            x = np.ascontiguousarray(moved(x, layout))
            kept = function(f"adaptive_{op}", ndim)(x, 1, layout=layout)
            pool = function(f"global_{op}", ndim)
            assert_same(pool(x, layout=layout, keepdims=True), kept, layout)
            axes = tuple(layout.index(a) for a in AXES[ndim])
            assert_same(pool(x, layout=layout), kept.squeeze(axes), layout)
            if op in MAX:
                both = function(f"adaptive_{op}", ndim)(x, 1, layout=layout, return_indices=True)
                for keepdims in (True, False):
                    expected = both if keepdims else tuple(a.squeeze(axes) for a in both)
                    y = pool(x, layout=layout, return_indices=True, keepdims=keepdims)
                    assert_same(y, expected, layout)


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("op", SLIDING)
@pytest.mark.parametrize("ndim", AXES)
def test_large_numbers_are_fine_where_little_is_computed(ndim, op, channels_last):
    """No size, stride or distance overflows on the way to an address."""
    huge = 2**39
    x = moved(whole(np.random.default_rng(14), (2, *(3,) * ndim, 3), np.float32), layouts(ndim)[not channels_last])
    for kernel, arguments in (
        (1, {"stride": huge}),
        (2, {"stride": huge}),
        (3, {"stride": huge + 1, "ceil_mode": True}),
        (2, {"stride": huge, "padding": huge, "dilation": huge}),
        (2, {"stride": huge - 1, "padding": huge - 1, "dilation": huge - 1}),
        (2, {"stride": huge, "padding": "full", "dilation": huge}),
        (3, {"stride": huge, "padding": huge, "dilation": huge}),
        (3, {"stride": huge, "padding": huge, "dilation": huge, "ceil_mode": True}),
        (2, {"stride": 2 * huge - 1, "padding": ((0, 2 * huge - 1),) * ndim, "dilation": 2 * huge - 1}),
        (2, {"stride": 1, "padding": "same", "dilation": 2}),
        (2, {"stride": (huge, 1, 1)[:ndim], "padding": ((1, 0),) * ndim, "dilation": 1}),
        (2, {"stride": (1, 1, huge)[-ndim:], "padding": ((1, 0),) * (ndim - 1) + ((huge, huge),),
             "dilation": (1, 1, huge)[-ndim:]}),
    ):  # fmt: skip
        case = Case(op, x, (kernel,) * ndim, {**arguments, "layout": layouts(ndim)[not channels_last]})
        expected = case.expected(**({"return_indices": True} if op in MAX else {}))
        y = case.pooled(**({"return_indices": True} if op in MAX else {}))
        if op in MAX:
            assert_same(y, expected, str(case))
        else:
            assert y.shape == expected.shape
            np.testing.assert_allclose(y, expected, rtol=4 * EPS["float32"], err_msg=str(case))


def test_large_numbers_by_hand():
    x = np.arange(1.0, 10).reshape(1, 3, 3, 1)
    # Windows start at -2**39 and 0, with elements 2**39 apart.
    y, at = cyconv.max_pool2d(x, 2, stride=2**39, padding=2**39, dilation=2**39, return_indices=True)
    assert y.ravel().tolist() == [1, 1, 1, 1]
    assert at.ravel().tolist() == [0, 0, 0, 0]
    y = cyconv.avg_pool2d(x, 2, stride=2**39, padding=2**39, dilation=2**39, count_include_pad=True)
    assert y.ravel().tolist() == [1 / 4] * 4
    assert cyconv.avg_pool2d(x, 2, divisor=2**39).item() == (1 + 2 + 4 + 5) / 2**39


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("ndim", AXES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_windows_far_larger_than_the_input(each_isa, dtype, ndim, channels_last):
    """Of the two along each axis, the first ends at the first element, and the second begins behind it."""
    kernel, n = 2**39, 4
    x = np.arange(1, n**ndim + 1).reshape((n,) * ndim).astype(dtype)
    index = np.arange(n**ndim).reshape((n,) * ndim)
    layout = layouts(ndim)[not channels_last]
    arguments = {"stride": kernel, "padding": kernel - 1, "layout": layout}
    parts = [tuple(slice(1) if end == 0 else slice(1, n) for end in at) for at in np.ndindex((2,) * ndim)]
    pooled_x = x[np.newaxis, ..., np.newaxis] if channels_last else x[np.newaxis, np.newaxis]

    def pool(op, **more):
        return function(op, ndim)(pooled_x, kernel, **arguments, **more)

    y, at = pool("max_pool", return_indices=True)
    assert y.ravel().tolist() == [x[part].max() for part in parts]
    assert at.ravel().tolist() == [index[part].max() for part in parts]
    assert pool("max_pool").ravel().tolist() == y.ravel().tolist()
    assert pool("avg_pool").ravel().tolist() == [x[part].mean() for part in parts]
    expected = [float(x[part].sum()) / float(kernel) ** ndim for part in parts]
    assert pool("avg_pool", count_include_pad=True).ravel().tolist() == expected
    assert pool("lp_pool", p=1).ravel().tolist() == [x[part].sum() for part in parts]


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
def test_places_beyond_32_bits(each_isa, dtype):
    """One element that a view shows three thousand million times, of which few are looked at."""
    x = np.broadcast_to(np.ones((), dtype), (1, 3 * 2**30 + 2, 1))
    for layout, a in (("NWC", x), ("NCW", x.transpose(0, 2, 1))):
        y, at = cyconv.max_pool1d(a, 2, stride=2**30, return_indices=True, layout=layout)
        assert at.ravel().tolist() == [0, 2**30, 2**31, 3 * 2**30]
        assert np.all(y == 1)
        assert cyconv.avg_pool1d(a, 2, stride=2**30, layout=layout).ravel().tolist() == [1] * 4


def test_many_outputs_of_few_elements(each_isa):
    """More outputs than elements: windows overlap, and every element is its own mean."""
    x = np.array([3.0, 1, 2]).reshape(1, 3, 1)
    y = cyconv.adaptive_avg_pool1d(x, 3_000_000)
    assert y.shape == (1, 3_000_000, 1)
    np.testing.assert_array_equal(y[0, ::1_000_000, 0], [3, 1, 2])
    y, at = cyconv.adaptive_max_pool1d(x, 3_000_000, return_indices=True)
    np.testing.assert_array_equal(at[0, :, 0], np.arange(3_000_000) // 1_000_000)
    np.testing.assert_array_equal(y[0, :, 0], x[0, at[0, :, 0], 0])


# Windows that slide along the lanes: kernel, stride, padding of the rows of planes.
ROWS = [
    *((k, s, p) for k in (1, 2, 3, 5, 8) for s in (1, 2, 3, 4) for p in (0, k - 1)),
    (3, 2, ((1, 0),)), (3, 1, ((0, 2),)), (2, 2, ((0, 1),)), (9, 1, 4), (4, 5, 1),
]  # fmt: skip


def check_threads(case, name, placed):
    """One thread against the reference, and two into an array that is `placed`; unless the pool is refused."""
    try:
        y = case.pooled(threads=1)
    except ValueError:
        return
    assert_same(y, case.expected().astype(y.dtype), f"{name}: {case}")
    assert_same(case.pooled(threads=2, out=placed(np.zeros_like(y))), y, f"{name}, two threads: {case}")


@pytest.mark.parametrize("op", ["max_pool", "avg_pool"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_rows_of_every_length(each_isa, dtype, op):
    """Rows of whole vectors, of one element more and of a part of one, folded over one to three rows."""
    rng = np.random.default_rng(14)
    for kernel, stride, padding in ROWS:
        for width in (kernel, 16, 17, 34, 50, 65, 100):
            x = (extremes if op in MAX else whole)(rng, (1, 2, 4, width), dtype)
            column = padding[0] if isinstance(padding, tuple) else (padding, padding)
            for height in (1, 2, 3):
                arguments = {"stride": (1, stride), "padding": ((height - 1, 0), column), "layout": "NCHW"}
                if op in MAX:
                    arguments["nan"] = ("propagate", "ignore")[width % 2]
                check_threads(Case(op, x, (height, kernel), arguments), each_isa, np.copy)


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_beside_forbidden_pages(each_isa, dtype, at_end):
    """Columns that no window meets are not read, nor anything written behind the outputs."""
    rng = np.random.default_rng(15)
    for kernel, stride, padding in ROWS[:40]:
        for width in (kernel, 16, 17, 34, 50, 100):
            x = guarded(whole(rng, (1, 2, 3, width), dtype), at_end)
            case = Case("max_pool", x, (2, kernel), {"stride": (1, stride), "padding": (0, padding), "layout": "NCHW"})
            expected = case.expected()
            assert_same(case.pooled(out=guarded(np.zeros_like(expected), at_end)), expected, f"{each_isa}: {case}")


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("op", ["max_pool", "avg_pool"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_windows_that_share_columns(each_isa, dtype, op, at_end):
    """Pixels of a part of a vector, of several, and of one element more; beside forbidden pages."""
    rng = np.random.default_rng(18)
    for kernel, stride in ((2, 1), (3, 1), (3, 2), (4, 1), (4, 3), (5, 1), (5, 2), (5, 4), (6, 5)):
        for width, channels in ((1, 8), (kernel, 16), (7, 33), (9, 64), (12, 131)):
            for height, padding in ((1, 0), (3, kernel - 1), (4, (1, 0))):
                x = guarded((extremes if op in MAX else whole)(rng, (2, 5, width, channels), dtype), at_end)
                column = padding if isinstance(padding, tuple) else (padding, padding)
                arguments = {"stride": (2, stride), "padding": ((height - 1, 0), column)}
                if op in MAX:
                    arguments["nan"] = ("propagate", "ignore")[width % 2]
                check_threads(Case(op, x, (height, kernel), arguments), each_isa, lambda y: guarded(y, at_end))


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("op", ["max_pool", "avg_pool"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_short_pixels_whose_windows_overlap(each_isa, dtype, op, at_end):
    """Rows of one block of columns and of several, padded, dilated, with every step; pixels up to the longest."""
    rng = np.random.default_rng(35)
    windows = ((3, 3), (2, 2), (2, 4), (4, 3), (5, 5), (8, 8), (1, 3), (2, 2, 3), (1, 5, 4), (2, 3, 5))
    rows = ((18, 1), (17, 3), (19, 16), (900, 5), (23, 2), (23, 31), (300, 8), (41, 64), (19, 128), (9, 12), (15, 40))
    for n, (width, channels) in enumerate(rows):
        for m, kernel in enumerate(windows if width < 100 else windows[n % 3 :: 3]):
            dilation, height = 1 + n % 2, 9 if width < 100 else 3
            size = (2, height, width)[-len(kernel) :]
            pads = [tuple(map(int, rng.integers((k - 1) * dilation + 1, size=2))) for k in kernel]
            stride = (1 + n % 2,) * (len(kernel) - 1) + (1 + (n + m) % 5 // (1 + n % 2),)
            arguments = {"stride": stride, "padding": pads, "dilation": dilation}
            x = guarded((extremes if op in MAX else whole)(rng, (2, *size, channels), dtype), at_end)
            if op in MAX:
                arguments["nan"] = ("propagate", "ignore")[n % 2]
            else:
                arguments["count_include_pad"] = n % 3 == 0
            for placed in (lambda y: guarded(y, at_end), lambda y: np.repeat(y, 2, 1)[:, ::2]):
                check_threads(Case(op, x, kernel, arguments), each_isa, placed)


@pytest.mark.parametrize("op", ["global_max_pool", "global_avg_pool"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_small_planes_as_a_whole(each_isa, dtype, op):
    """Planes of fewer elements than a vector, and of more; fewer planes than a vector, and more."""
    rng = np.random.default_rng(16)
    for size in ((1, 1), (1, 2), (2, 2), (3, 3), (4, 4), (3, 5), (5, 5), (7, 7), (8, 8), (9, 14), (17, 23)):
        for batch, channels in ((1, 1), (2, 3), (1, 15), (1, 16), (2, 17), (1, 70)):
            values = extremes if op == "global_max_pool" else whole
            x = values(rng, (batch, channels, *size), dtype)
            case = Case("adaptive" + op[6:], x, (1, 1), {"layout": "NCHW"})
            expected = case.expected()[..., 0, 0]
            expected = expected.astype(function(op, 2)(x, layout="NCHW").dtype)
            for a in (x, np.repeat(x, 2, 1)[:, ::2]):
                assert_same(function(op, 2)(a, layout="NCHW"), expected, f"{each_isa}: {case}")
                out = np.zeros((batch, 2 * channels), expected.dtype)[:, ::2]
                assert_same(function(op, 2)(a, layout="NCHW", out=out), expected, f"{each_isa}, spread: {case}")


@pytest.mark.parametrize("pool", [cyconv.max_pool2d, cyconv.avg_pool2d])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_at_any_distance_from_a_line_of_cache(each_isa, pool, dtype):
    """Long runs begin with the elements in front of a line; all outputs have the same bits."""
    rng = np.random.default_rng(17)
    for shape, kernel in (((2, 6, 90, 16), 3), ((1, 5, 5, 528), 5)):
        x = rng.standard_normal(shape).astype(dtype)
        expected = pool(x, kernel, stride=1, threads=1)
        item = x.dtype.itemsize
        memory = np.empty(x.size + 64 // item, dtype)
        for n in range(64 // item):
            moved = memory[n : n + x.size].reshape(x.shape)
            moved[...] = x
            np.testing.assert_array_equal(pool(moved, kernel, stride=1, threads=1 + n % 3), expected)


@pytest.mark.parametrize("op", ["max_pool", "avg_pool"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_long_pixels(each_isa, dtype, op):
    """Windows of few elements and of many, of pixels that are runs of vectors and up to one vector more or less."""
    rng = np.random.default_rng(32)
    for channels in (63, 64, 127, 128, 129, 136, 143, 255, 257, 272, 300, 515):
        for kernel in ((2, 2), (5, 5), (7, 8)):
            x = (extremes if op in MAX else whole)(rng, (1, 9, 8, channels), dtype)
            case = Case(op, x, kernel, {"stride": 2})
            y = case.pooled(threads=1)
            assert_same(y, case.expected().astype(y.dtype), f"{each_isa}: {case}")
            assert_same(case.pooled(threads=3), y, f"{each_isa}, three threads: {case}")


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("op", ["propagate", "ignore", "sum"])
def test_windows_of_many_rows(each_isa, dtype, op):
    """Blocks of rows as high as a window, whole and begun; panels of every width; inside of the input and at edges."""
    rng = np.random.default_rng(31)
    for n, (height, rows, stride) in enumerate(
        ((3, 40, 1), (5, 33, 2), (8, 50, 1), (9, 9, 1), (9, 10, 1), (9, 40, 3), (12, 47, 5), (17, 70, 17), (31, 99, 1))
    ):
        for width, taps, channels in ((1, 1, 1), (19 + n, 9, 1), (28 + 3 * n, 4, 3), (150, 12, 1), (9, 2, 70)):
            x = rng.integers(-99, 99, (1 + n % 2, rows, width, channels)).astype(dtype)
            taps = min(taps, width)
            named = {"stride": (stride, 1 + n % 2), "padding": ((n % 3, height // 2), (taps // 3, taps // 2))}
            pool, expect = cyconv.avg_pool2d, reference.avg_pool
            if op != "sum":
                pool, expect = cyconv.max_pool2d, reference.max_pool
                named["nan"] = op
                if dtype.startswith("float"):
                    x[0, rows // 3, width // 2] = np.nan
            expected = expect(x, (height, taps), **named)
            for view in (x, np.repeat(x, 2, axis=2)[:, :, ::2], moved(moved(x, "NCHW").copy(), "NHWC", "NCHW")):
                y = pool(view, (height, taps), **named)
                np.testing.assert_array_equal(y, expected.astype(y.dtype), str((height, width, channels)))
                y = pool(moved(view, "NCHW"), (height, taps), layout="NCHW", threads=3, **named)
                np.testing.assert_array_equal(moved(y, "NHWC", "NCHW"), expected.astype(y.dtype))
