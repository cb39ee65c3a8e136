"""The explorer in a browser against `cyconv.shapes`."""

import random
import re
from types import SimpleNamespace

import browser
import numpy as np
import onnx
import pytest

import cyconv
from cyconv import checks, layers, models, reasons, shapes
from cyconv.layout import AXES, parse_layout

pytestmark = pytest.mark.browser

OPS = {
    **{f"conv{n}d": ("conv", n) for n in (1, 2, 3)},
    "depthwise_conv2d": ("depthwise", 2),
    **{f"conv_transpose{n}d": ("transposed", n) for n in (1, 2, 3)},
    **{
        f"{family}_pool{n}d": (family, n)
        for family in ("max", "avg", "adaptive_max", "adaptive_avg")
        for n in (1, 2, 3)
    },
}
NUMBERS = ("params", "macs", "flops", "input-bytes", "weight-bytes", "output-bytes", "bytes", "im2col-bytes")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    text = (browser.DOCS / "explorer.rst").read_text(encoding="utf-8")
    return (browser.build(tmp_path_factory.mktemp("explorer"), {"index": text}) / "index.html").as_uri()


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as opened:
        yield opened


def visit(chromium, address):
    """Opens a page as if for the first time, and waits until the explorer is there."""
    from selenium.webdriver.support.ui import WebDriverWait

    chromium.get("about:blank")
    chromium.get(address)
    WebDriverWait(chromium, 20).until(lambda c: c.execute_script("return Boolean(window.cyconvExplorer)"))


# -- Configurations -------------------------------------------------------------------------------------------------


def written(value):
    """An argument as one types it into the form."""
    if value is None:
        return "none"
    if isinstance(value, tuple):
        parts = [":".join(map(str, v)) if isinstance(v, tuple) else written(v) for v in value]
        return ",".join(parts) + ("," if len(parts) == 1 else "")
    return str(value)


def any_of(rng, ndim, low, high, wrong=0.02):
    """One number, or one for each axis; seldom too small or too many."""
    if rng.random() < wrong:
        return rng.choice([-1, 0, 2**40, (1,) * (ndim + 1), (2, 0, -3)[:ndim]])
    if rng.random() < 0.5:
        return rng.randint(low, high)
    return tuple(rng.randint(low, high) for _ in range(ndim))


def some_padding(rng, ndim):
    kind = rng.random()
    if kind < 0.6:
        return rng.choice(["valid", "same", "same_lower", "full", "SAME", "causal" if ndim == 1 else "same"])
    if kind < 0.63:
        return rng.choice(["causal", "mirror", ((1, 2, 3),) * ndim, ((0, -1),) * ndim])
    if kind < 0.85:
        return any_of(rng, ndim, 0, 3)
    return tuple((rng.randint(0, 3), rng.randint(0, 3)) for _ in range(ndim))


def configuration(rng):
    """A configuration: Python values by the names of the form's fields."""
    op = rng.choice(list(OPS))
    family, ndim = OPS[op]
    axes = AXES[ndim]
    large = rng.random() < 0.1
    top = 10**6 if large else 14
    groups = rng.choice([1, 1, 1, 2, 3, 4]) if family in ("conv", "transposed") else 1
    odd = rng.random() < 0.06
    state = {
        "op": op,
        "n": rng.randint(0, 4),
        "size": any_of(rng, ndim, 1 if rng.random() < 0.97 else 0, top),
        "c": groups * rng.randint(0 if odd else 1, 5) + (rng.randint(0, 1) if odd else 0),
        "layout": rng.choice([f"N{axes}C", f"NC{axes}", f"{axes}C", f"C{axes}"]),
        "dtype": rng.choice(["float16", "float32", "float64"]),
    }
    if family.startswith("adaptive"):
        sizes = tuple(rng.choice([None, rng.randint(1, top)]) for _ in range(ndim))
        return {**state, "output": rng.choice([sizes, any_of(rng, ndim, 1, 9), None])}
    state |= {
        "kernel": any_of(rng, ndim, 1, 5),
        "stride": None if rng.random() < 0.3 else any_of(rng, ndim, 1, 4),
        "dilation": any_of(rng, ndim, 1, 3) if rng.random() < 0.4 else 1,
        "padding": some_padding(rng, ndim),
    }
    if family in ("conv", "transposed"):
        state |= {
            "filters": groups * rng.randint(0 if odd else 1, 6) + odd,
            "groups": groups,
            "bias": rng.random() < 0.5,
        }
    if family == "transposed":
        return state | transposed(rng, state, ndim)
    if family == "conv":
        return state
    if family == "depthwise":
        return {**state, "multiplier": rng.randint(0 if odd else 1, 3), "bias": rng.random() < 0.5}
    return {**state, "ceil": rng.random() < 0.5}


def transposed(rng, state, ndim):
    """What only a transposed convolution has, and often a size of the output that there is."""
    if rng.random() < 0.5:
        state = {**state, "padding": rng.choice(["valid", "same", "Same_Lower", 0, 1, ((0, 1),) * ndim])}
    extra, target, kind = 0, None, rng.random()
    if kind < 0.35:
        extra = any_of(rng, ndim, 0, 3)
    elif kind < 0.65:
        try:
            shape, _ = expected({**state, "extra": 0, "target": None})
            sizes = parse_layout("", state["layout"], ndim).split(shape)[2]
            target = tuple(rng.choice([None, n, n + rng.randint(-1, 2)]) for n in sizes)
        except (TypeError, ValueError):
            target = any_of(rng, ndim, 1, 30)
    if kind < 0.02:
        target = any_of(rng, ndim, 1, 30)
    return {"padding": state["padding"], "extra": extra, "target": target}


def address(state):
    parts = []
    for name, value in state.items():
        if name == "stride" and value is None:
            value = ""
        elif isinstance(value, bool):
            value = int(value)
        parts.append(f"{name}={written(value)}")
    return "#" + "&".join(parts)


def expected(state):
    """What `cyconv.shapes` says: shape and costs, or the error.

    Calls carry the operation's name, so that messages begin with it.
    """
    op = state["op"]
    family, ndim = OPS[op]
    data = parse_layout(op, state["layout"], ndim)
    size = state["size"] if isinstance(state["size"], tuple) else (state["size"],) * ndim
    x = data.join(state["n"], state["c"], size)
    common = {"dtype": state["dtype"], "layout": data.name}
    if family.startswith("adaptive"):
        shape = shapes.adaptive_output_shape(x, state["output"], layout=data.name)
        return shape, shapes.adaptive_cost(x, state["output"], **common)
    window = {name: state[name] for name in ("stride", "padding", "dilation")}
    if family in ("max", "avg"):
        more = {**window, "ceil_mode": state["ceil"]}
        shape = shapes.pool_output_shape(x, state["kernel"], layout=data.name, **more)
        return shape, shapes.pool_cost(x, state["kernel"], **common, **more)
    window["stride"] = 1 if state["stride"] is None else state["stride"]
    kernel = checks.per_axis(op, "kernel_size", state["kernel"], ndim, least=0)
    if family == "transposed":
        if state["filters"] % state["groups"]:  # the shape of a kernel cannot say it
            raise ValueError(f"{op}: groups={state['groups']} must divide the {state['filters']} filters")
        inner, filters = state["filters"] // state["groups"], state["c"]
        w = (*kernel, inner, filters) if data.channels_last else (filters, inner, *kernel)
        window |= {"output_padding": state["extra"], "output_size": state["target"], "groups": state["groups"]}
        shape = shapes.conv_transpose_output_shape(x, w, layout=data.name, **window)
        return shape, shapes.conv_transpose_cost(x, w, bias=state["bias"], **common, **window)
    if family == "conv":
        groups = state["groups"]
        inner, filters = state["c"] // groups, state["filters"]
    else:
        groups, inner, filters = None, state["c"], state["multiplier"]
    w = (*kernel, inner, filters) if data.channels_last else (filters, inner, *kernel)
    if family == "depthwise":
        if not data.channels_last:
            w = (state["c"] * filters, 1, *kernel)
        checks.shape(op, "x_shape", x)
        checks.shape(op, "w_shape", w)
        w, groups = shapes.depthwise(op, "w", x, w, *window.values(), data.name, None)
    shape = shapes.conv_output_shape(x, w, groups=groups, layout=data.name, **window)
    return shape, shapes.conv_cost(x, w, bias=state["bias"], groups=groups, **common, **window)


def answered(state):
    try:
        shape, cost = expected(state)
    except (TypeError, ValueError) as error:
        return {"error": f"{type(error).__name__}: {re.sub('^[a-z0-9_]+: ', state['op'] + ': ', str(error))}"}
    numbers = (
        cost.params, cost.macs, cost.flops, cost.input_bytes, cost.weight_bytes, cost.output_bytes, cost.bytes,
        cost.im2col_bytes,
    )  # fmt: skip
    return {"shape": str(shape), **{name: f"{n:,}" for name, n in zip(NUMBERS, numbers, strict=True)}}


READ = """
const names = arguments[1];
const text = (id) => document.getElementById("explorer-" + id).textContent;
return arguments[0].map((hash) => {
  cyconvExplorer.load(hash);
  const problem = document.querySelector("#cyconv-explorer .problem");
  if (!problem.hidden) return { error: problem.textContent };
  return Object.fromEntries(["shape", ...names].map((name) => [name, text(name)]));
});
"""


def test_what_the_page_says_is_what_shapes_says(chromium, page):
    rng = random.Random(5)
    states = [configuration(rng) for _ in range(1200)]
    visit(chromium, page)
    for start in range(0, len(states), 100):
        some = states[start : start + 100]
        told = chromium.execute_script(READ, [address(s) for s in some], NUMBERS)
        for state, there in zip(some, told, strict=True):
            assert there == answered(state), address(state)
    here = [answered(s) for s in states]
    refused = sum("error" in answer for answer in here)
    assert refused > 60
    assert len(here) - refused > 300
    assert {s["op"] for s, a in zip(states, here, strict=True) if "error" not in a} == set(OPS)
    back = [a for s, a in zip(states, here, strict=True) if OPS[s["op"]][0] == "transposed"]
    assert sum("error" in answer for answer in back) > 30
    assert sum("error" not in answer for answer in back) > 80


@pytest.mark.parametrize(
    "state",
    [
        {"op": "conv2d", "size": (5, 5), "kernel": 7},
        {"op": "conv2d", "groups": 2, "c": 3, "filters": 8},
        {"op": "conv2d", "padding": "causal"},
        {"op": "max_pool1d", "size": 4, "kernel": 2, "dilation": 7, "padding": 5, "layout": "NWC"},
        {"op": "max_pool2d", "size": (9, 9), "kernel": 3, "padding": 3},
        {"op": "conv_transpose2d", "groups": 2, "filters": 8},
        {"op": "conv_transpose2d", "groups": 3, "filters": 8},
        {"op": "conv_transpose2d", "padding": "full"},
        {"op": "conv_transpose2d", "padding": "same", "stride": 2, "extra": 1},
        {"op": "conv_transpose2d", "stride": 2, "extra": 1, "target": (16, None)},
        {"op": "conv_transpose2d", "size": (0, 7)},
        {"op": "conv_transpose2d", "kernel": 0},
        {"op": "conv_transpose2d", "stride": 2, "extra": 2},
        {"op": "conv_transpose2d", "stride": 2, "target": 17},
        {"op": "conv_transpose2d", "size": 1, "padding": ((0, 0), (2, 1))},
        {"op": "conv_transpose1d", "size": 4, "extra": (0, 1), "layout": "NWC"},
        {"op": "conv_transpose1d", "size": 4, "target": 0, "layout": "NWC"},
    ],
)
def test_errors_have_the_same_words(chromium, page, state):
    usual = {"n": 1, "c": 3, "size": (7, 7), "kernel": 3, "stride": None, "padding": "valid", "dilation": 1}
    usual |= {"filters": 8, "groups": 1, "bias": True, "ceil": False, "layout": "NHWC", "dtype": "float32"}
    usual |= {"extra": 0, "target": None}
    state = {**usual, **state}
    visit(chromium, page)
    (told,) = chromium.execute_script(READ, [address(state)], NUMBERS)
    assert told == answered(state)
    assert "error" in told


def test_what_is_no_number_is_refused(chromium, page):
    visit(chromium, page)
    hashes = [
        f"#op=conv2d&{name}=x" for name in ("n", "c", "size", "filters", "kernel", "stride", "dilation", "groups")
    ]
    hashes += [f"#op=conv_transpose2d&{name}=x" for name in ("filters", "extra", "target")]
    for told in chromium.execute_script(READ, hashes, NUMBERS):
        assert re.match("TypeError: conv(_transpose)?2d: .* must be an integer, got 'x'", told["error"]), told


# -- The address ----------------------------------------------------------------------------------------------------


def test_the_address_holds_the_state(chromium, page):
    rng = random.Random(6)
    visit(chromium, page)
    script = """
      const form = () => [...document.querySelectorAll("#cyconv-explorer .field:not([hidden]) [name]")]
        .map((i) => [i.name, i.type === "checkbox" ? i.checked : i.value]);
      cyconvExplorer.load(arguments[0]);
      const [first, before] = [cyconvExplorer.address(), form()];
      cyconvExplorer.load("#op=conv1d");
      cyconvExplorer.load(first);
      return [first, cyconvExplorer.address(), before, form()];
    """
    for _ in range(60):
        first, second, before, after = chromium.execute_script(script, address(configuration(rng)))
        assert first == second
        assert before == after
    chromium.execute_async_script("setTimeout(arguments[0], 400)")
    assert chromium.execute_script("return location.hash") == second


def test_a_link_opens_what_was_sent(chromium, page):
    visit(chromium, page + "#op=max_pool2d&size=25,20&c=15&kernel=2&stride=1&padding=same&layout=NCHW")
    assert chromium.find_element("id", "explorer-shape").text == "(1, 15, 25, 20)"
    chromium.execute_script("location.hash = '#op=conv2d&size=128,128&filters=24&kernel=8&stride=2'")
    chromium.execute_async_script("setTimeout(arguments[0], 100)")
    assert chromium.find_element("id", "explorer-shape").text == "(1, 61, 61, 24)"


def test_nothing_in_the_address_becomes_markup(chromium, page):
    bad = "%3Cimg%20src%3Dx%20onerror%3D%22window.bad%3D1%22%3E"
    names = ("op", "n", "c", "size", "filters", "kernel", "stride", "padding", "dilation", "groups", "layout", "dtype")
    for name in names:
        visit(chromium, f"{page}#op=conv2d&{name}={bad}")
        assert not chromium.execute_script(
            "return document.querySelectorAll('#cyconv-explorer img').length || window.bad"
        )
    chromium.execute_script(READ, ["#op=__proto__", "#op=constructor&dtype=toString&layout=%00"], NUMBERS)


# -- Calls ----------------------------------------------------------------------------------------------------------


def test_the_calls_do_what_they_say(chromium, page):
    rng = random.Random(7)
    visit(chromium, page)
    seen = dict.fromkeys(("cyconv", "keras", "onnx", "cyconv transposed", "keras transposed", "onnx transposed"), 0)
    script = """
      cyconvExplorer.load(arguments[0]);
      const text = (id) => { const e = document.querySelector(`pre#explorer-call-${id}`); return e && e.textContent; };
      return Object.fromEntries(["cyconv", "keras", "torch", "onnx"].map((id) => [id, text(id)]));
    """
    while min(seen.values()) < 40:
        state = configuration(rng)
        told = answered(state)
        if "error" in told or state["n"] == 0 or eval(told["output-bytes"].replace(",", "")) > 10**6:
            continue
        if int(told["input-bytes"].replace(",", "")) > 10**6 or "0" in re.findall(r"\d+", told["shape"]):
            continue
        calls = chromium.execute_script(script, address(state))
        back = OPS[state["op"]][0] == "transposed"
        kind = " transposed" if back else ""
        names = {}
        exec(calls["cyconv"], names)
        shape = names["shape"] if back else names["y"].shape
        assert str(shape) == told["shape"], calls["cyconv"]
        seen["cyconv" + kind] += 1
        batch = shape[:1] if state["layout"].startswith("N") else ()
        if calls["keras"]:
            names = dict(zip(("keras", "layers"), TRANSPOSED_IN_KERAS if back else OURS_AS_KERAS, strict=True))
            exec(calls["keras"].replace("import keras\nfrom keras import layers", ""), names)
            shape = names["model"].output_shape[1:]
            assert (*batch, *shape) == eval(told["shape"]), calls["keras"]
            seen["keras" + kind] += 1
        if calls["onnx"]:
            assert inferred(onnx, calls["onnx"]), calls["onnx"]
            seen["onnx" + kind] += 1


OURS_AS_KERAS = SimpleNamespace(Sequential=models.Sequential, Input=layers.Input), layers
"""Keras and its layers, as this library has them."""


def keras_transpose(ndim):
    """The shapes of ``Conv1DTranspose`` and so on of Keras 3, and what they refuse."""

    def layer(
        filters, kernel, strides=1, padding="valid", output_padding=None, dilation_rate=1, use_bias=True,
        data_format="channels_last",
    ):  # fmt: skip
        kernel, strides, dilation_rate = (checks.per_axis("", "", v, ndim) for v in (kernel, strides, dilation_rate))
        assert max(strides) == 1 or max(dilation_rate) == 1
        extra = (None,) * ndim if output_padding is None else checks.per_axis("", "", output_padding, ndim, least=0)
        assert all(e is None or e < s for e, s in zip(extra, strides, strict=True))

        def size(n, k, s, e, d):
            extent = (k - 1) * d + 1
            if padding == "valid":
                return (n - 1) * s + extent + (max(extent, s) - extent if e is None else e)
            return n * s if e is None else (n - 1) * s + extent % 2 + e

        def output_shape(shape):
            lengths = shape[2:] if data_format == "channels_first" else shape[1:-1]
            sizes = map(size, lengths, kernel, strides, extra, dilation_rate)
            return (shape[0], filters, *sizes) if data_format == "channels_first" else (shape[0], *sizes, filters)

        return output_shape

    return layer


def keras_cropping(ndim):
    """The shapes of ``Cropping1D`` and so on of Keras 3."""

    def layer(cropping, **data_format):
        assert ndim > 1 or not data_format
        pairs = (cropping,) if ndim == 1 else cropping
        first = bool(data_format)

        def output_shape(shape):
            cut = {axis + (2 if first else 1): sum(pair) for axis, pair in enumerate(pairs)}
            return tuple(n - cut[axis] if axis in cut else n for axis, n in enumerate(shape))

        return output_shape

    return layer


def keras_model(steps):
    """A model of which nothing is known but shapes."""
    shape, *steps = steps
    for step in steps:
        shape = step(shape)
    return SimpleNamespace(output_shape=shape)


TRANSPOSED_IN_KERAS = (
    SimpleNamespace(Sequential=keras_model, Input=lambda shape: (None, *shape)),
    SimpleNamespace(
        **{f"Conv{n}DTranspose": keras_transpose(n) for n in AXES},
        **{f"Cropping{n}D": keras_cropping(n) for n in AXES},
    ),
)
"""Keras and its transposed convolutions, which this library does not have."""


def inferred(onnx, code):
    """Whether ONNX's shape inference of the node gives the shape that its comment says."""
    names = {}
    exec(code, names)
    given = {name: eval(shape) for name, shape in re.findall(r"([xwby]): (\([^)]*\))", code)}
    kind = onnx.TensorProto.FLOAT
    values = {name: onnx.helper.make_tensor_value_info(name, kind, shape) for name, shape in given.items()}
    y = onnx.helper.make_tensor_value_info("y", kind, None)
    graph = onnx.helper.make_graph([names["node"]], "g", [values[n] for n in given if n != "y"], [y])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 22)])
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    onnx.checker.check_model(model)
    found = model.graph.output[0].type.tensor_type.shape.dim
    return tuple(d.dim_value for d in found) == given["y"]


@pytest.mark.torch
def test_torch_calls(chromium, page):
    import torch

    rng = random.Random(8)
    visit(chromium, page)
    for _ in range(150):
        state = {**configuration(rng), "dtype": "float32"}
        told = answered(state)
        if "error" in told or state["n"] == 0 or "0" in re.findall(r"\d+", told["shape"]):
            continue
        if int(told["output-bytes"].replace(",", "")) + int(told["input-bytes"].replace(",", "")) > 10**6:
            continue
        chromium.execute_script("cyconvExplorer.load(arguments[0])", address(state))
        call = chromium.execute_script(
            "const e = document.querySelector('pre#explorer-call-torch'); return e && e.textContent"
        )
        if not call:
            continue
        names = {"torch": torch}
        exec(call, names)
        shape = re.search(r"shape  # (\(.*\))", call).group(1)
        assert tuple(eval(call.splitlines()[-1], names)) == eval(shape), call
        assert np.prod(eval(shape)) == np.prod(eval(told["shape"]))


# -- People ---------------------------------------------------------------------------------------------------------


def test_the_keyboard_is_enough(chromium, page):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    visit(chromium, page + "#op=conv2d&size=6,6&padding=same")
    chromium.execute_script("document.getElementById('explorer-kernel').focus()")

    def press(*keys):
        ActionChains(chromium).send_keys(*keys).perform()

    def focused():
        return chromium.execute_script("return document.activeElement.id || document.activeElement.textContent")

    press(Keys.END, Keys.BACKSPACE, "5", Keys.TAB)
    assert focused() == "explorer-stride"
    press("2")
    assert chromium.find_element("id", "explorer-weights").text == "(5, 5, 3, 8)"
    assert chromium.find_element("id", "explorer-shape").text == "(1, 3, 3, 8)"
    order = []
    for _ in range(14):
        press(Keys.TAB)
        order.append(focused())
    for name in ("explorer-padding", "explorer-bias", "Copy link", "Back", "Play", "Step", "explorer-place"):
        assert name in order
    where = chromium.find_element("css selector", ".where")
    chromium.execute_script("document.getElementById('explorer-place').focus()")
    press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert where.text.startswith("Output H 0, W 2 (3 of 9)")
    play = next(b for b in chromium.find_elements("css selector", ".controls button") if b.text == "Play")
    chromium.execute_script("arguments[0].focus()", play)
    press(Keys.ENTER)
    assert play.text == "Pause"
    press(Keys.SPACE)
    assert play.text == "Play"


def test_everything_has_a_name(chromium, page):
    visit(chromium, page)
    nameless = chromium.execute_script("""
      return [...document.querySelectorAll("#cyconv-explorer :is(input, select, button)")].filter((e) =>
        !e.textContent.trim() && !e.getAttribute("aria-label") && !(e.labels && e.labels.length)
      ).map((e) => e.outerHTML);
    """)
    assert nameless == []
    assert chromium.find_elements("css selector", "#cyconv-explorer [role=status]")


def test_motion_only_for_those_who_want_it(page):
    wait = "setTimeout(() => arguments[0](document.querySelector('#explorer-place').value), 1300)"
    with browser.chromium(still=True) as opened:
        visit(opened, page)
        assert opened.execute_async_script(wait) == "0"
    with browser.chromium(still=False) as opened:
        visit(opened, page)
        assert int(opened.execute_async_script(wait)) > 0


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_it_all(page, dark):
    with browser.chromium(width=360, height=740, dark=dark) as opened:
        visit(opened, page)
        for example in range(-1, len(opened.find_elements("css selector", "#explorer-example option")) - 1):
            if example >= 0:
                opened.execute_script(
                    "const s = document.getElementById('explorer-example'); s.value = arguments[0];"
                    "s.dispatchEvent(new Event('change'))", str(example),
                )  # fmt: skip
            width = opened.execute_script("return document.documentElement.scrollWidth")
            assert width <= 360, opened.execute_script("return location.hash")
        assert opened.get_log("browser") == []


def test_nothing_is_said_in_the_console(chromium):
    assert chromium.get_log("browser") == []


def test_cyconv_is_the_one_that_is_documented(chromium, page):
    visit(chromium, page)
    ops = [o.get_attribute("value") for o in chromium.find_elements("css selector", "#explorer-op option")]
    assert ops == list(OPS)
    # A transposed convolution has a shape, but no function that computes it; the page says so in its calls.
    assert all(hasattr(cyconv, op) != op.startswith("conv_transpose") for op in ops)
    assert {op for op in ops if op.startswith("conv")} <= set(reasons.OPERATIONS)


def test_a_transposed_convolution_is_drawn_the_other_way(chromium, page):
    visit(chromium, page + "#op=conv_transpose2d&size=3,3&stride=2&padding=1&target=5,6")
    assert chromium.find_element("id", "explorer-shape").text == "(1, 5, 6, 8)"
    where = chromium.find_element("css selector", ".where")
    assert where.text == (
        "Input H 0, W 0 (1 of 9): its copy of the kernel covers H -1 to 1, W -1 to 1 of the output;"
        " 5 of its 9 elements are cut off."
    )
    heads = [h.text for h in chromium.find_elements("css selector", ".side h3")]
    assert heads == ["Input", "Output"]
    fill = "return getComputedStyle(document.querySelector(arguments[0])).fill"
    output = chromium.execute_script(fill, ".side:last-child .plane .input")
    chromium.execute_script("cyconvExplorer.load('#op=conv2d')")
    assert [h.text for h in chromium.find_elements("css selector", ".side h3")] == ["Input", "Output"]
    assert chromium.execute_script(fill, ".side:last-child .plane .done") == output
