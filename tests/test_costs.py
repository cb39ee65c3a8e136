"""Shapes of what is not all known, transposed shapes, costs and receptive fields."""

import collections
import math
import re
import types

import numpy as np
import onnx
import pytest
from cases import CONV, PLAN, draw, kernel_layouts, layouts, moved
from onnx import helper, shape_inference

import cyconv
from cyconv import shapes
from cyconv.layout import AXES

# The numbers that people ask for


@pytest.mark.parametrize(
    ("x", "w", "arguments", "y", "params", "macs"),
    [
        ((None, 128, 128, 3), (8, 8, 3, 24), {"stride": 2}, (None, 61, 61, 24), 4632, 61 * 61 * 24 * 192),
        ((None, 61, 61, 24), (8, 8, 24, 24), {"stride": 2}, (None, 27, 27, 24), 36888, 27 * 27 * 24 * 1536),
        ((None, 27, 27, 24), (8, 8, 24, 24), {"stride": 2}, (None, 10, 10, 24), 36888, 10 * 10 * 24 * 1536),
        ((None, 32, 32, 3), (3, 3, 3, 32), {"padding": "same"}, (None, 32, 32, 32), 896, 32 * 32 * 32 * 27),
        ((None, 32, 32, 3), (5, 5, 3, 1), {}, (None, 28, 28, 1), 76, 28 * 28 * 75),
        ((1, 3, 3, 3), (2, 2, 3, 1), {}, (1, 2, 2, 1), 13, 4 * 12),
        ((1, 3, 3, 3), (1, 3, 2, 2), {"layout": "channels_first"}, (1, 1, 2, 2), 13, 4 * 12),
        ((1, 28, 28, 1), (3, 3, 1, 32), {}, (1, 26, 26, 32), 320, 26 * 26 * 32 * 9),
        ((1, 26, 26, 32), (3, 3, 32, 64), {}, (1, 24, 24, 64), 18496, 24 * 24 * 64 * 288),
        ((None, 28, 28, 3), (5, 5, 3, 32), {"bias": False}, (None, 24, 24, 32), 2400, 24 * 24 * 32 * 75),
        ((None, 24, 24, 32), (5, 5, 32, 64), {"bias": False}, (None, 20, 20, 64), 51200, 20 * 20 * 64 * 800),
        ((None, 300, 300, 3), (3, 3, 3, 32), {}, (None, 298, 298, 32), 896, 298 * 298 * 32 * 27),
        ((None, 149, 149, 32), (3, 3, 32, 64), {}, (None, 147, 147, 64), 18496, 147 * 147 * 64 * 288),
        ((None, 28, 28, 1), (5, 5, 1, 32), {"padding": "same"}, (None, 28, 28, 32), 832, 28 * 28 * 32 * 25),
        ((None, 14, 14, 32), (5, 5, 32, 64), {"padding": "same"}, (None, 14, 14, 64), 51264, 14 * 14 * 64 * 800),
        ((None, 25, 20, 7), (5, 5, 7, 15), {"padding": "same"}, (None, 25, 20, 15), 2640, 25 * 20 * 15 * 175),
        ((1, 16, 1024, 1024, 1), (5, 5, 5, 1, 1), {"padding": "same"}, (1, 16, 1024, 1024, 1), 126, 2097152000),
        ((1, 16, 1024, 1024, 1), (5, 5, 5, 1, 1), {}, (1, 12, 1020, 1020, 1), 126, 1560600000),
        ((1, 1024, 1024, 16), (5, 5, 16, 1), {"padding": "same"}, (1, 1024, 1024, 1), 401, 419430400),
        ((1, 1024, 1024, 16), (5, 5, 16, 1), {}, (1, 1020, 1020, 1), 401, 416160000),
    ],
)
def test_convolutions_that_people_ask_about(x, w, arguments, y, params, macs):
    bias = arguments.pop("bias", True)
    assert shapes.conv_output_shape(x, w, **arguments) == y
    kernel_layout = "OIHW" if arguments.get("layout") else None
    assert shapes.conv_params(w, bias, kernel_layout) == params
    cost = shapes.conv_cost(tuple(n or 1 for n in x), w, bias=bias, **arguments)
    assert (cost.macs, cost.flops, cost.params) == (macs, 2 * macs, params)
    assert shapes.conv_macs(tuple(n or 1 for n in y), w, kernel_layout) == macs


@pytest.mark.parametrize(
    ("x", "arguments", "y"),
    [
        ((None, 298, 298, 32), {}, (None, 149, 149, 32)),
        ((None, 147, 147, 64), {}, (None, 73, 73, 64)),
        ((None, 28, 28, 32), {"padding": "same"}, (None, 14, 14, 32)),
        ((None, 14, 14, 64), {"padding": "same"}, (None, 7, 7, 64)),
        ((None, 25, 20, 15), {"stride": 1, "padding": "same"}, (None, 25, 20, 15)),
        ((None, 25, 20, 15), {"stride": 1}, (None, 24, 19, 15)),
        ((None, 25, 20, 15), {"stride": 2, "padding": "same"}, (None, 13, 10, 15)),
        ((None, 25, 20, 15), {"stride": 2}, (None, 12, 10, 15)),
        ((1, 4, 4, 1), {}, (1, 2, 2, 1)),
    ],
)
def test_pools_that_people_ask_about(x, arguments, y):
    assert shapes.pool_output_shape(x, 2, **arguments) == y


def test_memory_that_im2col_would_take():
    cost = shapes.conv_cost((1, 16, 1024, 1024, 1), (5, 5, 5, 1, 1), padding="same")
    assert cost.input_bytes == 64 * 2**20
    assert cost.im2col_bytes == 125 * cost.input_bytes == 8388608000


# What is not known


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("op", ["conv", "pool"])
def test_unknown_axes(op, first):
    """None goes where it came from, and changes nothing else; nor what is refused, where that does not depend on it."""
    rng = np.random.default_rng(3)
    met = collections.Counter()
    for _ in range(3000):
        ndim = int(rng.integers(1, 4))
        arguments = {
            "stride": tuple(int(n) for n in rng.integers(1, 4, ndim)),
            "dilation": tuple(int(n) for n in rng.integers(1, 3, ndim)),
            "padding": ("valid", "same", "same_lower", "full", 1, ((0, 5),) * ndim)[rng.integers(6)],
        }
        kernel = tuple(int(n) for n in rng.integers(1, 5, ndim))
        if op == "pool":
            arguments["ceil_mode"] = bool(rng.integers(2))
        x, y = [2, *(int(n) for n in rng.integers(1, 9, ndim)), 3], []
        for hidden in ([], *np.flatnonzero(rng.integers(0, 2, ndim + 1))[None]):
            partly = [None if i in hidden else n for i, n in enumerate(x)]
            partly = [partly[0], partly[-1], *partly[1:-1]] if first else partly
            named = {**arguments, "layout": "channels_first" if first else None}
            try:
                if op == "pool":
                    y.append(shapes.pool_output_shape(partly, kernel, **named))
                else:
                    w = (5, 3, *kernel) if first else (*kernel, 3, 5)
                    y.append(shapes.conv_output_shape(partly, w, **named))
            except ValueError as error:
                y.append(str(error))
        moved_hidden = [i + 1 if first and i else i for i in hidden]
        known, partly = y
        if isinstance(known, str):
            along = re.search(r"along ([DHW])", known)[1]
            concerns = AXES[ndim].index(along) + 1 in hidden
            met["refused", concerns] += 1
            # Too much padding of a pool is refused whatever the length.
            if isinstance(partly, str):
                assert re.sub(r"\(x\.shape=.*?\), ", "", partly) == re.sub(r"\(x\.shape=.*?\), ", "", known) or concerns
            else:
                assert concerns
        else:
            met["given", bool(hidden.size)] += 1
            assert partly == tuple(None if i in moved_hidden else n for i, n in enumerate(known))
    assert min(met.values()) > 50, met


def test_unknown_axes_of_adaptive_pools():
    assert shapes.adaptive_output_shape((None, 3, None, 5), (None, 2), layout="NCHW") == (None, 3, None, 2)
    assert shapes.adaptive_output_shape((None, None, 8, 3), (4, None)) == (None, 4, 8, 3)


def test_same_padding_of_an_unknown_length():
    """Known with a stride of 1, and not known otherwise."""
    assert shapes.resolve_padding("test", "same", (None, None), (4, 3), (1, 2), (1, 1)) == ((1, 2), (None, None))
    assert shapes.resolve_padding("test", "same_lower", (None,), (4,), (1,), (2,)) == ((3, 3),)
    with pytest.raises(ValueError, match="padding along H must be less than a window"):
        shapes.pool_output_shape((1, None, 4, 1), 2, padding=((2, 0), (0, 0)))


def test_whole_numbers_of_any_size():
    """And of any type."""
    n = 10**30
    assert shapes.conv_output_shape((n, n, n, 3), (3, 3, 3, n), padding="same") == (n, n, n, n)
    assert shapes.conv_cost((n, n, n, 3), (3, 3, 3, n)).macs == n * (n - 2) ** 2 * n * 27
    assert shapes.pool_cost((n, n, n, 3), 2).output_bytes == n * (n // 2) ** 2 * 3 * 4
    shape = shapes.conv_output_shape(np.array([1, 9, 9, 3]), np.array([3, 3, 3, 2]), stride=np.int64(2))
    assert shape == (1, 4, 4, 2)
    assert all(type(n) is int for n in shape)


# ONNX

_PER_MODEL = 500
_AUTO_PAD = {"valid": "VALID", "same": "SAME_UPPER", "same_lower": "SAME_LOWER"}


def inferred(nodes):
    """Shapes that ONNX infers for nodes of (operator, input shapes, attributes); None where it refuses."""
    results = []
    for start in range(0, len(nodes), _PER_MODEL):
        made, inputs = [], []
        for i, (op, given, attributes) in enumerate(nodes[start : start + _PER_MODEL]):
            names = [f"x{i}_{j}" for j in range(len(given))]
            made.append(helper.make_node(op, names, [f"y{i}"], **attributes))
            for name, shape in zip(names, given, strict=True):
                dims = [f"{name}_{a}" if n is None else n for a, n in enumerate(shape)]
                inputs.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, dims))
        model = helper.make_model(
            helper.make_graph(made, "nodes", inputs, []), opset_imports=[helper.make_opsetid("", 22)]
        )
        found = {
            v.name: tuple(d.dim_value if d.HasField("dim_value") else None for d in v.type.tensor_type.shape.dim)
            for v in shape_inference.infer_shapes(model).graph.value_info
        }
        results += [found.get(f"y{i}") for i in range(len(made))]
    return results


def drawn(rng):
    """Sizes and steps of a window, some of which do not fit."""
    ndim = int(rng.integers(1, 4))
    lengths = [None if rng.integers(12) == 0 else int(n) for n in rng.integers(0, 14, ndim)]
    kernel, stride, dilation = (
        tuple(int(n) for n in rng.choice(among, ndim))
        for among in ((1, 2, 3, 4, 5, 7), (1, 1, 2, 3, 5), (1, 1, 1, 2, 3))
    )
    pairs = tuple(tuple(int(n) for n in rng.integers(0, 5, 2)) for _ in range(ndim))
    padding = ("valid", "same", "same_lower", pairs)[rng.integers(4)]
    if isinstance(padding, str):
        attributes = {"auto_pad": _AUTO_PAD[padding]}
    else:
        attributes = {"pads": [before for before, _ in pairs] + [after for _, after in pairs]}
    batch = None if rng.integers(5) == 0 else int(rng.integers(0, 3))
    attributes |= {"strides": stride, "dilations": dilation, "kernel_shape": kernel}
    return batch, lengths, kernel, {"stride": stride, "dilation": dilation, "padding": padding}, attributes


def attempt(function, *shapes_, **arguments):
    """A shape, or the message of the refusal without the function's name."""
    try:
        return function(*shapes_, layout="channels_first", **arguments)
    except ValueError as error:
        return str(error).split(": ", 1)[1]


def check_against_onnx(cases):
    """Cases are (our shape or message, ONNX's node).

    Where both give a shape, they are equal.  ONNX's inference refuses nothing of what is drawn
    here; where it gives a size below 1, we refuse.  And we refuse some that it gives:

    * a kernel that does not fit, where its division rounds towards zero and makes one window of it;
    * channels and groups that do not go together, which it does not look at;
    * of pools, padding as wide as the window, axes without elements, and windows that step over all
      elements: there is nothing that such a window could be the maximum or the mean of.
    """
    met = collections.Counter()
    refusals = (
        "does not fit",
        "channels",
        "must be less than a window",
        "to pool, got none",
        "no element of the input",
    )
    for (ours, node), theirs in zip(cases, inferred([node for _, node in cases]), strict=True):
        assert theirs is not None
        none = min((n for n in theirs[2:] if n is not None), default=1) < 1
        if not isinstance(ours, str):
            met["equal"] += 1
            assert ours == theirs
            continue
        reason = next(r for r in refusals if r in ours)
        met[reason, "size below 1" if none else "given by ONNX"] += 1
        if reason == "does not fit" and not none:
            axis = AXES[len(theirs) - 2].index(re.search("along ([DHW])", ours)[1])
            assert theirs[2 + axis] == 1, node
            extent, padded = (int(n) for n in re.findall(r"= (\d+)", ours)[:2])
            stride = node[2]["strides"][axis]
            assert padded < extent < padded + (2 * stride - 1 if node[2].get("ceil_mode") else stride)
    return met


def test_convolutions_as_in_onnx():
    rng, cases = np.random.default_rng(5), []
    for _ in range(6000):
        batch, lengths, kernel, arguments, attributes = drawn(rng)
        groups, filters = int(rng.choice((1, 1, 2, 3))), int(rng.integers(1, 4))
        of_group, filters = int(rng.integers(1, 4)), filters * groups
        channels = of_group * groups
        if rng.integers(6) == 0:
            channels, filters = (int(n) for n in rng.integers(1, 7, 2))
        x, w = (batch, channels, *lengths), (filters, of_group, *kernel)
        node = "Conv", (x, w), {**attributes, "group": groups}
        cases.append((attempt(shapes.conv_output_shape, x, w, groups=groups, **arguments), node))
    met = check_against_onnx(cases)
    assert met["equal"] > 3000, met
    for reason in (("does not fit", "size below 1"), ("does not fit", "given by ONNX"), ("channels", "given by ONNX")):
        assert met[reason] > 100, met


def test_pools_as_in_onnx():
    rng, cases = np.random.default_rng(6), []
    for _ in range(8000):
        batch, lengths, kernel, arguments, attributes = drawn(rng)
        x, ceil_mode = (batch, int(rng.integers(0, 4)), *lengths), bool(rng.integers(2))
        node = ("MaxPool", "AveragePool")[rng.integers(2)], (x,), {**attributes, "ceil_mode": int(ceil_mode)}
        cases.append((attempt(shapes.pool_output_shape, x, kernel, ceil_mode=ceil_mode, **arguments), node))
    met = check_against_onnx(cases)
    assert met["equal"] > 4000, met
    for reason in (("does not fit", "size below 1"), ("must be less than a window", "given by ONNX")):
        assert met[reason] > 100, met


def test_transposed_convolutions_as_in_onnx():
    """Where both give a shape, they are equal, but for SAME with a kernel that is shorter than the stride.

    There ONNX's inference leaves out the zeros that its specification demands, ``length * stride``
    in all.  It gives some sizes below 1, and does not look at how large output_padding is.
    """
    rng, cases, met = np.random.default_rng(7), [], collections.Counter()
    for _ in range(3000):
        batch, lengths, kernel, arguments, attributes = drawn(rng)
        groups = int(rng.choice((1, 1, 2)))
        x, w = (batch, 2 * groups, *(n if n is None else n + 1 for n in lengths)), (2 * groups, 3, *kernel)
        if arguments["padding"] not in ("same", "same_lower"):
            more = tuple(int(n) for n in rng.integers(0, 3, len(kernel)))
            arguments, attributes = {**arguments, "output_padding": more}, {**attributes, "output_padding": more}
        node = "ConvTranspose", (x, w), {**attributes, "group": groups}
        cases.append((attempt(shapes.conv_transpose_output_shape, x, w, groups=groups, **arguments), node, arguments))
    for (ours, (_, (x, _), attributes), arguments), theirs in zip(cases, inferred([c[1] for c in cases]), strict=True):
        if isinstance(ours, str):
            met[ours[:14]] += 1
            assert ours.startswith(("output_padding must be less", "nothing is left"))
            assert ours.startswith("output") or min(n for n in theirs[2:] if n is not None) < 1
            continue
        expected = list(ours)
        if arguments["padding"] in ("same", "same_lower"):
            window = zip(attributes["kernel_shape"], attributes["strides"], attributes["dilations"], strict=True)
            for i, (k, stride, dilation) in enumerate(window, 2):
                if x[i] is not None:
                    expected[i] -= max(stride - (k - 1) * dilation - 1, 0)
        met["equal" if list(ours) == expected else "shorter"] += 1
        assert theirs == tuple(expected)
    assert met["equal"] > 1500, met
    assert min(met.values()) > 20, met


@pytest.mark.parametrize(
    ("wrong", "attributes"),
    [
        ({"stride": (1, 0)}, {"strides": (1, 0)}),
        ({"stride": (-1, 1)}, {"strides": (-1, 1)}),
        ({"dilation": (0, 1)}, {"dilations": (0, 1)}),
        ({"padding": ((0, 0), (-1, 0))}, {"pads": (0, -1, 0, 0)}),
        ({"kernel": (0, 2)}, {"kernel_shape": (0, 2)}),
    ],
)
def test_wrong_steps_are_refused_by_both(wrong, attributes):
    wrong = dict(wrong)
    kernel = wrong.pop("kernel", (2, 2))
    x, w, attributes = (1, 3, 9, 9), (4, 3, *kernel), {"kernel_shape": kernel, **attributes}
    assert inferred([("Conv", (x, w), attributes), ("MaxPool", (x,), attributes)]) == [None, None]
    for function, given in ((shapes.conv_output_shape, w), (shapes.pool_output_shape, kernel)):
        with pytest.raises(ValueError, match=r"must be at least|has no elements"):
            function(x, given, layout="NCHW", **wrong)


# Transposed convolutions


@pytest.mark.parametrize(
    ("length", "kernel", "arguments", "size"),
    [
        (3, 3, {"stride": 2}, 7),
        (3, 3, {"stride": 2, "padding": 1}, 5),
        (3, 3, {"stride": 2, "padding": 1, "output_padding": 1}, 6),
        (3, 3, {"stride": 2, "padding": 1, "output_size": 5}, 5),
        (3, 3, {"stride": 2, "padding": 1, "output_size": 6}, 6),
        (3, 3, {"stride": 2, "padding": "same"}, 6),
        (3, 3, {"stride": 2, "padding": "SAME", "output_size": 5}, 5),
        (3, 2, {"stride": 3, "padding": "same"}, 9),
        (3, 3, {"stride": 1, "padding": "same", "dilation": 2}, 3),
        (4, 4, {"padding": ((1, 2),)}, 4),
        (4, 4, {"dilation": 3, "output_padding": 2}, 15),
        (None, 4, {"dilation": 3, "output_padding": 2}, None),
        (None, 4, {"stride": 2, "output_size": 7}, 7),
        (10**20, 4, {"stride": 2, "padding": "same"}, 2 * 10**20),
    ],
)
def test_transposed_sizes(length, kernel, arguments, size):
    y = shapes.conv_transpose_output_shape((1, length, 5), (kernel, 2, 5), **arguments)
    assert y == (1, size, 2)
    y = shapes.conv_transpose_output_shape((5, length), (5, kernel, 2), kernel_layout="OWI", layout="CW", **arguments)
    assert y == (2, size)


def test_transposed_shapes_undo_those_of_convolutions():
    """Given the sizes that there were, or what is left over at the end of them."""
    rng = np.random.default_rng(8)
    undone = 0
    while undone < 800:
        ndim = int(rng.integers(1, 4))
        case = draw(rng, ndim, dtypes=("float32",))
        names = ("stride", "padding", "dilation", "groups", "layout", "kernel_layout")
        arguments, x, w = {k: case.arguments[k] for k in names}, case.x.shape, case.w.shape
        padding = arguments["padding"]
        if padding in ("full", "causal"):
            continue
        try:
            y = shapes.conv_output_shape(x, w, **arguments)
        except ValueError:
            continue
        undone += 1
        lengths, outs = ([shape[arguments["layout"].index(axis)] for axis in AXES[ndim]] for shape in (x, y))
        kernel = [w[arguments["kernel_layout"].index(axis)] for axis in AXES[ndim]]
        assert shapes.conv_transpose_output_shape(y, w, output_size=lengths, **arguments) == x
        if padding not in ("same", "same_lower"):
            columns = zip(lengths, outs, kernel, *case.steps, case.pads, strict=True)
            left = tuple(n + sum(pads) - (out - 1) * s - (k - 1) * d - 1 for n, out, k, s, d, pads in columns)
            assert shapes.conv_transpose_output_shape(y, w, output_padding=left, **arguments) == x


@pytest.mark.parametrize(
    ("x", "w", "arguments", "error", "message"),
    [
        ((1, 3, 5), (3, 2, 4), {}, ValueError, r"w has 4 filters \(O\) but x has 5 channels.*check layout="),
        ((1, 3, 5), (3, 2, 5), {"groups": 2}, ValueError, "groups=2 must divide the 5 channels of x"),
        ((1, 0, 5), (3, 2, 5), {}, ValueError, "x has no elements along W"),
        ((1, 3, 5), (0, 2, 5), {}, ValueError, "w has no elements along W"),
        ((1, 3, 5), (3, 2, 5), {"padding": "full"}, ValueError, "must be one of 'valid', 'same', .* got 'full'"),
        ((1, 3, 5), (3, 2, 5), {"padding": -1}, ValueError, "padding must be at least 0, got -1"),
        ((1, 3, 5), (3, 2, 5), {"output_padding": -1}, ValueError, "output_padding must be at least 0, got -1"),
        (
            (1, 3, 5),
            (3, 2, 5),
            {"output_padding": 1},
            ValueError,
            "less than the stride or the dilation, 1 along W, got 1",
        ),
        (
            (1, 3, 5),
            (3, 2, 5),
            {"stride": 2, "padding": "same", "output_padding": 1},
            ValueError,
            r"output_padding=\(1,\) contradicts padding='same'",
        ),
        (
            (1, 3, 5),
            (3, 2, 5),
            {"stride": 2, "output_size": 7, "output_padding": 1},
            ValueError,
            r"output_padding=\(1,\) contradicts output_size=\(7,\)",
        ),
        (
            (1, 3, 3, 5),
            (3, 3, 2, 5),
            {"stride": 2, "padding": 1, "output_size": 7},
            ValueError,
            "output_size must be between 5 and 6 along H, got 7",
        ),
        (
            (1, 3, 5),
            (3, 2, 5),
            {"padding": 3},
            ValueError,
            r"nothing is left of the output along W: .* = \(3 - 1\) \* 1 - 3 - 3 \+ \(3 - 1\) \* 1 \+ 1 \+ 0 = -1 ",
        ),
        ((1, 3, 5), (3, 2, 5), {"output_size": 2.0}, TypeError, "output_size must be an integer, got 2.0"),
        ((1, 3, None), (3, 2, 5), {}, ValueError, "channels of x must be known"),
    ],
)
def test_errors_of_transposed_shapes(x, w, arguments, error, message):
    with pytest.raises(error, match=f"^conv_transpose_output_shape: .*{message}"):
        shapes.conv_transpose_output_shape(x, w, **arguments)


# Costs


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_costs_are_those_of_the_arrays(ndim):
    rng = np.random.default_rng(ndim)
    counted = 0
    while counted < 40:
        case = draw(rng, ndim)
        arguments = {k: v for k, v in case.arguments.items() if k not in ("pad_mode", "flip", "activation")}
        dtype = case.x.dtype
        try:
            cost = shapes.conv_cost(case.x.shape, case.w.shape, bias=case.bias is not None, dtype=dtype, **arguments)
        except ValueError:
            continue
        counted += 1
        plan = case.planned()
        y = plan(case.x)
        params = [case.w] if case.bias is None else [case.w, case.bias]
        assert (cost.macs, cost.flops, cost.params) == (plan.macs, plan.flops, plan.params)
        assert (cost.input_bytes, cost.output_bytes) == (case.x.nbytes, y.nbytes)
        assert cost.weight_bytes == sum(a.size for a in params) * dtype.itemsize
        assert cost.bytes == cost.input_bytes + cost.weight_bytes + cost.output_bytes
        assert cost.intensity == cost.flops / cost.bytes
        last = layouts(ndim)[0] if case.arguments["layout"].startswith("N") else layouts(ndim)[2]
        around = [(0, 0)] * (case.x.ndim - ndim - 1) + [*case.pads, (0, 0)]
        padded = np.pad(moved(case.x, last, case.arguments["layout"]), around)
        stride, dilation = case.steps
        kernel = [case.w.shape[case.arguments["kernel_layout"].index(a)] for a in AXES[ndim]]
        extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        axes = range(padded.ndim - 1 - ndim, padded.ndim - 1)
        windows = np.lib.stride_tricks.sliding_window_view(padded, extents, tuple(axes))
        at = [slice(None)] * windows.ndim
        for i, axis in enumerate(axes):
            at[axis], at[padded.ndim + i] = slice(None, None, stride[i]), slice(None, None, dilation[i])
        assert cost.im2col_bytes == windows[tuple(at)].nbytes


@pytest.mark.parametrize(("length", "out"), [(7, 3), (3, 5), (12, 4), (1, 6), (12, 9), (5, 1)])
def test_costs_of_pools(length, out):
    windows = sum(end - start for start, end in (shapes.pool_window(i, length, out) for i in range(out)))
    cost = shapes.adaptive_cost((2, length, 3), out, dtype="int8", result_dtype="float64")
    assert cost.flops == 2 * windows * 3
    assert (cost.macs, cost.params, cost.weight_bytes) == (0, 0, 0)
    assert (cost.input_bytes, cost.output_bytes) == (2 * length * 3, 2 * out * 3 * 8)
    same = shapes.pool_cost((2, length, 3), length, dtype="float16")
    assert same.flops == 2 * length * 3
    assert (same.output_bytes, same.bytes) == (2 * 3 * 2, 2 * 3 * 2 * (length + 1))


def test_costs_of_transposed_convolutions():
    """As many multiply-adds and weights as the convolution that they undo."""
    forth = shapes.conv_cost((2, 4, 9, 7), (6, 2, 3, 4), groups=2, stride=2, bias=False, layout="NCHW")
    back = shapes.conv_transpose_cost((2, 6, 4, 2), (6, 2, 3, 4), groups=2, stride=2, bias=False, layout="NCHW")
    assert (back.macs, back.params, back.im2col_bytes) == (forth.macs, forth.params, forth.im2col_bytes)
    with_bias = shapes.conv_transpose_cost((2, 6, 4, 2), (6, 2, 3, 4), groups=2, stride=2, layout="NCHW")
    assert with_bias.params == back.params + 4


def test_total_cost():
    costs = [shapes.conv_cost((1, 8, 8, 3), (3, 3, 3, 4)), shapes.pool_cost((1, 6, 6, 4), 2)]
    total = shapes.total_cost(costs)
    assert total.params == 112
    assert total.bytes == total.input_bytes + total.weight_bytes + total.output_bytes
    assert total.intensity == total.flops / total.bytes
    assert shapes.total_cost([]).bytes == 0


def test_costs_of_nothing():
    cost = shapes.conv_cost((0, 8, 8, 3), (3, 3, 3, 0), bias=False)
    assert set(cost) == {0}
    assert "0" in str(cost)


@pytest.mark.parametrize("n", [0, 1, 1023, 1024, 1536, 2**20, 3 * 2**30, 5 * 2**100])
def test_sizes_in_words(n):
    text = shapes.binary_size(n)
    if n < 1024:
        assert text == ""
    else:
        number, unit = text.split()
        assert float(number.replace(",", "")) * 1024 ** ("KMGTPEZY".index(unit[0]) + 1) == n


@pytest.mark.parametrize(
    ("function", "arguments", "error", "message"),
    [
        ("conv_cost", ((None, 8, 8, 3), (3, 3, 3, 4)), ValueError, r"got None in x_shape=.*say 1 for one sample"),
        ("conv_cost", ((1, 8, 8, 3), (3, 3, 3)), ValueError, r"x must have 3 axes \(NWC\), got 4"),
        ("conv_cost", ((1, 8, 8, 3), (3,)), ValueError, r"w_shape must have 3 to 5 axes, got \(3,\)"),
        ("conv_cost", ((1, 8, 8, 3), 3), TypeError, "w_shape must be a sequence of int, got 3"),
        ("conv_output_shape", ((1, 8, 8.0, 3), (3, 3, 3, 4)), TypeError, "x_shape must be an integer, got 8.0"),
        ("conv_output_shape", ((1, 8, 8, None), (3, 3, 3, 4)), ValueError, "channels of x must be known, got None"),
        ("conv_output_shape", ((1, 8, 8, 3), (3, 3, None, 4)), TypeError, "w_shape must be an integer, got None"),
        ("conv_output_shape", ((1, -8, 8, 3), (3, 3, 3, 4)), ValueError, "x_shape must be at least 0, got -8"),
        ("conv_params", ((3, 3),), ValueError, "w_shape must have 3 to 5 axes"),
        ("conv_params", ((3, 3, 3, 4), 1), TypeError, "bias must be True or False, got 1"),
        ("conv_params", ((3, 3, 3, 4), True, "NHWC"), ValueError, "kernel_layout must be 'HWIO'"),
        ("conv_macs", ((1, 8, 8, 4), (3, 3, 3, 4), "HWOI"), ValueError, "kernel_layout must be 'HWIO'"),
        ("pool_cost", ((None, 8, 8, 3), 2), ValueError, "got None in x_shape"),
        ("pool_cost", ((1, 8, 8, 3), 9), ValueError, "the kernel does not fit the input along H"),
        ("adaptive_cost", ((1, 8, None, 3), 2), ValueError, "got None in x_shape"),
        ("conv_transpose_cost", ((None, 8, 8, 3), (3, 3, 4, 3)), ValueError, "got None in x_shape"),
    ],
)
def test_errors_of_costs(function, arguments, error, message):
    with pytest.raises(error, match=f"^{function}: .*{message}"):
        getattr(shapes, function)(*arguments)


@pytest.mark.parametrize("dtype", ["flot32", complex, "U3", "M8[s]", 7])
def test_wrong_dtypes(dtype):
    with pytest.raises(TypeError, match=r"^conv_cost: dtype must"):
        shapes.conv_cost((1, 8, 8, 3), (3, 3, 3, 4), dtype=dtype)


# Receptive fields


def outputs(x, layers):
    """What a stack of convolutions with weights of one makes of samples of one channel."""
    for layer in layers:
        steps = {name: value for name, value in layer.items() if name != "kernel_size"}
        x = CONV[x.ndim - 2](x, np.ones((*layer["kernel_size"], 1, 1)), threads=1, **steps)
    return x


def draw_layers(rng, ndim):
    most = {1: 4, 2: 3, 3: 2}[ndim]
    for _ in range(int(rng.integers(1, most + 1))):
        kernel = tuple(int(n) for n in rng.choice((1, 2, 3, 3, 4), ndim))
        pairs = tuple(tuple(int(n) for n in rng.integers(0, 3, 2)) for _ in range(ndim))
        yield {
            "kernel_size": kernel,
            "stride": tuple(int(n) for n in rng.choice((1, 1, 2, 3), ndim)),
            "dilation": tuple(int(n) for n in rng.choice((1, 1, 2), ndim)),
            "padding": ("valid", "same", "same_lower", "full", 1, pairs)[rng.integers(6)],
        }


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_receptive_fields_are_what_outputs_depend_on(ndim):
    """One element of the input after the other is changed, and the outputs that change with it are noted."""
    rng = np.random.default_rng(10 + ndim)
    stacks = within = 0
    while stacks < {1: 60, 2: 40, 3: 15}[ndim]:
        lengths = tuple(int(n) for n in rng.integers(*{1: (20, 60), 2: (9, 17), 3: (6, 10)}[ndim], ndim))
        layers = list(draw_layers(rng, ndim))
        x = rng.integers(-9, 9, (1, *lengths, 1)).astype(float)
        try:
            base = outputs(x, layers)[0, ..., 0]
        except ValueError:
            continue
        whole = outputs(np.ones((1, *lengths, 1)), layers)[0, ..., 0] == math.prod(
            k for layer in layers for k in layer["kernel_size"]
        )
        if not whole.any():
            continue
        stacks += 1
        changed = outputs(x + np.eye(math.prod(lengths)).reshape(-1, *lengths, 1), layers)[..., 0] != base
        changed = changed.reshape(*lengths, *base.shape)
        field = shapes.receptive_field(layers, lengths)
        for axis in range(ndim):
            others = tuple(a for a in range(ndim) if a != axis)
            seen = changed.any(axis=others)
            first = np.argmax(seen, axis=0)
            last = lengths[axis] - 1 - np.argmax(seen[::-1], axis=0)
            unit = np.arange(base.shape[axis]).reshape([-1 if a == axis else 1 for a in range(ndim)])
            centre = field.start[axis] + unit * field.jump[axis]
            half = (field.size[axis] - 1) / 2
            # Units that no padding plays a part in see exactly their field, the others a part of it.
            assert np.all((first == centre - half)[whole])
            assert np.all((last == centre + half)[whole])
            some = seen.any(axis=0)
            assert np.all((first >= centre - half)[some])
            assert np.all((last <= centre + half)[some])
        within += np.count_nonzero(whole)
    assert within > 100


def test_layers_in_all_their_forms():
    first, second = ((3, 4), (2, 2), 1, "valid"), ((3, 4), (1, 2), (1, 1), (1, 1))
    names = ("kernel_size", "stride", "dilation", "padding")
    keras = ("pool_size", "strides", "dilation_rate", "padding")
    field = shapes.receptive_field([first, second])
    assert field == ((3 + 2 * 2, 4 + 3 * 2), (2, 4), (1 + (1 - 1) * 2, 1.5 + (1.5 - 1) * 2))
    for form in (
        lambda layer: dict(zip(names, layer, strict=True)),
        lambda layer: dict(zip(keras, layer, strict=True)),
        lambda layer: types.SimpleNamespace(**dict(zip(names, layer, strict=True))),
        lambda layer: types.SimpleNamespace(name="conv", **dict(zip(keras, layer, strict=True))),
        list,
    ):
        assert shapes.receptive_field([form(first), form(second)]) == field
    assert shapes.receptive_field([]) == ((1,), (1,), (0,))
    assert shapes.receptive_field([{"padding": 2}]) == ((1,), (1,), (-2,))
    assert shapes.receptive_field([{"pool_size": (2, 3), "strides": None}]).jump == (2, 3)


def test_same_padding_needs_the_size_of_the_input_only_with_a_stride():
    stack = [(3, 1, 1, "same"), (2, 2)]
    assert shapes.receptive_field(stack) == ((4,), (2,), (0.5,))
    stack.append((3, 2, 1, "same"))
    assert shapes.receptive_field(stack) == ((8,), (4,), (None,))
    assert shapes.receptive_field(stack, input_size=12).start == (2.5,)
    assert shapes.receptive_field(stack, input_size=14).start == (0.5,)


def test_a_known_network():
    """The convolutions and pools of VGG-16: 212 pixels, 32 apart."""
    blocks = [*[(3, 1, 1, 1)] * 2, (2, 2)] * 2 + [*[(3, 1, 1, 1)] * 3, (2, 2)] * 3
    assert shapes.receptive_field(blocks, (224, 224)) == ((212, 212), (32, 32), (15.5, 15.5))


@pytest.mark.parametrize(
    ("layers", "size", "error", "message"),
    [
        (3, None, TypeError, "layers must be a sequence of layers, got 3"),
        ({"kernel_size": 3}, None, TypeError, "layers must be a sequence of layers"),
        ([3], None, TypeError, "layer 0 must be a dict, a tuple of 1 to 4 or an object"),
        ([(3,), object()], None, TypeError, "layer 1 must be .*leave out layers that act on each element"),
        ([(3, 1, 1, 0, 1)], None, TypeError, "layer 0 must be"),
        ([{"kernel": 3}], None, ValueError, "layer 0 has 'kernel', expected 'kernel_size'"),
        ([(3,), (0,)], None, ValueError, "layer 1: kernel_size must be at least 1, got 0"),
        ([((3, 3),), ((3, 3, 3),)], None, ValueError, "layer 1: kernel_size must be an int or 2 of them"),
        ([((3,) * 4,)], None, ValueError, "layers must have 1 to 3 axes, got 4"),
        ([(3, 1, 1, "sam")], None, ValueError, "layer 0: padding must be one of"),
        ([(3,), (3,)], 4, ValueError, "layer 1: the kernel does not fit the input along axis 0: .* 3 is more than 2"),
        ([(3,)], (4, 0), ValueError, "input_size must be at least 1, got 0"),
    ],
)
def test_errors_of_receptive_fields(layers, size, error, message):
    with pytest.raises(error, match=f"^receptive_field: {message}"):
        shapes.receptive_field(layers, size)


# Depthwise kernels


@pytest.mark.parametrize("names", kernel_layouts(2))
@pytest.mark.parametrize("channels", [0, 1, 4])
def test_depthwise_kernels_as_groups(names, channels):
    """What the shape says is what the function computes."""
    w = (3, 2, channels, 5) if names == "HWIO" else tuple({"O": 5 * channels, "I": 1, "H": 3, "W": 2}[a] for a in names)
    x = np.ones((2, 6, 7, channels), np.float32)
    grouped, groups = shapes.depthwise("test", "w", x.shape, w, 1, "valid", 1, None, names)
    y = cyconv.depthwise_conv2d(x, np.ones(w, np.float32), kernel_layout=names)
    assert shapes.conv_output_shape(x.shape, grouped, groups=groups, kernel_layout=names) == y.shape
    assert grouped[names.index("O")] == 5 * channels


def test_plans_use_the_same_numbers():
    plan = PLAN[2]((1, 9, 9, 4), np.ones((3, 3, 2, 6), np.float32), np.ones(6, np.float32), groups=2)
    cost = shapes.conv_cost((1, 9, 9, 4), (3, 3, 2, 6), groups=2)
    assert (plan.macs, plan.params, plan.output_shape) == (cost.macs, cost.params, (1, 7, 7, 6))
