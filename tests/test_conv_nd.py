"""Convolutions of one and of three axes: what is their own, and what relates them to two axes."""

import inspect
import re

import numpy as np
import pytest
from cases import CONV, FLOATS, PLAN, Case, draw_fitting, kernel_layouts, layouts, moved, reals
from processes import python

import cyconv
from cyconv.layout import AXES


def raised(case):
    """A case with one window axis more, of one element, and where that axis is in its output."""
    ndim, new = case.ndim, AXES[case.ndim + 1][0]
    layout, kernel_layout = (
        case.arguments[name].replace(AXES[ndim], AXES[ndim + 1]) for name in ("layout", "kernel_layout")
    )
    stride, dilation = ((1, *steps) for steps in case.steps)
    arguments = {
        "layout": layout, "kernel_layout": kernel_layout, "stride": stride, "dilation": dilation,
        "padding": ((0, 0), *case.pads),
    }  # fmt: skip
    x, w = np.expand_dims(case.x, layout.index(new)), np.expand_dims(case.w, kernel_layout.index(new))
    return Case(x, w, case.bias, {**case.arguments, **arguments}), layout.index(new)


@pytest.mark.parametrize("ndim", [1, 2])
def test_an_axis_of_one_changes_nothing(each_isa, ndim):
    """Not a bit."""
    for case, _ in draw_fitting(np.random.default_rng(1), 200, ndim=ndim, dtypes=FLOATS, values=reals):
        higher, axis = raised(case)
        assert np.squeeze(higher.convolved(), axis).tobytes() == case.convolved().tobytes(), str(case)


@pytest.mark.parametrize("ndim", CONV)
def test_one_sample_needs_no_batch_axis(each_isa, ndim):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((1, *(7, 8, 9)[-ndim:], 5)).astype(np.float32)
    w = rng.standard_normal((*(2, 3, 3)[-ndim:], 5, 18)).astype(np.float32)
    for batched, alone in zip(layouts(ndim)[:2], layouts(ndim)[2:], strict=True):
        arguments = {"kernel_layout": kernel_layouts(ndim)[0], "padding": "same"}
        expected = CONV[ndim](moved(x, batched), w, layout=batched, **arguments)[0]
        one = moved(x, batched)[0]
        y = CONV[ndim](one, w, layout=alone, **arguments)
        assert y.tobytes() == expected.tobytes()
        assert y.shape == expected.shape
        plan = PLAN[ndim](one.shape, w, layout=alone, **arguments)
        assert plan(one).tobytes() == expected.tobytes()


@pytest.mark.parametrize("ndim", CONV)
def test_names_of_layouts(ndim):
    """Words, and upper or lower case."""
    x, w = np.ones((1, *(4,) * ndim, 3)), np.ones((*(2,) * ndim, 3, 5))
    for k, word in enumerate(("channels_last", "channels_first")):
        name = layouts(ndim)[k]
        a, expected = moved(x, name), moved(CONV[ndim](x, w), name)
        kernel = moved(w, kernel_layouts(ndim)[k])
        for layout in (word, name, name.lower()):
            assert np.array_equal(CONV[ndim](a, kernel, layout=layout), expected)
        for other in kernel_layouts(ndim):
            y = CONV[ndim](a, moved(w, other), layout=word, kernel_layout=other.lower())
            assert np.array_equal(y, expected)


def test_conv1d_by_hand():
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0]).reshape(5, 1)
    w = np.array([1.0, 10.0, 100.0]).reshape(3, 1, 1)

    def y(**arguments):
        return cyconv.conv1d(x, w, layout="WC", **arguments).ravel().tolist()

    assert y() == [321, 432, 543]
    assert y(flip=True) == [123, 234, 345]
    assert y(padding="causal") == [100, 210, 321, 432, 543]
    assert y(padding="CAUSAL", stride=2) == [100, 321, 543]
    assert y(padding="causal", dilation=2) == [100, 200, 310, 420, 531]
    assert y(padding="causal", pad_mode="edge") == [111, 211, 321, 432, 543]
    assert y(padding="same") == [210, 321, 432, 543, 54]
    assert y(padding="full") == [100, 210, 321, 432, 543, 54, 5]
    assert y(padding=(1,)) == y(padding=1) == y(padding=((1, 1),)) == y(padding="same")
    assert y(padding=((2, 0),)) == y(padding="causal")
    assert y(stride=(2,)) == [321, 543]


def test_conv3d_by_hand():
    x = np.arange(1.0, 9).reshape(2, 2, 2, 1)
    w = (10.0 ** np.arange(8)).reshape(2, 2, 2, 1, 1)
    assert cyconv.conv3d(x, w, layout="DHWC").item() == 87654321
    assert cyconv.conv3d(x, w, layout="DHWC", flip=True).item() == 12345678
    y = cyconv.conv3d(x, w, layout="DHWC", padding=((1, 0), (0, 0), (0, 0)))
    assert y.ravel().tolist() == [43210000, 87654321]
    y = cyconv.conv3d(x, w, layout="DHWC", padding=(0, 0, 1), stride=(1, 1, 2))
    assert y.ravel().tolist() == [70503010, 8060402]


def test_a_word_for_padding_sees_each_axis():
    """Each axis has its own length, kernel, stride and dilation."""
    x, w = np.arange(210.0).reshape(1, 5, 6, 7, 1), np.ones((2, 3, 1, 1, 1))
    arguments = {"stride": (1, 2, 3), "dilation": (4, 3, 2)}
    for word, pads in {
        "same": ((2, 2), (2, 3), (0, 0)),
        "same_lower": ((2, 2), (3, 2), (0, 0)),
        "full": ((4, 4), (6, 6), (0, 0)),
    }.items():
        y = cyconv.conv3d(x, w, padding=word, **arguments)
        assert np.array_equal(y, cyconv.conv3d(x, w, padding=pads, **arguments)), word


@pytest.mark.parametrize("layout", layouts(1)[:2])
def test_causal_outputs_do_not_see_the_future(each_isa, layout):
    """Whatever comes after an element, nothing that was computed up to it changes by a bit."""
    rng = np.random.default_rng(3)
    x = moved(rng.standard_normal((2, 90, 6)).astype(np.float32), layout)
    w = rng.standard_normal((5, 6, 33)).astype(np.float32)
    axis = layout.index("W")
    for stride, dilation, pad_mode in ((1, 1, "constant"), (1, 4, "edge"), (3, 2, "constant")):
        arguments = {
            "layout": layout, "kernel_layout": "WIO", "padding": "causal", "stride": stride, "dilation": dilation,
            "pad_mode": pad_mode,
        }  # fmt: skip
        whole = cyconv.conv1d(x, w, **arguments)
        assert whole.shape[axis] == -(-90 // stride)
        for now in (0, 1, 30, 88):
            other = x.copy()
            np.moveaxis(other, axis, 0)[now + 1 :] = np.nan
            y = cyconv.conv1d(other, w, **arguments)
            past = slice(0, now // stride + 1)
            assert np.array_equal(np.moveaxis(y, axis, 0)[past], np.moveaxis(whole, axis, 0)[past])


@pytest.mark.parametrize("ndim", CONV)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_values_stay_where_they_are(each_isa, ndim, value):
    """They reach the outputs whose windows hold them, and no others."""
    size, at, kernel = (8, 9, 10)[-ndim:], (3, 5, 4)[-ndim:], (3, 2, 3)[-ndim:]
    x = np.ones((1, *size, 3), np.float32)
    x[0][at] = value
    w = np.ones((*kernel, 3, 17), np.float32)
    hit = np.zeros([n - k + 1 for n, k in zip(size, kernel, strict=True)], bool)
    hit[tuple(slice(i - k + 1, i + 1) for i, k in zip(at, kernel, strict=True))] = True
    for layout in layouts(ndim)[:2]:
        y = CONV[ndim](moved(x, layout), w, layout=layout, kernel_layout=kernel_layouts(ndim)[0])
        y = moved(y, layouts(ndim)[0], layout)
        np.testing.assert_array_equal(~np.isfinite(y[0]), np.repeat(hit[..., None], 17, -1))


@pytest.mark.parametrize("ndim", CONV)
def test_out_and_overlap(each_isa, ndim):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((2, *(5, 6, 40)[-ndim:], 8)).astype(np.float32)
    w = rng.standard_normal((*(2, 3, 3)[-ndim:], 8, 8)).astype(np.float32)
    for layout in layouts(ndim)[:2]:
        arguments = {"layout": layout, "kernel_layout": kernel_layouts(ndim)[0], "padding": "same"}
        a = np.ascontiguousarray(moved(x, layout))
        expected = CONV[ndim](a, w, **arguments)
        big = np.full([n + 2 for n in a.shape], 7, np.float32)
        inner = big[(slice(1, -1),) * a.ndim]
        assert CONV[ndim](a, w, out=inner, **arguments) is inner
        assert np.array_equal(inner, expected)
        inner[...] = 7
        assert np.all(big == 7)
        assert np.array_equal(CONV[ndim](a, w, out=a, **arguments), expected)


@pytest.mark.parametrize(
    ("size", "kernel", "channels"), [((5000,), (9,), 24), ((16, 28, 28), (3, 3, 3), 16), ((64, 3, 3), (5, 1, 1), 40)]
)
def test_same_bits_on_larger_arrays(each_isa, size, kernel, channels):
    rng = np.random.default_rng(5)
    ndim = len(size)
    x = rng.standard_normal((2, *size, channels)).astype(np.float32)
    w = rng.standard_normal((*kernel, channels, 48)).astype(np.float32)
    for layout in layouts(ndim)[:2]:
        a = np.ascontiguousarray(moved(x, layout))
        arguments = {"padding": "same", "layout": layout, "kernel_layout": kernel_layouts(ndim)[0]}
        whole = CONV[ndim](a, w, threads=1, **arguments)
        assert CONV[ndim](a, w, threads=3, **arguments).tobytes() == whole.tobytes()
        assert CONV[ndim](a[1:], w, threads=2, **arguments).tobytes() == whole[1:].tobytes()


@pytest.mark.parametrize("ndim", CONV)
def test_empty_arrays(ndim):
    size, out = (5, 6, 7)[-ndim:], (4, 5, 6)[-ndim:]
    b = np.array([1.0, -2.0, 7.0])
    w = np.ones((*(2,) * ndim, 4, 3))
    conv = CONV[ndim]
    assert conv(np.ones((0, *size, 4)), w).shape == (0, *out, 3)
    assert conv(np.ones((2, *size, 4)), w[..., :0]).shape == (2, *out, 0)
    y = conv(np.ones((2, *size, 0)), w[..., :0, :], b, activation="relu6")
    assert y.shape == (2, *out, 3)
    assert np.all(y == [1, 0, 6])
    y = conv(np.ones((1, 0, *size[1:], 4)), w, b, padding=1)
    assert y.shape == (1, 1, *(n + 1 for n in size[1:]), 3)
    assert np.all(y == b)


@pytest.mark.parametrize("ndim", CONV)
def test_plans_say_what_they_do(ndim):
    x_shape, w = (2, *(6, 7, 8)[-ndim:], 5), np.ones((*(2, 3, 3)[-ndim:], 5, 4), np.float32)
    plan = PLAN[ndim](x_shape, w, np.ones(4, np.float32), padding="same", threads=2)
    assert plan.output_shape == (*x_shape[:-1], 4)
    assert plan.params == w.size + 4
    assert plan.macs == np.prod(x_shape[:-1]) * w.size
    assert plan.threads == 2
    text = plan.explain()
    assert f"plan_conv{ndim}d: x {x_shape} {layouts(ndim)[0]} float32" in text
    assert all(f"{axis} (" in text for axis in AXES[ndim])


def functions():
    return [(n, f) for family in (CONV, PLAN) for n, f in family.items()]


@pytest.mark.parametrize(("ndim", "function"), functions(), ids=lambda f: getattr(f, "__name__", ""))
def test_docstrings_are_of_their_own_function(ndim, function):
    """Complete texts, which name the layouts and shapes of that many axes and no others."""
    text = inspect.getdoc(function)
    assert f"conv{ndim}d" in text
    for other in {1, 2, 3} - {ndim}:
        assert not re.search(rf"(?<!depthwise_)(?<!separable_)conv{other}d", text)
        assert not {layouts(other)[0], kernel_layouts(other)[1]} & set(re.findall(r"\w+", text))
    for name in inspect.signature(function).parameters:
        assert re.search(rf"^(\w+, )*{name}(, \w+)* ?(:|$)", text, re.M), name
    for section in ("Parameters", "Returns", "Raises", "See Also", "Examples"):
        assert f"\n{section}\n{'-' * len(section)}\n" in text
    assert ">>> " in text
    assert "{" not in text.split("Notes\n")[0]
    assert max(map(len, text.splitlines())) <= 120


def test_signatures_differ_by_nothing():
    for family in (CONV, PLAN):
        assert len({str(inspect.signature(f)) for f in family.values()}) == 1
    of_plan = inspect.signature(cyconv.plan_conv2d).parameters
    for name, parameter in inspect.signature(cyconv.conv2d).parameters.items():
        if name not in ("x", "out"):
            assert of_plan[name] == parameter


def test_without_docstrings():
    """`python -OO` drops them."""
    code = "import cyconv, numpy; print(cyconv.conv1d.__doc__, cyconv.conv1d(numpy.ones((1, 3, 1)), [[[2]]]).sum())"
    done = python(code, environment={"PYTHONOPTIMIZE": "2"}, text=True)
    assert done.stdout == "None 6.0\n", done.stderr
