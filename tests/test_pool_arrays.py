"""Every kind of array that a NumPy user may pool, and what the memory around it must not feel."""

import dataclasses
import json
import multiprocessing
import pickle
import threading

import numpy as np
import pytest
from arrays_in_memory import guarded, variants
from cases import DTYPES, FLOATS, layouts, moved
from pool_cases import ADAPTIVE, GLOBAL, SLIDING, assert_same, draw_many, extremes, function, whole
from processes import python

import cyconv
from cyconv import reference, shapes
from cyconv.layout import AXES

OPS = (*SLIDING, *ADAPTIVE)
MEANS = ("avg_pool", "lp_pool", "adaptive_avg_pool")
INTEGERS = tuple(dtype for dtype in DTYPES if not dtype.startswith("float"))


def drawn(op, count, dtypes=DTYPES):
    """Random cases; means of whole numbers, which are exact in any order."""
    return draw_many(1, op, count, dtypes=dtypes, values=extremes if op.endswith("max_pool") else whole)


def one_result(case):
    """The case without `return_indices`."""
    arguments = {name: value for name, value in case.arguments.items() if name != "return_indices"}
    return dataclasses.replace(case, arguments=arguments)


@pytest.mark.parametrize("op", OPS)
def test_any_strides_order_and_alignment(each_isa, op):
    for case in drawn(op, 25):
        expected = case.pooled()
        for name, other in variants(case.x):
            before = np.array(other)
            y = dataclasses.replace(case, x=other).pooled()
            assert_same(y, expected, f"{name} x: {case}")
            for a in y if isinstance(y, tuple) else (y,):
                assert a.flags.c_contiguous
                assert type(a) is np.ndarray
            assert other.tobytes() == before.tobytes(), f"{name} x was changed: {case}"


@pytest.mark.parametrize("op", OPS)
def test_axes_without_steps(each_isa, op):
    """Broadcast views, of which all elements along an axis are one."""
    for case in drawn(op, 15):
        for axis in range(case.x.ndim):
            first = case.x[(slice(None),) * axis + (slice(1),)]
            flat = np.broadcast_to(first, case.x.shape)
            assert flat.strides[axis] == 0
            expected = dataclasses.replace(case, x=flat.copy()).pooled()
            assert_same(dataclasses.replace(case, x=flat).pooled(), expected, f"axis {axis}: {case}")
        one = np.broadcast_to(case.x.ravel()[:1].reshape((1,) * case.x.ndim), case.x.shape)
        assert_same(
            dataclasses.replace(case, x=one).pooled(), dataclasses.replace(case, x=one.copy()).pooled(), str(case)
        )


@pytest.mark.parametrize("shape", [(1, 5, 6, 3), (2, 1, 6, 3), (2, 5, 1, 3), (2, 5, 6, 1), (1, 1, 1, 1)])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_odd_strides_of_axes_of_one(each_isa, dtype, shape):
    """NumPy allows any stride where an axis has one element."""

    def odd(a, step):
        strides = tuple(step if n == 1 else s for n, s in zip(a.shape, a.strides, strict=True))
        return np.lib.stride_tricks.as_strided(a, a.shape, strides)

    x = whole(np.random.default_rng(2), shape, dtype)
    for layout in layouts(2)[:2]:
        for arguments in ({"kernel_size": 3, "padding": 1, "stride": 1}, {"kernel_size": 1}):
            for pool in (cyconv.max_pool2d, cyconv.avg_pool2d):
                expected = pool(x, layout=layout, **arguments)
                assert_same(pool(odd(x, 7), layout=layout, **arguments), expected, layout)
                out = odd(np.zeros_like(expected), 9)
                pool(x, layout=layout, out=out, **arguments)
                assert_same(out, expected, layout)


def test_names_of_dtypes():
    """Other names and copies of a dtype are that dtype."""
    numbers = np.arange(6).reshape(1, 6, 1)
    for dtype in (np.longlong, np.int64, np.ulonglong, np.uint64, np.dtype("f4", metadata={"a": 1}), "f4", "<f8",
                  pickle.loads(pickle.dumps(np.dtype("f8")))):  # fmt: skip
        x = numbers.astype(dtype)
        for _ in range(2):
            y, at = cyconv.max_pool1d(x, 2, return_indices=True)
            assert y.dtype == x.dtype
            assert y.ravel().tolist() == at.ravel().tolist() == [1, 3, 5]
            assert cyconv.max_pool1d(x, 2, out=np.zeros((1, 3, 1), dtype)).ravel().tolist() == [1, 3, 5]
            assert cyconv.avg_pool1d(x, 2).ravel().tolist() == [0.5, 2.5, 4.5]


def test_lists_and_buffers_are_arrays():
    assert cyconv.max_pool1d([[1.0], [3.0], [2.0]], 2, layout="WC", stride=1).tolist() == [[3.0], [3.0]]
    assert cyconv.avg_pool2d(memoryview(np.ones((1, 2, 2, 1), np.float32)), 2).item() == 1
    assert cyconv.global_max_pool1d([[1, 4], [3, 2]], layout="WC").tolist() == [3, 4]


@pytest.mark.parametrize("op", OPS)
def test_out(each_isa, op):
    for drawn_case in drawn(op, 25):
        case = one_result(drawn_case)
        expected = case.pooled()
        for name, out in variants(np.zeros_like(expected)):
            if name == "read-only" or out.dtype != expected.dtype:
                continue
            assert case.pooled(out=out) is out
            assert_same(np.asarray(out), expected, f"{name} out: {case}")
        around = np.ones([n + 2 for n in expected.shape], expected.dtype)
        inside = (slice(1, -1),) * expected.ndim
        case.pooled(out=around[inside])
        assert_same(around[inside], expected, str(case))
        around[inside] = 1
        assert np.all(around == 1), f"out is not all that was written to: {case}"


@pytest.mark.parametrize("op", ["max_pool", "adaptive_max_pool"])
def test_out_and_indices(each_isa, op):
    """The indices are new, wherever the maxima go."""
    for case in drawn(op, 25):
        y, at = case.pooled(return_indices=True)
        out = np.zeros_like(y)
        pair = case.pooled(return_indices=True, out=out)
        assert type(pair) is tuple
        assert pair[0] is out
        assert_same(pair, (y, at), str(case))
        assert at.dtype == np.int64
        assert at.flags.c_contiguous
        assert at.flags.writeable


@pytest.mark.parametrize("op", MEANS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_out_for_means_of_integers(each_isa, dtype, op):
    """float64 as by default, or any other floating type: rounded once more."""
    for case in drawn(op, 15, dtypes=INTEGERS):
        expected = case.pooled()
        assert expected.dtype == np.float64
        out = np.zeros(expected.shape, dtype)
        assert case.pooled(out=out) is out
        with np.errstate(over="ignore"):
            assert_same(out, expected.astype(dtype), str(case))


def test_means_out_of_range_are_infinite_and_silent():
    x = np.full((1, 2, 1), 100_000)
    with np.errstate(all="raise"):
        assert np.isinf(cyconv.avg_pool1d(x, 2, out=np.zeros((1, 1, 1), np.float16)))
        assert np.isinf(cyconv.lp_pool1d(np.full((1, 2, 1), 60_000, np.float16), 2, p=1))


@pytest.mark.parametrize("layout", layouts(2)[:2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_out_may_overlap_the_input(each_isa, dtype, layout):
    memory = extremes(np.random.default_rng(3), (3, 8, 9, 10), dtype)
    for window in (1, 3, 7):
        for return_indices in (False, True):
            arguments = {"stride": 1, "padding": "same", "layout": layout, "return_indices": return_indices}
            expected = cyconv.max_pool2d(memory[:2], window, **arguments)
            for shift in (0, 1):
                both = memory.copy()
                y = cyconv.max_pool2d(both[:2], window, out=both[shift : shift + 2], **arguments)
                assert_same(y, expected, f"{window} {shift}")
                other = 2 - 2 * shift  # the sample that out is not
                assert both[other].tobytes() == memory[other].tobytes()


@pytest.mark.parametrize("op", MEANS[:2])
@pytest.mark.parametrize("dtype", [*FLOATS, "float16", "int64", "uint64"])
def test_means_may_overlap_the_input(each_isa, dtype, op):
    """Also where the output is of another type than the input."""
    memory = whole(np.random.default_rng(4), (3, 8, 9, 10), dtype)
    result = memory.dtype if memory.dtype.kind == "f" else np.float64
    for window in (1, 2, 5):
        arguments = {"stride": 1, "padding": "same"}
        expected = function(op, 2)(memory[:2], window, **arguments)
        for shift in (0, 1):
            both = memory.copy()
            out = both[shift : shift + 2].view(result)
            assert_same(function(op, 2)(both[:2], window, out=out, **arguments), expected, f"{window} {shift}")


@pytest.mark.parametrize("ndim", AXES)
def test_empty_arrays(ndim):
    for layout in layouts(ndim):
        for batch, channels in ((0, 3), (2, 0), (0, 0)):
            if layout[0] != "N" and channels:
                continue
            shape = (batch, *(5,) * ndim, channels)[layout[0] != "N" :]
            for dtype in ("float32", "float16", "uint8", "bool"):
                x = moved(np.ones(shape, dtype), layout)
                for op in OPS:
                    arguments = {"layout": layout, **({"return_indices": True} if op.endswith("max_pool") else {})}
                    expected = getattr(reference, op)(x, (2,) * ndim, **arguments)
                    y = function(op, ndim)(x, 2, **arguments)
                    if op in MEANS and dtype != "uint8":
                        expected = expected.astype(x.dtype if x.dtype.kind == "f" else np.float64)
                    assert_same(y, expected, f"{op} {layout} {dtype}")
                    out = y[0] if isinstance(y, tuple) else y
                    del arguments["layout"]
                    y = function(op, ndim)(x, 2, out=out, layout=layout, **arguments)
                    assert (y[0] if isinstance(y, tuple) else y) is out
                for op in GLOBAL:
                    assert function(op, ndim)(x, layout=layout).shape == shape[:1] * (layout[0] == "N") + (channels,)


@pytest.mark.parametrize("ndim", AXES)
@pytest.mark.parametrize("op", GLOBAL)
def test_keepdims(op, ndim):
    for layout in layouts(ndim):
        shape = (2, *(3, 4, 5)[:ndim], 6)[layout[0] != "N" :]
        x = moved(whole(np.random.default_rng(5), shape, np.float64), layout)
        axes = tuple(layout.index(a) for a in AXES[ndim])
        reduce = np.max if op == "global_max_pool" else np.mean
        pool = function(op, ndim)
        for keepdims in (False, True):
            expected = reduce(x, axis=axes, keepdims=keepdims)
            y = pool(x, layout=layout, keepdims=keepdims)
            assert y.shape == expected.shape
            np.testing.assert_allclose(y, expected, rtol=4 * np.finfo(float).eps)
            out = np.zeros_like(expected)
            assert pool(x, layout=layout, keepdims=keepdims, out=out) is out
            assert out.tobytes() == y.tobytes()
        if op == "global_max_pool":
            y, at = pool(x, layout=layout, return_indices=True)
            planes = np.moveaxis(x, axes, range(-ndim, 0)).reshape(*y.shape, -1)
            np.testing.assert_array_equal(at, planes.argmax(-1))


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("op", OPS)
def test_nothing_outside_of_arrays_is_touched(each_isa, op, at_end):
    """Arrays lie against pages that end the process when they are read or written."""
    for case in drawn(op, 40):
        expected = case.pooled()
        out = guarded(np.zeros_like(expected[0] if isinstance(expected, tuple) else expected), at_end)
        y = dataclasses.replace(case, x=guarded(case.x, at_end)).pooled(out=out, threads=2)
        assert_same(y, expected, str(case))
        plain = one_result(case)
        expected = plain.pooled()
        y = dataclasses.replace(plain, x=guarded(case.x, at_end)).pooled(out=out, threads=2)
        assert_same(y, expected, str(case))


def test_large_outputs_begin_at_a_line_of_cache():
    x = np.ones((1, 40, 40, 16), np.float32)
    kept = []
    for _ in range(20):
        kept.append(cyconv.avg_pool2d(x, 3, stride=1))
        assert kept[-1].ctypes.data % 64 == 0
        assert kept[-1].flags.c_contiguous
        assert np.all(kept[-1] == 1)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("width", "size", "more"),
    [
        (57, 2, {}),
        (57, 3, {"stride": 2, "padding": 1}),
        (57, 5, {"stride": 1, "padding": "same"}),
        (64, 3, {"stride": 1, "padding": "same"}),
    ],
)
def test_arrays_larger_than_caches(each_isa, layout, width, size, more):
    """Many samples have the bits that each has alone, also where whole lines are stored around the cache."""
    x = np.random.default_rng(3).standard_normal((5, 61, width, 8)).astype(np.float32)
    x = np.ascontiguousarray(moved(np.resize(x, (240, *x.shape[1:])), layout))
    assert x.nbytes > 24 << 20
    for pool in (cyconv.max_pool2d, cyconv.avg_pool2d):
        y = pool(x, size, layout=layout, threads=2, **more)
        alone = [pool(x[i : i + 1], size, layout=layout, **more).tobytes() for i in range(5)]
        assert all(y[i].tobytes() == alone[i % 5] for i in range(len(y)))


def test_many_python_threads_at_once(each_isa):
    """Calls share what is remembered of calls, and nothing else."""
    cases = [one_result(case) for op in OPS for case in drawn(op, 3)]
    expected = [case.pooled() for case in cases]
    wrong = []

    def work(first):
        for n in range(200):
            at = (first + n) % len(cases)
            y = cases[at].pooled(threads=1 + n % 3)
            if y.tobytes() != expected[at].tobytes():
                wrong.append(str(cases[at]))

    workers = [threading.Thread(target=work, args=(7 * n,)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


X = np.random.default_rng(6).standard_normal((1, 100, 100, 32)).astype(np.float32)


def pooled(n):
    return [float(pool(X, 3, threads=n).sum()) for pool in (cyconv.max_pool2d, cyconv.avg_pool2d, cyconv.lp_pool2d)]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_children_of_a_fork_compute():
    """GNU OpenMP alone would wait for ever."""
    expected = pooled(2)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(pooled, [2] * 8).get(timeout=30) == [expected] * 8
    assert pooled(2) == expected


MEASURE = """
import json
import sys
import numpy as np, cyconv
def peak():  # of this process: getrusage also counts what the parent had when it started it
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024
name, dtype, shape, out_shape, arguments = map(json.loads, sys.argv[1:])
pool = getattr(cyconv, name)
x = np.ones(shape, dtype)
small = x[:, :64, :64] if shape[3] == 3 else x[:, :, :64, :64]
y = pool(small, threads=2, **arguments, **({"padding": "same"} if "kernel_size" in arguments else {}))
out = np.full(out_shape, 7, y.dtype)  # every page is there before the call
before = peak()
pool(x, out=out, threads=2, **arguments)
after = peak()
copy = x.copy()
print(after - before, peak() - before)
"""


@pytest.mark.parametrize("layout", layouts(2)[:2])
@pytest.mark.parametrize(
    ("name", "dtype", "arguments"),
    [
        ("max_pool2d", "float32", {"kernel_size": 31, "stride": 1}),
        ("avg_pool2d", "float32", {"kernel_size": 31, "stride": 1}),
        ("max_pool2d", "float32", {"kernel_size": 200, "stride": 50, "dilation": 3}),
        ("max_pool2d", "uint8", {"kernel_size": 1}),
        ("max_pool2d", "uint8", {"kernel_size": 31, "stride": 1}),
        ("avg_pool2d", "uint8", {"kernel_size": 3, "stride": 2}),
        ("lp_pool2d", "uint8", {"kernel_size": 3}),
        ("adaptive_avg_pool2d", "uint8", {"output_size": 7}),
        ("global_avg_pool2d", "uint8", {}),
        ("global_max_pool2d", "uint8", {}),
    ],
)
def test_memory_of_a_call(name, dtype, arguments, layout):
    """Measured in a process of its own: there is a copy neither of the input nor of the output."""
    n = 1000 if dtype == "float32" else 2000
    shape = tuple(3 if axis == "C" else 1 if axis == "N" else n for axis in layout)
    arguments = {**arguments, "layout": layout}
    out_shape = (1, 3)
    if "global" not in name:
        shape_of = shapes.pool_output_shape if "kernel_size" in arguments else shapes.adaptive_output_shape
        out_shape = shape_of(shape, **arguments)
    done = python(MEASURE, *map(json.dumps, (name, dtype, shape, out_shape, arguments)), text=True)
    assert done.returncode == 0, done.stderr
    call, with_a_copy = map(int, done.stdout.split())
    assert call < 6 << 20
    assert with_a_copy > 10 << 20, "the measurement must see what it looks for"


def test_calls_do_not_leak():
    x = np.ones((1, 40, 40, 16), np.float32)

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    def work(count):
        for n in range(count):
            cyconv.max_pool2d(x, 3, return_indices=True)
            cyconv.avg_pool2d(x, 1 + n % 30, stride=1 + n % 7, padding="same")
            with pytest.raises(ValueError, match="stride"):
                cyconv.max_pool2d(x, 3, stride=0)

    work(1000)
    before = resident()
    work(1000)
    assert resident() - before < 1 << 20


def test_shapes_of_random_cases():
    for op in SLIDING:
        for case in drawn(op, 50):
            named = {k: v for k, v in case.arguments.items() if k in ("stride", "padding", "dilation", "ceil_mode")}
            shape = shapes.pool_output_shape(case.x.shape, case.window, layout=case.arguments["layout"], **named)
            assert one_result(case).pooled().shape == shape
