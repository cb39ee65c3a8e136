"""Prepared convolutions."""

import math
import pickle
import threading
import tracemalloc

import numpy as np
import pytest
from cases import draw_fitting, integers, kernel_layouts, layouts, moved, reals
from processes import python

import cyconv
from cyconv import isa


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_plan_equals_call(each_isa, ndim):
    rng = np.random.default_rng(1)
    for case, expected in draw_fitting(rng, 150, ndim=ndim, values=integers):
        plan = case.planned()
        y = plan(case.x)
        assert np.array_equal(y.astype(expected.dtype), expected), str(case)
        assert y.shape == plan.output_shape
        assert y.dtype == plan.output_dtype
        out = np.empty_like(y)
        assert plan(case.x, out=out) is out
        assert np.array_equal(out, y)
        again = pickle.loads(pickle.dumps(plan))
        assert again(case.x).tobytes() == y.tobytes()


def test_attributes():
    w = np.ones((3, 3, 3, 32), np.float32)
    plan = cyconv.plan_conv2d((1, 32, 32, 3), w, np.ones(32, np.float32), padding="same", threads=2)
    assert plan.output_shape == (1, 32, 32, 32)
    assert plan.params == 896
    assert plan.macs == 32 * 32 * 32 * 27
    assert plan.flops == 2 * plan.macs
    assert plan.algorithm == "winograd_1d"
    assert plan.isa == isa.CURRENT
    assert plan.threads == 2
    text = plan.explain()
    assert "winograd_1d: taken" in text
    assert "(1, 32, 32, 3) NHWC float32" in text
    assert f"workspace {plan.workspace_bytes:,} bytes" in text
    assert "winograd_1d" in repr(plan)


def test_weights_are_copied():
    w, b = np.ones((1, 1, 2, 3), np.float32), np.zeros(3, np.float32)
    plan = cyconv.plan_conv2d((1, 2, 2, 2), w, b)
    w[...] = 9
    b[...] = 9
    x = np.ones((1, 2, 2, 2), np.float32)
    assert np.all(plan(x) == 2)
    assert np.all(pickle.loads(pickle.dumps(plan))(x) == 2)


def test_plain_calls_see_changed_weights():
    """What is remembered between calls never holds data."""
    x, w = np.ones((1, 2, 2, 2), np.float32), np.ones((1, 1, 2, 3), np.float32)
    assert np.all(cyconv.conv2d(x, w) == 2)
    w[...] = 9
    assert np.all(cyconv.conv2d(x, w) == 18)


def test_threads_follow_the_setting_unless_given():
    w = np.ones((1, 1, 2, 3), np.float32)
    free, fixed = cyconv.plan_conv2d((1, 2, 2, 2), w), cyconv.plan_conv2d((1, 2, 2, 2), w, threads=3)
    with cyconv.num_threads(2):
        assert (free.threads, fixed.threads) == (2, 3)
    with cyconv.num_threads(1):
        assert (free.threads, fixed.threads) == (1, 3)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_plan_serves_many_threads(each_isa, layout):
    rng = np.random.default_rng(2)
    xs = [rng.standard_normal((1, 24, 24, 24)).astype(np.float32) for _ in range(8)]
    w = rng.standard_normal((3, 3, 24, 24)).astype(np.float32)
    plan = cyconv.plan_conv2d((1, 24, 24, 24), w, padding="same", layout=layout, kernel_layout="HWIO", threads=2)
    expected = [plan(x) for x in xs]
    wrong = []

    def work(n):
        out = np.empty_like(expected[n])
        for _ in range(100):
            if plan(xs[n], out=out).tobytes() != expected[n].tobytes():
                wrong.append(n)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_call_with_out_allocates_nothing(layout):
    x = np.ones((1, 64, 64, 64), np.float32)
    plan = cyconv.plan_conv2d(x.shape, np.ones((3, 3, 64, 64), np.float32), padding=1, layout=layout,
                              kernel_layout="HWIO")  # fmt: skip
    out = plan(x)
    tracemalloc.start()
    try:
        for _ in range(10):
            plan(x, out=out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4096  # a few small objects; the output alone has 1 MiB


SHAPES = [
    ((1, 224, 224, 64), (3, 3, 64, 64), {}),
    ((1, 14, 14, 1024), (1, 1, 1024, 256), {}),
    ((1, 7, 7, 512), (3, 3, 512, 512), {"padding": 1}),
    ((1, 33, 33, 512), (3, 3, 512, 256), {"padding": 12, "dilation": 12}),
    ((1, 8, 8, 9000), (3, 3, 9000, 33), {"padding": 1}),
    ((1, 1, 200000, 1), (1, 100000, 1, 1), {"padding": "same"}),
    ((1, 300, 300, 3), (101, 101, 3, 5), {"padding": 60}),
    ((1, 2000, 2000, 1), (1001, 3, 1, 1), {"padding": "same"}),
    ((1, 500, 500, 40), (64, 64, 40, 30), {"padding": 60, "stride": 64}),
    ((1, 400, 400, 7), (16, 16, 7, 9), {"padding": 60, "dilation": 9}),
    ((1, 300, 300, 512), (12, 12, 512, 1), {"padding": "same"}),
    ((1, 300, 300, 60), (31, 31, 60, 2), {"padding": "same"}),
    ((1, 1_000_000, 64), (9, 64, 64), {"padding": "causal", "dilation": 512}),
    ((1, 500_000, 2), (200_000, 2, 40), {"padding": "same"}),
    ((1, 16, 112, 112, 64), (3, 7, 7, 64, 64), {"padding": "same"}),
    ((1, 100, 100, 100, 1), (50, 50, 50, 1, 9), {"padding": 30, "dilation": 2}),
    ((1, 40, 40, 40, 512), (3, 3, 3, 512, 256), {"padding": 12, "dilation": 12}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("threads", [1, 2, 16])
def test_workspace_is_bounded(each_isa, channels_last, dtype, threads):
    """At most 2 MiB a thread, whatever the shape; Fourier transforms take what some windows take."""
    for x_shape, w_shape, arguments in SHAPES:
        ndim = len(w_shape) - 2
        layout = layouts(ndim)[0 if channels_last else 1]
        x, weights = (np.broadcast_to(np.ones((), dtype), shape) for shape in (x_shape, w_shape))
        r = cyconv.plan.recipe(
            "test", ndim, moved(x, layout).shape, x.dtype, weights.shape, weights.dtype, None,
            *({"stride": 1, "padding": 0, "dilation": 1} | arguments).values(), 1,
            layout, kernel_layouts(ndim)[0], "constant", False, None, "auto",
        )  # fmt: skip
        most = 2 << 20 if r.algorithm != "fft" else max(16 << 20, 100 * 2**ndim * math.prod(w_shape[:ndim]))
        assert r.convolution.workspace_bytes(threads) <= threads * most, (x_shape, w_shape)


MEASURE = """
import sys
import numpy as np, cyconv
def peak():  # of this process: getrusage also counts what the parent had when it started it
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024
layout = sys.argv[1]
shape = (1, 400, 400, 64) if layout == "NHWC" else (1, 64, 400, 400)
x = np.ones(shape, np.float32)
out = np.full(shape, np.nan, np.float32)  # every page is there before the call
w = np.ones((5, 5, 64, 64), np.float32)
small = np.ones((1, 8, 8, 64) if layout == "NHWC" else (1, 64, 8, 8), np.float32)
cyconv.conv2d(small, w, padding=2, threads=2, layout=layout, kernel_layout="HWIO")
plan = cyconv.plan_conv2d(shape, w, padding=2, threads=2, layout=layout, kernel_layout="HWIO")
before = peak()
plan(x, out=out)
after = peak()
im2col = np.ones((5, *shape), np.float32)
print(after - before, peak() - before)
"""


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_memory_of_a_call(layout):
    """Measured in a process of its own: im2col would take 1 GB here."""
    done = python(MEASURE, layout, text=True)
    assert done.returncode == 0, done.stderr
    call, with_im2col_of_one_kernel_row = map(int, done.stdout.split())
    assert call <= (4 << 20) + 2 * (2 << 20)
    assert with_im2col_of_one_kernel_row > 100 << 20, "the measurement must see what it looks for"


def test_calls_do_not_leak():
    x, w = np.ones((1, 40, 40, 16), np.float32), np.ones((3, 3, 16, 16), np.float32)

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    def work(count):
        for _ in range(count):
            cyconv.conv2d(x, w)
            cyconv.plan_conv2d(x.shape, w)
            with pytest.raises(ValueError, match="stride"):
                cyconv.conv2d(x, w, stride=0)

    work(200)
    before = resident()
    work(1000)
    assert resident() - before < 1 << 20


def test_real_data_with_pickled_plan_in_another_process():
    rng = np.random.default_rng(3)
    case, _ = draw_fitting(rng, 1, dtypes=("float32",), values=reals)[0]
    plan = case.planned()
    code = "import pickle, sys; p, x = pickle.load(sys.stdin.buffer); sys.stdout.buffer.write(p(x).tobytes())"
    done = python(code, input=pickle.dumps((plan, case.x)))
    assert done.stdout == plan(case.x).tobytes(), done.stderr
