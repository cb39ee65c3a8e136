"""Wrong arguments: the class of the error, and that it names function, argument and what came."""

import dataclasses

import numpy as np
import pytest
from cases import CONV, PLAN, kernel_layouts, layouts, moved

import cyconv
from cyconv import plan, shapes
from cyconv.layout import AXES


@dataclasses.dataclass
class Call:
    """A right call, which the tests make wrong."""

    name: str
    ndim: int
    arrays: dict
    filters: int

    def __call__(self, **changed):
        return getattr(cyconv, self.name)(**{**self.arrays, **changed})

    def cast(self, dtype):
        """Its arrays in another type."""
        return {name: a.astype(dtype) for name, a in self.arrays.items()}


def ones(*shape):
    return np.ones(shape, np.float32)


X = {n: ones(1, *(8,) * n, 4) for n in CONV}
W = {n: ones(*(3,) * n, 4, 6) for n in CONV}
CONVS = [Call(f"conv{n}d", n, {"x": X[n], "w": W[n]}, 6) for n in CONV]
DEPTHWISE = Call("depthwise_conv2d", 2, {"x": X[2], "w": ones(3, 3, 4, 2)}, 8)
SEPARABLE = Call("separable_conv2d", 2, {"x": X[2], "depthwise": ones(3, 3, 4, 2), "pointwise": ones(1, 1, 8, 6)}, 6)
CALLS = [*CONVS, DEPTHWISE, SEPARABLE]
# In one axis the largest number of outputs fits an address, so that their filters have to be too many.
MANY = {"w": np.broadcast_to(np.float32(1), (3, 4, 2**24))}


def wrong_anywhere(call):
    """Arguments that every function has."""
    n, x, last = call.ndim, X[call.ndim], AXES[call.ndim][-1]
    yield from [
        # stride
        ({"stride": 0}, ValueError, "stride must be at least 1, got 0"),
        ({"stride": (1,) * (n - 1) + (0,)}, ValueError, "stride must be at least 1, got 0"),
        ({"stride": -1}, ValueError, "stride must be at least 1, got -1"),
        ({"stride": 2**63}, ValueError, r"stride must be below 2\*\*40"),
        ({"stride": ()}, ValueError, rf"stride must be an int or {n} of them, got \(\)"),
        ({"stride": (1,) * (n + 1)}, ValueError, f"stride must be an int or {n} of them"),
        ({"stride": 1.5}, TypeError, "stride must be an integer, got 1.5"),
        ({"stride": np.float64(2)}, TypeError, "stride must be an integer"),
        ({"stride": True}, TypeError, "stride must be an integer, got True"),
        ({"stride": (True,) * n}, TypeError, "stride must be an integer, got True"),
        ({"stride": "1"}, TypeError, "stride must be an integer, got '1'"),
        ({"stride": None}, TypeError, "stride must be an integer, got None"),
        # dilation
        ({"dilation": 0}, ValueError, "dilation must be at least 1, got 0"),
        ({"dilation": -1}, ValueError, "dilation must be at least 1"),
        ({"dilation": 2**31 - 1}, ValueError, r"does not fit .* \+ 1 = 4294967295 is more than 8 \+ 0 \+ 0"),
        ({"dilation": 2**39}, ValueError, "does not fit"),
        ({"dilation": 2**63 - 1}, ValueError, r"dilation must be below 2\*\*40"),
        # padding
        ({"padding": -1}, ValueError, "padding must be at least 0, got -1; slice the input"),
        ({"padding": ((0, 0),) * (n - 1) + ((0, -1),)}, ValueError, "padding must be at least 0, got -1"),
        ({"padding": (1,) * 2 * n}, ValueError, f"padding must be a word, an int, {n} ints or {n} .* pairs, got"),
        ({"padding": []}, ValueError, "padding must be a word"),
        ({"padding": ((1, 2, 3),) * n}, ValueError, "padding of an axis must be an int or a .* pair"),
        ({"padding": "sam"}, ValueError, "padding must be one of 'valid', 'same', .* got 'sam'"),
        ({"padding": None}, TypeError, "padding must be an integer, got None"),
        ({"padding": 1.0}, TypeError, "padding must be an integer, got 1.0"),
        ({"padding": True}, TypeError, "padding must be an integer, got True"),
        ({"padding": 2**63}, ValueError, r"padding must be below 2\*\*40"),
        ({"padding": 2**39, **(MANY if n == 1 else {})}, MemoryError, "output of shape"),
        # shapes
        ({"x": x[0]}, ValueError, rf"x must have {n + 2} axes \(N{AXES[n]}C\), got {n + 1}.*layout='{AXES[n]}C'"),
        ({"x": np.float32(1)}, ValueError, f"x must have {n + 2} axes"),
        ({"x": ones(1, 1, 1, 1, 8, 8)}, ValueError, f"x must have {n + 2} axes"),
        ({"x": x[:, :2, ..., :]}, ValueError, f"does not fit the input along {AXES[n][0]}: .* 3 is more than 2"),
        ({"bias": ones(5)}, ValueError, rf"bias must have shape \({call.filters},\).* got \(5,\)"),
        ({"bias": ones(1, call.filters)}, ValueError, "bias must have shape"),
        ({"bias": np.float32(1)}, ValueError, "bias must have shape"),
        ({"x": x[:, :0], "padding": 2, "pad_mode": "edge"}, ValueError, f"extend the empty axis {AXES[n][0]}"),
        # names
        ({"layout": "NWHC"}, ValueError, f"layout must be '{layouts(n)[0]}', '{layouts(n)[1]}'.*got 'NWHC'"),
        ({"layout": layouts(n % 3 + 1)[0]}, ValueError, f"layout must be '{layouts(n)[0]}'"),
        ({"layout": 1}, TypeError, "layout must be a string"),
        ({"layout": ["NHWC"]}, TypeError, "layout must be a string"),
        ({"kernel_layout": "IOHW"}, ValueError, f"kernel_layout must be '{kernel_layouts(n)[0]}'.*got 'IOHW'"),
        ({"kernel_layout": f"I{last}O"}, ValueError, f"kernel_layout must be .*got 'I{last}O'"),
        ({"kernel_layout": 5}, TypeError, "kernel_layout must be a string"),
        ({"pad_mode": "mirror"}, ValueError, "pad_mode must be one of .*'mirror' is 'reflect' in NumPy"),
        ({"pad_mode": None}, TypeError, "pad_mode must be one of"),
        ({"activation": "swish"}, ValueError, "activation must be one of .*'swish'"),
        ({"activation": max}, TypeError, "activation must be a string"),
        ({"algorithm": "guess"}, ValueError, "algorithm must be one of 'auto', .*'direct'.* got 'guess'"),
        ({"algorithm": None}, TypeError, "algorithm must be one of"),
        ({"flip": 1}, TypeError, "flip must be True or False, got 1"),
        # arrays
        ({"x": x.astype(complex)}, TypeError, "x must hold .* got dtype complex128"),
        ({"x": x.astype(object)}, TypeError, "x must hold .* got dtype object"),
        ({"x": x.astype(np.longdouble)}, TypeError, "x must hold"),
        ({"x": "text"}, TypeError, "x must hold"),
        ({"x": b"text"}, TypeError, "x must hold"),
        ({"x": x.astype("M8[s]")}, TypeError, "x must hold .* datetime64"),
        ({"x": x.view([("a", "f4")])}, TypeError, "x must hold"),
        ({"x": np.ma.masked_array(x)}, TypeError, "x is a masked array.*filled"),
        ({"bias": np.ones(call.filters, complex)}, TypeError, "bias must hold"),
        # threads
        ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
        ({"threads": -1}, ValueError, "threads must be at least 1"),
        ({"threads": 2**31}, ValueError, "threads must be at most 1024"),
        ({"threads": "x"}, TypeError, "threads must be an integer, got 'x'"),
        ({"threads": 1.0}, TypeError, "threads must be an integer"),
        # activations of integers
        ({**call.cast(int), "activation": "tanh"}, TypeError, "needs floating-point numbers"),
        ({**call.cast("u8"), "activation": "relu"}, TypeError, "not offered for uint64"),
    ]
    for name, a in call.arrays.items():
        yield {name: None}, TypeError, f"{name} must be an array, got None"
        yield {name: np.ma.masked_array(a)}, TypeError, f"{name} is a masked array.*{name}.filled"
        yield {name: a.astype(complex)}, TypeError, f"{name} must hold .* got dtype complex128"
    if n > 1:
        yield {"padding": 2**30}, MemoryError, "output of shape"
        yield {"padding": "causal"}, ValueError, "'causal' is for one axis"


def wrong_kernels(call):
    """Kernels and groups that do not fit, for `conv1d`, `conv2d` and `conv3d`."""
    n, axis, names = call.ndim, AXES[call.ndim][0], kernel_layouts(call.ndim)[0]
    rest = (3,) * (n - 1)
    yield from [
        ({"w": ones(9, *rest, 4, 6)}, ValueError, f"does not fit the input along {axis}.* 9 is more than 8"),
        ({"w": ones(0, *rest, 4, 6)}, ValueError, f"no elements along {axis}"),
        ({"w": ones(3, *rest, 3, 6)}, ValueError, "w has 3 input channels but x has 4"),
        ({"w": ones(3, *rest, 4)}, ValueError, rf"w must have {n + 2} axes \({names}\), got {n + 1}"),
        ({"groups": 0}, ValueError, "groups must be at least 1, got 0"),
        ({"groups": -1}, ValueError, "groups must be at least 1"),
        ({"groups": 3}, ValueError, "groups=3 must divide the 4 input channels and the 6 filters"),
        ({"groups": 4}, ValueError, "groups=4 must divide"),
        ({"groups": 8}, ValueError, "groups=8 must divide"),
        ({"groups": 2}, ValueError, "w has 4 input channels but x has 4, so 2 were expected"),
        ({"groups": 1.0}, TypeError, "groups must be an integer"),
    ]


def wrong_depthwise(name, layout):
    """Kernels that do not fit, as `depthwise_conv2d` and `separable_conv2d` call theirs."""
    multiplied, first = r"\(4 \* multiplier, ", layout == "NCHW"
    kernels = [
        (ones(3, 3, 3, 2), "HWIO", r"\(KH, KW, 4, multiplier\) \(HWIO\) for the 4 channels.* got \(3, 3, 3, 2\)"),
        (ones(3, 3, 1, 8), "HWIO", r"\(KH, KW, 4, multiplier\) \(HWIO\)"),
        (ones(3, 3, 4), "HWIO", r"\(KH, KW, 4, multiplier\) \(HWIO\)"),
        (ones(8, 1, 3, 3), "HWIO", rf"got \(8, 1, 3, 3\) \(x.shape=.* in {layout}\); check layout= and kernel_layout="),
        (ones(6, 1, 3, 3), "OIHW", multiplied + r"1, KH, KW\) \(OIHW\) for the 4 channels.* got \(6, 1, 3, 3\)"),
        (ones(8, 4, 3, 3), "OIHW", multiplied + r"1, KH, KW\)"),
        (ones(8, 1, 3, 3, 1), "OIHW", multiplied + r"1, KH, KW\)"),
        (ones(8, 3, 3, 4), "OHWI", multiplied + r"KH, KW, 1\)"),
    ]
    for w, kernel_layout, form in kernels:
        default = kernel_layout == ("OIHW" if first else "HWIO")
        arguments = {} if default else {"kernel_layout": kernel_layout}
        yield {name: w, **arguments, "layout": layout}, ValueError, f"{name} must have shape .*{form}"
    large, none = r"does not fit .*along H.* 9 is more than 8", "has no elements along W"
    shown = ("", "depthwise: ")[name == "depthwise"]
    for w, kernel_layout, message in (
        (ones(9, 3, 4, 2), "HWIO", large),
        (ones(8, 1, 9, 3), "OIHW", large),
        (ones(8, 9, 3, 1), "OHWI", large),
        (ones(3, 0, 4, 2), "HWIO", none),
        (ones(8, 1, 3, 0), "OIHW", none),
    ):
        came = rf"w.shape=\({', '.join(map(str, w.shape))}\)"
        arguments = {"kernel_layout": kernel_layout, "layout": layout}
        yield {name: w, **arguments}, ValueError, f"^{shown}(?=.*{came}).*{message}"


def wrong_pointwise():
    for w, kernel_layout, form in (
        (ones(1, 1, 4, 6), "HWIO", r"\(1, 1, 8, O\) \(HWIO\) for the 8 channels .* got \(1, 1, 4, 6\)"),
        (ones(3, 3, 8, 6), "HWIO", r"\(1, 1, 8, O\)"),
        (ones(8, 6), "HWIO", r"\(1, 1, 8, O\)"),
        (ones(6, 8, 1, 1), "HWIO", r"\(1, 1, 8, O\) .*check kernel_layout="),
        (ones(6, 4, 1, 1), "OIHW", r"\(O, 8, 1, 1\)"),
        (ones(6, 1, 1, 4), "OHWI", r"\(O, 1, 1, 8\)"),
    ):
        depthwise = moved(ones(3, 3, 1, 8), kernel_layout) if kernel_layout != "HWIO" else ones(3, 3, 4, 2)
        arguments = {"depthwise": depthwise, "kernel_layout": kernel_layout}
        yield {"pointwise": w, **arguments}, ValueError, f"pointwise must have shape {form}"


def in_layout(wrong):
    """`wrong` with an input in the layout that it names."""
    return {"x": moved(X[2], wrong["layout"]), **wrong}


WRONG = [
    *((call, *wrong) for call in CALLS for wrong in wrong_anywhere(call)),
    *((call, *wrong) for call in CONVS for wrong in wrong_kernels(call)),
    *(
        (call, in_layout(wrong), kind, message)
        for call, name in ((DEPTHWISE, "w"), (SEPARABLE, "depthwise"))
        for layout in ("NHWC", "NCHW")
        for wrong, kind, message in wrong_depthwise(name, layout)
    ),
    *((SEPARABLE, *wrong) for wrong in wrong_pointwise()),
]
WRONG_OUT = [
    (ones(1, 6, 6, 5), ValueError, r"out must have shape \(1, 6, 6, 6\), got \(1, 6, 6, 5\)"),
    (np.ones((1, 6, 6, 6)), TypeError, "out must have dtype float32, got float64"),
    (np.ones((1, 6, 6, 6), ">f4"), TypeError, "out must have dtype"),
    (np.broadcast_to(np.float32(1), (1, 6, 6, 6)), ValueError, "out is read-only"),
    ([[1.0]], TypeError, "out must be a numpy.ndarray, got list"),
    (np.ma.ones((1, 6, 6, 6), np.float32), TypeError, "out must be a numpy.ndarray"),
]


@pytest.fixture
def computes_nothing(monkeypatch):
    """Fails the test if anything is computed, after `Call`s that are right have been remembered."""
    for call in CALLS:
        call()
    monkeypatch.setattr(plan.Recipe, "run", lambda *_: pytest.fail("computed, and then refused"))


@pytest.mark.parametrize(("call", "wrong", "kind", "message"), WRONG, ids=lambda p: getattr(p, "name", ""))
def test_functions_and_plans(computes_nothing, call, wrong, kind, message):
    """Also right after the same call with an equal, but valid argument was remembered."""
    message = message if message.startswith("^") else f"^.*{message}"
    for _ in range(2):
        with pytest.raises(kind, match=f"(?s)^{call.name}: {message[1:]}"):
            call(**wrong)
    if call in CONVS and "x" not in wrong and kind is not MemoryError:
        arguments = {"x_shape": X[call.ndim].shape, "w": W[call.ndim], **wrong}
        with pytest.raises(kind, match=f"(?s)^plan_{call.name}: {message[1:]}"):
            PLAN[call.ndim](**arguments)


@pytest.mark.parametrize(("out", "kind", "message"), WRONG_OUT)
def test_out(computes_nothing, out, kind, message):
    for call in (CONVS[1], SEPARABLE):
        with pytest.raises(kind, match=f"^{call.name}: {message}"):
            call(out=out)
    made = cyconv.plan_conv2d(X[2].shape, W[2])
    with pytest.raises(kind, match=f"^plan_conv2d: {message}"):
        made(X[2], out=out)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_out_of_any_function(computes_nothing, call):
    with pytest.raises(ValueError, match=rf"^{call.name}: out must have shape .*, got \(1, 2\)"):
        call(out=ones(1, 2))


@pytest.mark.parametrize("n", CONV)
def test_plan_calls(n):
    made = PLAN[n](X[n].shape, W[n])
    shape = str(X[n].shape).strip("()")
    with pytest.raises(ValueError, match=rf"^plan_conv{n}d: the plan was made for x of shape \({shape}\), got \(2, 8"):
        made(np.concatenate([X[n], X[n]]))
    with pytest.raises(TypeError, match="plan was made for x of dtype float32, got float64"):
        made(X[n].astype(float))
    with pytest.raises(TypeError, match="masked"):
        made(np.ma.masked_array(X[n]))
    with pytest.raises(TypeError, match=f"plan_conv{n}d: x_shape must be an integer"):
        PLAN[n]((1, None, *X[n].shape[2:]), W[n])
    with pytest.raises(TypeError, match=f"plan_conv{n}d: x_shape must be a sequence"):
        PLAN[n](8, W[n])
    with pytest.raises(TypeError, match=f"plan_conv{n}d: dtype must hold"):
        PLAN[n](X[n].shape, W[n], dtype=complex)


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("ndim", CONV)
def test_large_numbers_are_fine_where_little_is_computed(ndim, channels_last):
    """No size, stride or distance overflows on the way to an address."""
    huge = 2**39
    layout = layouts(ndim)[0 if channels_last else 1]
    x = moved(ones(1, *(3,) * ndim, 3), layout)
    for kernel in (1, 2, 3):
        w = ones(*(kernel,) * ndim, 3, 5)
        for arguments in (
            {"stride": huge},
            {"stride": huge, "padding": huge},
            {"stride": huge - 1, "padding": huge - 2},
            {"stride": huge, "padding": huge, "pad_mode": "wrap"},
            {"stride": huge, "padding": "full", "dilation": huge},
            {"stride": (huge, 1, 1)[:ndim], "padding": ((huge, huge), (0, 1), (1, 0))[:ndim]},
        ):
            named = {"layout": layout, "kernel_layout": kernel_layouts(ndim)[0]}
            y = CONV[ndim](x, w, **named, **arguments)
            without = {k: v for k, v in arguments.items() if k != "pad_mode"}
            assert y.shape == shapes.conv_output_shape(x.shape, w.shape, **named, **without)
            if "pad_mode" in arguments:
                assert np.all(y == 3 * kernel**ndim)
            else:
                assert y.max() <= 3 * kernel**ndim


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
    x, w = X[2], W[2]
    y = cyconv.conv2d(x, w, stride=np.int64(2), padding=np.array([1, 1]), dilation=np.uint8(1), groups=np.int32(1))
    assert np.array_equal(y, cyconv.conv2d(x, w, stride=2, padding=1))


def test_numpy_strings_are_strings():
    words = {
        "padding": "SAME", "layout": "nhwc", "kernel_layout": "hwio", "pad_mode": "edge", "activation": "relu",
        "algorithm": "auto",
    }  # fmt: skip
    y = cyconv.conv2d(X[2], W[2], **{name: np.str_(word) for name, word in words.items()})
    assert np.array_equal(y, cyconv.conv2d(X[2], W[2], **words))


@pytest.mark.parametrize("ndim", CONV)
def test_random_arguments_never_crash(ndim):
    """Whatever comes: an exception, or an output of the right shape."""
    rng = np.random.default_rng(1)
    odd = [0, 1, -1, 2, 3, 2**15, 2**31 - 1, 2**31, 2**32 + 1, 2**62, 2**63 - 1, -(2**63), True, 1.5, "1", None, [],
           np.float64(3), (1, 2), ((1, 2), (3, 4)), np.int8(2)]  # fmt: skip
    returned = 0
    for _ in range(10000):
        x = np.ones(rng.integers(0, 6, rng.integers(ndim + 1, ndim + 4)), rng.choice(["f4", "f8", "i4"]))
        w = np.ones(rng.integers(0, 4, ndim + 2), rng.choice(["f4", "f8", "u1"]))
        arguments = {
            name: odd[rng.integers(len(odd))]
            for name in ("stride", "padding", "dilation", "groups")
            if rng.integers(4) == 0
        }
        layout = str(rng.choice(layouts(ndim)))
        try:
            y = CONV[ndim](x, w, layout=layout, **arguments)
        except (TypeError, ValueError, MemoryError):
            continue
        returned += 1
        assert y.shape == shapes.conv_output_shape(x.shape, w.shape, layout=layout, **arguments)
    assert returned > 20
