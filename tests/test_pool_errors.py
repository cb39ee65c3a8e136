"""Wrong arguments of pools: the class of the error, and that it names function, argument and what came."""

import dataclasses
import math
import multiprocessing

import numpy as np
import pytest
from cases import layouts
from pool_cases import ADAPTIVE, GLOBAL, SLIDING, function

import cyconv
from cyconv import pool_plan, shapes
from cyconv.layout import AXES


@dataclasses.dataclass
class Call:
    """A right call, which the tests make wrong."""

    op: str
    ndim: int

    def __post_init__(self):
        self.name = f"{self.op}{self.ndim}d"
        self.x = np.ones((1, *(8,) * self.ndim, 4), np.float32)
        self.window = {"kernel_size": 1} if self.op in SLIDING else {"output_size": 1} if self.op in ADAPTIVE else {}

    def __call__(self, **changed):
        return getattr(cyconv, self.name)(**{"x": self.x, **self.window, **changed})


CALLS = [Call(op, ndim) for op in (*SLIDING, *ADAPTIVE, *GLOBAL) for ndim in AXES]


def numbers(name, n, least=1):
    """Wrong values of an argument that is an int, or one for each of n axes."""
    yield from [
        ({name: least - 1}, ValueError, f"{name} must be at least {least}, got {least - 1}"),
        ({name: (2,) * (n - 1) + (least - 1,)}, ValueError, f"{name} must be at least {least}, got {least - 1}"),
        ({name: -1}, ValueError, f"{name} must be at least {least}, got -1"),
        ({name: 2**40}, ValueError, rf"{name} must be below 2\*\*40, got 1099511627776"),
        ({name: 2**63}, ValueError, rf"{name} must be below 2\*\*40"),
        ({name: -(2**200)}, ValueError, f"{name} must be at least {least}"),
        ({name: 1.0}, TypeError, rf"{name} must be an integer, got 1.0 \(float\)"),
        ({name: np.float64(1)}, TypeError, f"{name} must be an integer"),
        ({name: np.ones(n)}, TypeError, f"{name} must be an integer"),
        ({name: True}, TypeError, f"{name} must be an integer, got True"),
        ({name: (True,) * n}, TypeError, f"{name} must be an integer, got True"),
        ({name: np.True_}, TypeError, f"{name} must be an integer"),
        ({name: 1j}, TypeError, f"{name} must be an integer, got 1j"),
        ({name: object()}, TypeError, rf"{name} must be an integer, got <object .* \(object\)"),
        ({name: ((1, 1),) * n}, TypeError, f"{name} must be an integer"),
    ]


def for_each_axis(name, n):
    """Wrong numbers of values."""
    for value in ((), (1,) * (n + 1), [1] * (n + 2), np.ones(n + 1, int)):
        yield {name: value}, ValueError, f"{name} must be an int( or None,)? or {n} of them, got"


def flags(*names):
    for name in names:
        for value in (1, 0, "yes", None):
            yield {name: value}, TypeError, f"{name} must be True or False, got {value!r}"


def words(name, value, choices):
    yield {name: value}, ValueError, f"{name} must be one of {choices}, got {value!r}"
    for other in (None, 1, True):
        yield {name: other}, TypeError, f"{name} must be one of {choices}, got {other!r}"


def wrong_anywhere(call):
    """Arguments that every function has."""
    n, x = call.ndim, call.x
    axis = AXES[n][0]
    yield from [
        # x
        ({"x": None}, TypeError, "x must be an array, got None"),
        ({"x": x.astype(complex)}, TypeError, "x must hold bool, integers, .* got dtype complex128"),
        ({"x": x.astype(object)}, TypeError, "x must hold .* got dtype object"),
        ({"x": x.astype(np.longdouble)}, TypeError, "x must hold"),
        ({"x": "text"}, TypeError, "x must hold"),
        ({"x": x.astype("M8[s]")}, TypeError, "x must hold .* datetime64"),
        ({"x": x.view([("a", "f4")])}, TypeError, "x must hold"),
        ({"x": np.ma.masked_array(x)}, TypeError, "x is a masked array.*filled"),
        ({"x": x[0]}, ValueError, rf"x must have {n + 2} axes \(N{AXES[n]}C\), got {n + 1}.*layout='{AXES[n]}C'"),
        ({"x": x[np.newaxis]}, ValueError, f"x must have {n + 2} axes .*, got {n + 3}: x.shape="),
        ({"x": np.float32(1)}, ValueError, f"x must have {n + 2} axes"),
        ({"x": x[:, :0]}, ValueError, f"x must have elements along {axis} to pool, got none: x.shape=.*may be empty"),
        # layout
        ({"layout": "NWHC"}, ValueError, f"layout must be '{layouts(n)[0]}', '{layouts(n)[1]}'.*got 'NWHC'"),
        ({"layout": layouts(n % 3 + 1)[0]}, ValueError, f"layout must be .*got '{layouts(n % 3 + 1)[0]}'"),
        ({"layout": ""}, ValueError, "layout must be .*got ''"),
        ({"layout": 1}, TypeError, "layout must be a string .*got 1"),
        ({"layout": ["NHWC"]}, TypeError, "layout must be a string"),
        ({"layout": layouts(n)[2]}, ValueError, rf"x must have {n + 1} axes \({layouts(n)[2]}\), got {n + 2}"),
        # out
        ({"out": [[1.0]]}, TypeError, "out must be a numpy.ndarray, got list"),
        ({"out": np.ones((1, 2), np.float32)}, ValueError, r"out must have shape .*, got \(1, 2\)"),
    ]
    yield from [
        ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
        ({"threads": -1}, ValueError, "threads must be at least 1, got -1"),
        ({"threads": 2**31}, ValueError, "threads must be at most 1024, got 2147483648"),
        ({"threads": "x"}, TypeError, "threads must be an integer, got 'x'"),
        ({"threads": 1.0}, TypeError, "threads must be an integer, got 1.0"),
        ({"threads": True}, TypeError, "threads must be an integer, got True"),
    ]


def wrong_padding(n):
    yield from [
        ({"padding": -1}, ValueError, "padding must be at least 0, got -1; slice the input"),
        ({"padding": ((0, 0),) * (n - 1) + ((0, -1),)}, ValueError, "padding must be at least 0, got -1"),
        ({"padding": (0,) * 2 * n}, ValueError, f"padding must be a word, an int, {n} ints or {n} .* pairs, got"),
        ({"padding": np.zeros(2 * n, int)}, ValueError, f"padding must be a word, an int, {n} ints or {n} .* pairs"),
        ({"padding": []}, ValueError, "padding must be a word"),
        ({"padding": ((0, 0, 0),) * n}, ValueError, "padding of an axis must be an int or a .* pair, got"),
        ({"padding": "sam"}, ValueError, "padding must be one of 'valid', 'same', .* got 'sam'"),
        ({"padding": b"same"}, TypeError, "padding must be an integer, got b'same'"),
        ({"padding": None}, TypeError, "padding must be an integer, got None"),
        ({"padding": 0.0}, TypeError, "padding must be an integer, got 0.0"),
        ({"padding": False}, TypeError, "padding must be an integer, got False"),
        ({"padding": 2**63}, ValueError, r"padding must be below 2\*\*40"),
    ]
    if n > 1:
        yield {"padding": "causal"}, ValueError, "'causal' is for one axis"


def wrong_windows(call):
    """Arguments of pools that slide."""
    n, axis = call.ndim, AXES[call.ndim][0]
    for name in ("kernel_size", "stride", "dilation"):
        yield from numbers(name, n)
        yield from for_each_axis(name, n)
        yield {name: "1"}, TypeError, f"{name} must be an integer, got '1'"
        yield {name: b"1"}, TypeError, f"{name} must be an integer, got b'1'"
    for name in ("kernel_size", "dilation"):
        yield {name: None}, TypeError, f"{name} must be an integer, got None"
    yield from wrong_padding(n)
    yield from flags("ceil_mode")
    less = rf"padding along {axis} must be less than a window, \(kernel_size - 1\) \* dilation \+ 1 = "
    rest = (1,) * (n - 1)
    steps_over = {"kernel_size": (3, *rest), "dilation": (9, *rest), "padding": (17, *(0,) * (n - 1)), "stride": 1}
    yield from [
        (
            {"kernel_size": 9},
            ValueError,
            rf"not fit the input along {axis}: .* 9 is more than 8 \+ 0 \+ 0 = 8 .*padding=",
        ),
        ({"kernel_size": 3, "dilation": 4}, ValueError, "does not fit .* = 9 is more than 8.*kernel_size=.3,"),
        ({"kernel_size": 2**39}, ValueError, "does not fit"),
        ({"kernel_size": 2**39, "dilation": 2**39}, ValueError, "does not fit"),
        ({"kernel_size": 1, "padding": 1}, ValueError, rf"{less}1, got \(1, 1\)"),
        ({"kernel_size": 2, "dilation": 3, "padding": ((0, 4),) * n}, ValueError, rf"{less}4, got \(0, 4\)"),
        ({"padding": 2**39}, ValueError, f"{less}1, got"),
        (steps_over, ValueError, f"output 7 along {axis} would meet no element of the input: .* 7 \\* 1 - 17 = -10"),
    ]
    many = {"x": np.broadcast_to(np.float32(1), (1, *(8,) * n, 2**24)), "stride": 1, "padding": "full"}
    yield {**many, "kernel_size": 2**39}, MemoryError, r"no memory for an output of shape .*\(x.shape="


def wrong_maxima():
    yield from words("nan", "omit", "'propagate', 'ignore'")
    yield from flags("return_indices")


def wrong_means():
    yield from flags("count_include_pad")
    yield from [
        ({"divisor": 0}, ValueError, "divisor must be at least 1, got 0"),
        ({"divisor": -1}, ValueError, "divisor must be at least 1, got -1"),
        ({"divisor": 2**63}, ValueError, r"divisor must be below 2\*\*40"),
        ({"divisor": 1.0}, TypeError, "divisor must be an integer, got 1.0"),
        ({"divisor": True}, TypeError, "divisor must be an integer, got True"),
        ({"divisor": (1, 1)}, TypeError, "divisor must be an integer"),
    ]


def wrong_powers():
    for p in (0, -1, -1.5, np.inf, -np.inf, np.nan, 10**400):
        yield {"p": p}, ValueError, f"p must be above 0 and finite, got {p!r}".replace("(", r"\(").replace(")", r"\)")
    for p in ("2", None, True, 1j, (2,)):
        yield {"p": p}, TypeError, "p must be a number, got "


def wrong_output_size(call):
    yield from numbers("output_size", call.ndim)
    yield from for_each_axis("output_size", call.ndim)
    yield {"output_size": "1"}, TypeError, "output_size must be an integer, got '1'"
    yield {"output_size": ((1, 1),) * call.ndim}, TypeError, "output_size must be an integer"
    x = np.broadcast_to(np.float32(1), (1, *(8,) * call.ndim, 2**24))
    yield {"x": x, "output_size": 2**39}, MemoryError, r"no memory for an output of shape .*\(x.shape="


def wrong_arguments(call):
    yield from wrong_anywhere(call)
    if call.op in SLIDING:
        yield from wrong_windows(call)
    if call.op in ADAPTIVE:
        yield from wrong_output_size(call)
    if call.op in GLOBAL:
        yield from flags("keepdims")
    if call.op.endswith("max_pool"):
        yield from wrong_maxima()
    if call.op == "avg_pool":
        yield from wrong_means()
    if call.op == "lp_pool":
        yield from wrong_powers()


def remember(call):
    """Makes calls that are right, of which equal or similar ones that are wrong must be told apart."""
    call()
    for n in (1, np.int64(1), (1,) * call.ndim, np.ones(call.ndim, int)):
        pads = np.zeros((call.ndim, 2), int)
        call(**({"kernel_size": n, "stride": n, "dilation": n} if call.op in SLIDING else {}))
        call(**({"padding": pads} if call.op in SLIDING else {}))
        call(**({"output_size": n} if call.op in ADAPTIVE else {}))
    call(**({"divisor": 1} if call.op == "avg_pool" else {"p": 1} if call.op == "lp_pool" else {}))


@pytest.fixture
def computes_nothing(monkeypatch):
    """Returns a function that remembers a right call, and then fails the test if anything is computed."""

    def guard(call):
        remember(call)
        monkeypatch.setattr(pool_plan.PoolRecipe, "run", lambda *_: pytest.fail("computed, and then refused"))

    return guard


WRONG = [(call, *wrong) for call in CALLS for wrong in wrong_arguments(call)]


@pytest.mark.parametrize(("call", "arguments", "kind", "message"), WRONG, ids=lambda p: getattr(p, "name", ""))
def test_wrong_arguments(computes_nothing, call, arguments, kind, message):
    """Also right after the same call with an equal, but valid argument was remembered."""
    if kind is not MemoryError:
        computes_nothing(call)
    for _ in range(2):
        with pytest.raises(kind, match=f"(?s)^{call.name}: .*{message}"):
            call(**arguments)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_unknown_arguments(call):
    """Python's own errors: names that a function does not have, and too few or too many arguments."""
    taken = {
        "kernel_size": SLIDING, "stride": SLIDING, "padding": SLIDING, "dilation": SLIDING, "ceil_mode": SLIDING,
        "output_size": ADAPTIVE, "keepdims": GLOBAL, "p": ("lp_pool",), "divisor": ("avg_pool",),
        "count_include_pad": ("avg_pool",), "nan": ("max_pool", "adaptive_max_pool", "global_max_pool"),
        "return_indices": ("max_pool", "adaptive_max_pool", "global_max_pool"), "groups": (), "bias": (), "dtype": (),
    }  # fmt: skip
    for name, ops in taken.items():
        if call.op not in ops:
            with pytest.raises(TypeError, match=f"{call.name}.*unexpected keyword argument '{name}'"):
                call(**{name: 1})
    pool = function(call.op, call.ndim)
    with pytest.raises(TypeError, match=f"{call.name}.*missing .*'x'"):
        pool(**call.window)
    with pytest.raises(TypeError, match=f"{call.name}.*positional argument"):
        pool(call.x, 2, 2, 2)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_out(computes_nothing, call):
    computes_nothing(call)
    shape = (1, *(8 if call.op in SLIDING else 1,) * call.ndim, 4)
    shape = (1, 4) if call.op in GLOBAL else shape
    shown = str(shape).replace("(", r"\(").replace(")", r"\)")
    for out, kind, message in (
        (np.ones((*shape[:-1], 5), np.float32), ValueError, f"out must have shape {shown}, got "),
        (np.ones(shape), TypeError, "out must have dtype float32, got float64"),
        (np.ones(shape, np.float16), TypeError, "out must have dtype float32, got float16"),
        (np.ones(shape, ">f4"), TypeError, "out must have dtype float32, got >f4"),
        (np.ones(shape, bool), TypeError, "out must have dtype float32, got bool"),
        (np.broadcast_to(np.float32(1), shape), ValueError, "out is read-only; pass an array that can be written"),
        (np.ma.ones(shape, np.float32), TypeError, "out must be a numpy.ndarray, got MaskedArray"),
        (np.float32(1), TypeError, "out must be a numpy.ndarray, got float32"),
        ((np.ones(shape, np.float32),) * 2, TypeError, "out must be a numpy.ndarray, got tuple"),
    ):
        with pytest.raises(kind, match=f"^{call.name}: {message}"):
            call(out=out)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_out_for_integers(computes_nothing, call):
    """Maxima keep the dtype; means may be of any floating one."""
    computes_nothing(call)
    shape = (1, *(8 if call.op in SLIDING else 1,) * call.ndim, 4)
    shape = (1, 4) if call.op in GLOBAL else shape
    x = call.x.astype(np.int16)
    maxima = call.op.endswith("max_pool")
    for dtype in ("float32", "int32", "bool") if maxima else ("int16", "int64", "bool", "complex128"):
        expected = "int16" if maxima else "float64"
        with pytest.raises(TypeError, match=f"^{call.name}: out must have dtype {expected}, got {dtype}"):
            call(x=x, out=np.ones(shape, dtype))


def test_arrays_are_told_apart_by_more_than_their_bytes():
    """What is remembered of a call serves no call whose arguments only look the same in memory."""
    x = np.arange(64.0).reshape(1, 8, 8, 1)
    pads = np.array([[1, 0], [2, 0]], np.int32)  # before and after, for each axis
    each = pads.view(np.int64).ravel()  # 1 and 2: the same on both sides
    for first, second in ((pads, each), (each, pads)):
        pool_of = {}
        for padding in (first, second):
            pool_of[padding.ndim] = cyconv.max_pool2d(x, 3, stride=1, padding=padding)
        np.testing.assert_array_equal(pool_of[2], cyconv.max_pool2d(x, 3, stride=1, padding=pads.tolist()))
        np.testing.assert_array_equal(pool_of[1], cyconv.max_pool2d(x, 3, stride=1, padding=each.tolist()))
    assert cyconv.max_pool2d(x, np.int64(2)).shape == (1, 4, 4, 1)
    for wrong_size in (np.int64(2).tobytes(), np.int64(2).view(np.float64), np.array([2, 0], np.int16)):
        with pytest.raises((TypeError, ValueError), match=r"^max_pool2d: kernel_size must be"):
            cyconv.max_pool2d(x, wrong_size)


def test_numpy_integers_are_integers():
    x = np.random.default_rng(1).standard_normal((1, 9, 9, 3))
    y = cyconv.avg_pool2d(
        x, np.int8(3), stride=np.array([2, 1]), padding=np.ones((2, 2), np.uint8), dilation=np.uint64(1),
        divisor=np.int16(5), ceil_mode=np.True_, count_include_pad=np.False_, threads=np.int32(1),
    )  # fmt: skip
    expected = cyconv.avg_pool2d(x, 3, stride=(2, 1), padding=1, divisor=5, ceil_mode=True)
    assert y.tobytes() == expected.tobytes()
    assert cyconv.adaptive_avg_pool2d(x, [np.int64(2), None]).shape == (1, 2, 9, 3)
    assert cyconv.lp_pool2d(x, 3, np.float32(2)).tobytes() == cyconv.lp_pool2d(x, 3, 2).tobytes()


def test_words_are_words_in_any_case():
    x = np.random.default_rng(2).standard_normal((1, 9, 9, 3))
    for word in ("SAME", np.str_("same"), "Same"):
        y = cyconv.max_pool2d(x, 3, padding=word, layout=np.str_("nhwc"), nan="IGNORE")
        assert y.tobytes() == cyconv.max_pool2d(x, 3, padding="same", nan="ignore").tobytes()


ODD = [0, 1, -1, 2, 3, 2**15, 2**31 - 1, 2**31, 2**32 + 1, 2**39, 2**40, 2**62, 2**63 - 1, -(2**63), True, 1.5, "1",
       "same", "full", None, [], np.float64(3), (1, 2), ((1, 2), (3, 4)), np.int8(2), np.array([1, 2]), {}]  # fmt: skip


def outcome(call, *positional, **named):
    """What a call returns, or the message of its error."""
    try:
        return call(*positional, **named)
    except (TypeError, ValueError) as error:
        return str(error)


def pool_at_random(ndim):
    """Pools with random arguments; how many of them were right."""
    rng = np.random.default_rng(1)
    returned = 0
    for _ in range(6000):
        op = str(rng.choice((*SLIDING, *ADAPTIVE)))
        x = np.ones(rng.integers(0, 6, rng.integers(ndim + 1, ndim + 4)), rng.choice(["f4", "f8", "i4", "u1", "f2"]))
        names = ("stride", "padding", "dilation", "ceil_mode") if op in SLIDING else ()
        arguments = {name: ODD[rng.integers(len(ODD))] for name in names if rng.integers(4) == 0}
        window = ODD[rng.integers(len(ODD))] if rng.integers(4) == 0 else int(rng.integers(1, 4))
        arguments["layout"] = str(rng.choice(layouts(ndim)))
        shape_of = shapes.pool_output_shape if op in SLIDING else shapes.adaptive_output_shape
        shape = outcome(shape_of, x.shape, window, **arguments)
        what = f"{op}{ndim}d: {x.dtype}{x.shape} {window!r} {arguments}: {shape}"
        if isinstance(shape, tuple) and math.prod(max(n, 1) for n in shape) >= 2**16:
            continue  # of much work
        y = outcome(function(op, ndim), x, window, **arguments)
        if isinstance(shape, str):
            assert isinstance(y, str), f"{what}, but {y.shape}"
            assert y.startswith(f"{op}{ndim}d: "), f"{what}, but {y}"
        else:
            assert isinstance(y, np.ndarray), f"{what}, but {y}"
            assert y.shape == shape, f"{what}, but {y.shape}"
            assert op == "lp_pool" or np.all(y == 1), f"{what}, but {y}"
            returned += 1
    return returned


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("ndim", AXES)
def test_random_arguments_never_crash(ndim):
    """Whatever comes: an output of the right shape, or an exception where asking for that shape alone raises one.

    In a process of its own, which may come to no other end, and must come to one.
    """
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(pool_at_random, [ndim]).get(timeout=30) > 400
