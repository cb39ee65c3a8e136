"""Wrong arguments: the class of the error, and that it names function, argument and what came."""

import numpy as np
import pytest

import cyconv
from cyconv import shapes

X = np.ones((1, 8, 8, 4), np.float32)
W = np.ones((3, 3, 4, 6), np.float32)

WRONG = [
    # stride
    ({"stride": 0}, ValueError, "stride must be at least 1, got 0"),
    ({"stride": (1, 0)}, ValueError, "stride must be at least 1, got 0"),
    ({"stride": -1}, ValueError, "stride must be at least 1, got -1"),
    ({"stride": 2**63}, ValueError, "stride must be below 2\\*\\*40"),
    ({"stride": ()}, ValueError, "stride must be an int or 2 of them, got \\(\\)"),
    ({"stride": (1, 1, 1)}, ValueError, "stride must be an int or 2 of them"),
    ({"stride": 1.5}, TypeError, "stride must be an integer, got 1.5"),
    ({"stride": np.float64(2)}, TypeError, "stride must be an integer"),
    ({"stride": True}, TypeError, "stride must be an integer, got True"),
    ({"stride": (1, True)}, TypeError, "stride must be an integer, got True"),
    ({"stride": "1"}, TypeError, "stride must be an integer, got '1'"),
    ({"stride": None}, TypeError, "stride must be an integer, got None"),
    # dilation
    ({"dilation": 0}, ValueError, "dilation must be at least 1, got 0"),
    ({"dilation": -1}, ValueError, "dilation must be at least 1"),
    ({"dilation": 2**31 - 1}, ValueError, "does not fit .* \\+ 1 = 4294967295 is more than 8 \\+ 0 \\+ 0"),
    ({"dilation": 2**39}, ValueError, "does not fit"),
    ({"dilation": 2**63 - 1}, ValueError, "dilation must be below 2\\*\\*40"),
    # padding
    ({"padding": -1}, ValueError, "padding must be at least 0, got -1; slice the input"),
    ({"padding": ((0, -1), (0, 0))}, ValueError, "padding must be at least 0, got -1"),
    ({"padding": (1, 1, 1, 1)}, ValueError, "padding must be a word, an int, 2 ints or 2 .* pairs, got"),
    ({"padding": []}, ValueError, "padding must be a word"),
    ({"padding": ((1, 2, 3), (1, 2))}, ValueError, "padding of an axis must be an int or a .* pair"),
    ({"padding": "sam"}, ValueError, "padding must be one of 'valid', 'same', .* got 'sam'"),
    ({"padding": "causal"}, ValueError, "'causal' is for one axis"),
    ({"padding": None}, TypeError, "padding must be an integer, got None"),
    ({"padding": 1.0}, TypeError, "padding must be an integer, got 1.0"),
    ({"padding": True}, TypeError, "padding must be an integer, got True"),
    ({"padding": 2**63}, ValueError, "padding must be below 2\\*\\*40"),
    ({"padding": 2**30}, MemoryError, "output of shape"),
    ({"padding": 2**39}, MemoryError, "output of shape"),
    # kernel, channels, groups
    ({"w": np.ones((9, 3, 4, 6), np.float32)}, ValueError, "does not fit the input along H.* 9 is more than 8"),
    ({"w": np.ones((0, 3, 4, 6), np.float32)}, ValueError, "no elements along H"),
    ({"w": np.ones((3, 3, 3, 6), np.float32)}, ValueError, "w has 3 input channels but x has 4"),
    ({"w": np.ones((3, 3, 4), np.float32)}, ValueError, "w must have 4 axes \\(HWIO\\), got 3"),
    ({"x": np.ones((8, 8, 4), np.float32)}, ValueError, "x must have 4 axes \\(NHWC\\), got 3.*layout='HWC'"),
    ({"x": np.float32(1)}, ValueError, "x must have 4 axes"),
    ({"x": np.ones((1, 1, 1, 1, 8, 8), np.float32)}, ValueError, "x must have 4 axes"),
    ({"groups": 0}, ValueError, "groups must be at least 1, got 0"),
    ({"groups": -1}, ValueError, "groups must be at least 1"),
    ({"groups": 3}, ValueError, "groups=3 must divide the 4 input channels and the 6 filters"),
    ({"groups": 4}, ValueError, "groups=4 must divide"),
    ({"groups": 8}, ValueError, "groups=8 must divide"),
    ({"groups": 2}, ValueError, "w has 4 input channels but x has 4, so 2 were expected"),
    ({"groups": 1.0}, TypeError, "groups must be an integer"),
    ({"bias": np.ones(5, np.float32)}, ValueError, "bias must have shape \\(6,\\).* got \\(5,\\)"),
    ({"bias": np.ones((1, 6), np.float32)}, ValueError, "bias must have shape"),
    ({"bias": np.float32(1)}, ValueError, "bias must have shape"),
    # names
    ({"layout": "NWHC"}, ValueError, "layout must be 'NHWC', 'NCHW'.*got 'NWHC'"),
    ({"layout": 1}, TypeError, "layout must be a string"),
    ({"layout": ["NHWC"]}, TypeError, "layout must be a string"),
    ({"kernel_layout": "IOHW"}, ValueError, "kernel_layout must be 'HWIO'.*got 'IOHW'"),
    ({"kernel_layout": 5}, TypeError, "kernel_layout must be a string"),
    ({"pad_mode": "mirror"}, ValueError, "pad_mode must be one of .*'mirror' is 'reflect' in NumPy"),
    ({"pad_mode": None}, TypeError, "pad_mode must be one of"),
    ({"activation": "swish"}, ValueError, "activation must be one of .*'swish'"),
    ({"activation": max}, TypeError, "activation must be a string"),
    ({"algorithm": "winograd"}, ValueError, "algorithm must be one of 'auto', 'direct', got 'winograd'"),
    ({"algorithm": None}, TypeError, "algorithm must be one of"),
    ({"flip": 1}, TypeError, "flip must be True or False, got 1"),
    # arrays
    ({"x": None}, TypeError, "x must be an array, got None"),
    ({"w": None}, TypeError, "w must be an array, got None"),
    ({"x": X.astype(complex)}, TypeError, "x must hold .* got dtype complex128"),
    ({"x": X.astype(object)}, TypeError, "x must hold .* got dtype object"),
    ({"x": X.astype(np.longdouble)}, TypeError, "x must hold"),
    ({"x": "text"}, TypeError, "x must hold"),
    ({"x": b"text"}, TypeError, "x must hold"),
    ({"x": X.astype("M8[s]")}, TypeError, "x must hold .* datetime64"),
    ({"x": X.view([("a", "f4")])}, TypeError, "x must hold"),
    ({"x": np.ma.masked_array(X)}, TypeError, "x is a masked array.*filled"),
    ({"w": np.ma.masked_array(W)}, TypeError, "w is a masked array"),
    ({"bias": np.ones(6, complex)}, TypeError, "bias must hold"),
    # threads
    ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
    ({"threads": -1}, ValueError, "threads must be at least 1"),
    ({"threads": 2**31}, ValueError, "threads must be at most 1024"),
    ({"threads": "x"}, TypeError, "threads must be an integer, got 'x'"),
    ({"threads": 1.0}, TypeError, "threads must be an integer"),
    # activations of integers
    ({"x": X.astype(int), "w": W.astype(int), "activation": "tanh"}, TypeError, "needs floating-point numbers"),
    ({"x": X.astype("u8"), "w": W.astype("u8"), "activation": "relu"}, TypeError, "not offered for uint64"),
    # padding of nothing
    ({"x": X[:, :0], "padding": 2, "pad_mode": "edge"}, ValueError, "cannot extend the empty axis H"),
]
WRONG_OUT = [
    (np.ones((1, 6, 6, 5), np.float32), ValueError, "out must have shape \\(1, 6, 6, 6\\), got \\(1, 6, 6, 5\\)"),
    (np.ones((1, 6, 6, 6)), TypeError, "out must have dtype float32, got float64"),
    (np.ones((1, 6, 6, 6), ">f4"), TypeError, "out must have dtype"),
    (np.broadcast_to(np.float32(1), (1, 6, 6, 6)), ValueError, "out is read-only"),
    ([[1.0]], TypeError, "out must be a numpy.ndarray, got list"),
    (np.ma.ones((1, 6, 6, 6), np.float32), TypeError, "out must be a numpy.ndarray"),
]


@pytest.mark.parametrize(("wrong", "kind", "message"), WRONG)
def test_conv2d_and_plan(wrong, kind, message):
    """Also right after the same call with an equal, but valid argument was remembered."""
    cyconv.conv2d(X, W)
    arrays = {"x": X, "w": W, **{k: v for k, v in wrong.items() if k in ("x", "w", "bias")}}
    arguments = {k: v for k, v in wrong.items() if k not in ("x", "w", "bias")}
    for _ in range(2):
        with pytest.raises(kind, match=f"(?s)conv2d: .*{message}"):
            cyconv.conv2d(**arrays, **arguments)
    if "x" not in wrong and kind is not MemoryError:
        with pytest.raises(kind, match=f"(?s)plan_conv2d: .*{message}"):
            cyconv.plan_conv2d(X.shape, wrong.get("w", W), wrong.get("bias"), **arguments)


@pytest.mark.parametrize(("out", "kind", "message"), WRONG_OUT)
def test_out(out, kind, message):
    with pytest.raises(kind, match=f"conv2d: {message}"):
        cyconv.conv2d(X, W, out=out)
    plan = cyconv.plan_conv2d(X.shape, W)
    with pytest.raises(kind, match=f"conv2d: {message}"):
        plan(X, out=out)


def test_plan_calls():
    plan = cyconv.plan_conv2d(X.shape, W)
    with pytest.raises(ValueError, match=r"plan was made for x of shape \(1, 8, 8, 4\), got \(2, 8, 8, 4\)"):
        plan(np.ones((2, 8, 8, 4), np.float32))
    with pytest.raises(TypeError, match="plan was made for x of dtype float32, got float64"):
        plan(X.astype(float))
    with pytest.raises(TypeError, match="masked"):
        plan(np.ma.masked_array(X))
    with pytest.raises(TypeError, match="plan_conv2d: x_shape must be an integer"):
        cyconv.plan_conv2d((1, 8, None, 4), W)
    with pytest.raises(TypeError, match="plan_conv2d: x_shape must be a sequence"):
        cyconv.plan_conv2d(8, W)
    with pytest.raises(TypeError, match="plan_conv2d: dtype must hold"):
        cyconv.plan_conv2d(X.shape, W, dtype=complex)


def test_nothing_is_written_when_an_argument_is_wrong():
    out = np.full((1, 6, 6, 6), 7, np.float32)
    for wrong, _, _ in WRONG:
        arrays = {"x": X, "w": W, "out": out, **wrong}
        with pytest.raises((TypeError, ValueError, MemoryError)):
            cyconv.conv2d(**arrays)
    assert np.all(out == 7)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_large_numbers_are_fine_where_little_is_computed(layout):
    """No size, stride or distance overflows on the way to an address."""
    huge = 2**39
    x = np.ones((1, 3, 3, 3), np.float32)
    for kernel in (1, 2, 3):
        w = np.ones((kernel, kernel, 3, 5), np.float32)
        for arguments in (
            {"stride": huge},
            {"stride": huge, "padding": huge},
            {"stride": huge - 1, "padding": huge - 2},
            {"stride": huge, "padding": huge, "pad_mode": "wrap"},
            {"stride": huge, "padding": "full", "dilation": huge},
            {"stride": (huge, 1), "padding": ((huge, huge), (0, 1)), "dilation": (1, 1)},
        ):
            y = cyconv.conv2d(x, w, layout=layout, kernel_layout="HWIO", **arguments)
            assert y.shape == shapes.conv_output_shape(
                x.shape, w.shape, layout=layout, kernel_layout="HWIO",
                **{k: v for k, v in arguments.items() if k != "pad_mode"},
            )  # fmt: skip
            if "pad_mode" in arguments:
                assert np.all(y == 3 * kernel * kernel)
            else:
                assert y.max() <= 3 * kernel * kernel


def test_large_numbers_by_hand():
    x = np.arange(1.0, 10).reshape(1, 3, 3, 1)
    w = np.ones((2, 2, 1, 1))
    y = cyconv.conv2d(x, w, stride=2**39, padding=2**39)  # the windows start at -2**39, 0 and 2**39
    assert y.shape == (1, 3, 3, 1)
    assert y.ravel().tolist() == [0, 0, 0, 0, 1 + 2 + 4 + 5, 0, 0, 0, 0]
    x = np.ones((1, 1, 5, 1))
    assert cyconv.conv2d(
        x, np.ones((1, 2, 1, 1)), dilation=(1, 2**38), padding="full", stride=2**38
    ).ravel().tolist() == [1, 1]


def test_numpy_integers_are_integers():
    y = cyconv.conv2d(X, W, stride=np.int64(2), padding=np.array([1, 1]), dilation=np.uint8(1), groups=np.int32(1))
    assert np.array_equal(y, cyconv.conv2d(X, W, stride=2, padding=1))


def test_random_arguments_never_crash():
    """Whatever comes: an exception, or an output of the right shape."""
    rng = np.random.default_rng(1)
    odd = [0, 1, -1, 2, 3, 2**15, 2**31 - 1, 2**31, 2**32 + 1, 2**62, 2**63 - 1, -(2**63), True, 1.5, "1", None, [],
           np.float64(3), (1, 2), ((1, 2), (3, 4)), np.int8(2)]  # fmt: skip
    returned = 0
    for _ in range(10000):
        x = np.ones(rng.integers(0, 6, rng.integers(3, 6)), rng.choice(["f4", "f8", "i4"]))
        w = np.ones(rng.integers(0, 4, 4), rng.choice(["f4", "f8", "u1"]))
        arguments = {
            name: odd[rng.integers(len(odd))]
            for name in ("stride", "padding", "dilation", "groups")
            if rng.integers(4) == 0
        }
        layout = rng.choice(["NHWC", "NCHW", "HWC", "CHW"])
        try:
            y = cyconv.conv2d(x, w, layout=str(layout), **arguments)
        except (TypeError, ValueError, MemoryError):
            continue
        returned += 1
        assert y.shape == shapes.conv_output_shape(x.shape, w.shape, layout=str(layout), **arguments)
    assert returned > 20
