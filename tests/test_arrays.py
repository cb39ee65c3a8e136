"""Every kind of array that a NumPy user may pass, and what the memory around it must not feel."""

import numpy as np
import pytest
from arrays_in_memory import guarded, variants
from cases import FLOATS, Case, draw, draw_fitting, reals

import cyconv


@pytest.mark.parametrize("argument", ["x", "w", "bias"])
def test_any_strides_order_and_alignment(each_isa, argument):
    rng = np.random.default_rng(1)
    for case, _ in draw_fitting(rng, 40, dtypes=FLOATS, values=reals):
        a = getattr(case, argument)
        if a is None:
            continue
        expected = cyconv.conv2d(case.x, case.w, case.bias, **case.arguments)
        for name, other in variants(a):
            arrays = {"x": case.x, "w": case.w, "bias": case.bias, argument: other}
            before = np.array(other)
            y = cyconv.conv2d(**arrays, **case.arguments)
            assert y.tobytes() == expected.tobytes(), f"{name} {argument}: {case}"
            assert y.flags.c_contiguous
            assert type(y) is np.ndarray
            assert np.array_equal(other, before), f"{name} {argument} was changed: {case}"


@pytest.mark.parametrize("shape", [(1, 5, 6, 3), (2, 1, 6, 3), (2, 5, 1, 3), (2, 5, 6, 1), (1, 1, 1, 1)])
def test_odd_strides_of_axes_of_one(each_isa, shape):
    """NumPy allows any stride where an axis has one element."""
    x = np.random.default_rng(11).standard_normal(shape).astype(np.float32)
    strides = tuple(7 if n == 1 else s for n, s in zip(shape, x.strides, strict=True))
    odd = np.lib.stride_tricks.as_strided(x, shape, strides)
    for layout, channels in (("NHWC", shape[3]), ("NCHW", shape[1])):
        w = np.ones((1, 1, channels, 4), np.float32)
        arguments = {"layout": layout, "kernel_layout": "HWIO", "padding": 1}
        expected = cyconv.conv2d(x, w, **arguments)
        assert np.array_equal(cyconv.conv2d(odd, w, **arguments), expected)
        out = np.lib.stride_tricks.as_strided(
            np.zeros_like(expected),
            expected.shape,
            tuple(9 if n == 1 else s for n, s in zip(expected.shape, expected.strides, strict=True)),
        )
        cyconv.conv2d(x, w, out=out, **arguments)
        assert np.array_equal(out, expected)


def test_broadcast_view_is_not_copied(each_isa):
    """A batch of one picture repeated for free stays free."""
    picture = np.random.default_rng(2).standard_normal((9, 9, 4)).astype(np.float32)
    x = np.broadcast_to(picture, (6, 9, 9, 4))
    w = np.ones((3, 3, 4, 5), np.float32)
    y = cyconv.conv2d(x, w)
    for n in range(6):
        assert np.array_equal(y[n], cyconv.conv2d(picture, w, layout="HWC"))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_out(each_isa, layout):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 12, 12, 12)).astype(np.float32)
    w = rng.standard_normal((3, 3, 12, 12)).astype(np.float32)
    arguments = {"layout": layout, "kernel_layout": "HWIO", "padding": "same"}
    expected = cyconv.conv2d(x, w, **arguments)
    for name, out in variants(np.zeros_like(expected)):
        if name in ("byte-swapped", "read-only"):
            continue
        assert cyconv.conv2d(x, w, out=out, **arguments) is out
        assert np.array_equal(out, expected), name
    big = np.full((2, 14, 14, 14), 7, np.float32)
    cyconv.conv2d(x, w, out=big[:, 1:-1, 1:-1, 1:-1], **arguments)
    assert np.array_equal(big[:, 1:-1, 1:-1, 1:-1], expected)
    big[:, 1:-1, 1:-1, 1:-1] = 7
    assert np.all(big == 7)


def test_large_outputs_begin_at_a_line_of_cache():
    x, w = np.ones((1, 40, 40, 16), np.float32), np.ones((1, 1, 16, 16), np.float32)
    kept = []
    for _ in range(20):
        kept.append(cyconv.conv2d(x, w))
        assert kept[-1].ctypes.data % 64 == 0
        assert kept[-1].flags.c_contiguous
        assert kept[-1].flags.writeable
        assert np.all(kept[-1] == 16)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_out_may_overlap_the_input(each_isa, layout):
    rng = np.random.default_rng(4)
    w = rng.standard_normal((3, 3, 8, 8)).astype(np.float32)
    arguments = {"layout": layout, "kernel_layout": "HWIO", "padding": "same"}
    memory = rng.standard_normal((3, 8, 8, 8)).astype(np.float32)
    for shift in (0, 1):
        both = memory.copy()
        expected = cyconv.conv2d(both[:2], w, **arguments)
        assert np.array_equal(cyconv.conv2d(both[:2], w, out=both[shift : shift + 2], **arguments), expected)
        both = memory.copy()
        plan = cyconv.plan_conv2d((2, 8, 8, 8), w, **arguments)
        assert np.array_equal(plan(both[:2], out=both[shift : shift + 2]), expected)


def test_dtypes():
    """What comes out for what goes in."""
    rules = {
        ("float32", "float32"): "float32",
        ("float32", "float64"): "float64",
        ("float16", "float16"): "float16",
        ("float16", "float32"): "float32",
        ("float16", "int8"): "float16",
        ("float32", "int32"): "float64",
        ("bool", "bool"): "int32",
        ("int8", "int8"): "int32",
        ("uint8", "int8"): "int32",
        ("int16", "int16"): "int32",
        ("uint16", "uint16"): "int64",
        ("int32", "int32"): "int64",
        ("uint32", "uint32"): "int64",
        ("int64", "int8"): "int64",
        ("uint64", "uint64"): "uint64",
        ("uint64", "int64"): "float64",
    }
    for (of_x, of_w), of_y in rules.items():
        x, w = np.ones((1, 4, 4, 2), of_x), np.ones((2, 2, 2, 3), of_w)
        y = cyconv.conv2d(x, w)
        assert y.dtype == of_y
        assert np.all(y == 8)
        plan = cyconv.plan_conv2d(x.shape, w, dtype=of_x)
        assert plan.output_dtype == of_y
        assert plan(x).dtype == of_y


def test_integers_are_exact_and_wrap():
    x = np.full((1, 1, 1, 1), 2**53 + 1, np.int64)
    assert cyconv.conv2d(x, np.ones((1, 1, 1, 1), np.int64)).item() == 2**53 + 1
    x = np.full((1, 1, 1, 1), 2**63 - 1, np.int64)
    assert cyconv.conv2d(x, np.full((1, 1, 1, 1), 2, np.int64)).item() == -2
    x = np.full((1, 1, 1, 1), 2**64 - 1, np.uint64)
    assert cyconv.conv2d(x, np.full((1, 1, 1, 1), 1, np.uint64)).item() == 2**64 - 1
    x = np.full((1, 1, 1, 3), -(2**15), np.int16)
    assert cyconv.conv2d(x, np.full((1, 1, 3, 1), -(2**15), np.int16)).item() == 3 * 2**30 - 2**32


def test_float16_is_summed_in_float32():
    x = np.full((1, 1, 1, 4096), 1, np.float16)
    y = cyconv.conv2d(x, np.ones((1, 1, 4096, 1), np.float16))
    assert y.item() == 4096  # in float16 the sum would stop at 2048
    assert np.isinf(cyconv.conv2d(x * 100, np.full((1, 1, 4096, 1), 100, np.float16)).item())


def test_lists_and_buffers_are_arrays():
    assert cyconv.conv2d([[[1.0], [2.0]]], [[[[3.0]]]], layout="HWC").tolist() == [[[3.0], [6.0]]]
    buffer = memoryview(np.ones((1, 2, 2, 1), np.float32))
    assert cyconv.conv2d(buffer, np.ones((2, 2, 1, 1), np.float32)).item() == 4


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_empty_arrays(layout):
    def shaped(n, h, w, c):
        return (n, h, w, c) if layout == "NHWC" else (n, c, h, w)

    arguments = {"layout": layout, "kernel_layout": "HWIO"}
    w = np.ones((3, 3, 2, 4), np.float32)
    b = np.array([1, -2, 3, 7], np.float32)
    assert cyconv.conv2d(np.ones(shaped(0, 5, 5, 2), np.float32), w, **arguments).shape == shaped(0, 3, 3, 4)
    y = cyconv.conv2d(np.ones(shaped(1, 5, 5, 0), np.float32), w[:, :, :0], b, activation="relu6", **arguments)
    assert y.shape == shaped(1, 3, 3, 4)
    y = y if layout == "NHWC" else np.moveaxis(y, 1, -1)
    assert y[0, 1, 1].tolist() == [1, 0, 3, 6]
    y = cyconv.conv2d(np.ones(shaped(1, 5, 5, 0), np.float32), w[:, :, :0], **arguments)
    assert y.shape == shaped(1, 3, 3, 4)
    assert not y.any()
    y = cyconv.conv2d(np.ones(shaped(1, 5, 5, 2), np.float32), w[..., :0], **arguments)
    assert y.shape == shaped(1, 3, 3, 0)
    y = cyconv.conv2d(np.ones(shaped(1, 0, 5, 2), np.float32), w, b, padding=2, **arguments)
    assert y.shape == shaped(1, 2, 7, 4)
    y = y if layout == "NHWC" else np.moveaxis(y, 1, -1)
    assert np.all(y == b)


@pytest.mark.parametrize("at_end", [False, True])
def test_nothing_outside_of_arrays_is_touched(each_isa, at_end):
    """Arrays lie against pages that end the process when they are read or written."""
    rng = np.random.default_rng(5)
    for case, _ in draw_fitting(rng, 200, dtypes=FLOATS, values=reals):
        expected = cyconv.conv2d(case.x, case.w, case.bias, **case.arguments)
        bias = None if case.bias is None else guarded(case.bias, at_end)
        out = guarded(np.full_like(expected, np.nan), at_end)
        cyconv.conv2d(guarded(case.x, at_end), guarded(case.w, at_end), bias, out=out, threads=2, **case.arguments)
        assert out.tobytes() == expected.tobytes(), str(case)


def test_no_copy_of_strided_input(each_isa):
    """Rows of channels in a larger array are read where they lie: no whole-array copy is reported."""
    rng = np.random.default_rng(6)
    case = draw(rng, dtypes=("float32",), values=reals)
    assert isinstance(case, Case)
    plan = cyconv.plan_conv2d((1, 9, 9, 4), np.ones((3, 3, 4, 4), np.float32))
    assert "copied" not in plan.explain()
    swapped = cyconv.plan_conv2d((1, 9, 9, 4), np.ones((3, 3, 4, 4), np.float32), dtype=">f4")
    assert "x is copied" in swapped.explain()
    x = np.ones((1, 9, 9, 4), ">f4")
    assert np.all(swapped(x) == 36)
