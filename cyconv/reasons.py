"""Why a result has its shape and what it costs: the text behind `cyconv.explain`."""

import difflib
import inspect
import math
from typing import NamedTuple

from cyconv import checks, shapes
from cyconv.explanation import Explanation, Picture, Section, listed
from cyconv.layout import kernel_order, parse_kernel_layout, parse_layout
from cyconv.plan import ACTIVATIONS, PAD_MODES
from cyconv.wording import (
    LINE,
    WORDS,
    by,
    count,
    drawing,
    make_axes,
    not_drawn,
    of_axes,
    one_or_all,
    sized,
    sliding,
    step,
    times,
)

__all__ = ["OPERATIONS", "explain"]


def explain(op, x_shape, *kernel, **arguments):
    """The whole way from the arguments of an operation to the shape and the cost of its result.

    Parameters
    ----------
    op : str
        A function of this package: ``"conv1d"``, ``"conv2d"``, ``"conv3d"``, ``"depthwise_conv2d"``,
        ``"separable_conv2d"``, or a pool such as ``"max_pool2d"``, ``"adaptive_avg_pool1d"`` or
        ``"global_max_pool3d"``.  Also ``"conv_transpose1d"``, ``"conv_transpose2d"`` and
        ``"conv_transpose3d"``, whose shapes `cyconv.shapes.conv_transpose_output_shape` gives.
    x_shape : sequence of int or None
        Shape of the input, in its layout; None for the batch is a number of samples that is not known.
    *kernel : sequence of int, or int
        What the operation has as its second argument: the shape of the kernel (of both kernels of a
        separable convolution), the `kernel_size` of a pool, the `output_size` of an adaptive pool,
        nothing for a global pool.
    **arguments
        The other arguments of the operation by name, with its defaults.  For convolutions `bias` is a
        bool (True unless told otherwise), and all have a `dtype` (``"float32"``), on which the bytes
        depend.  Arguments that change neither shape, meaning nor cost (`threads`, `algorithm`,
        `return_indices`) are not looked at.

    Returns
    -------
    cyconv.explanation.Explanation
        Print it, or take its ``latex()``, ``steps``, ``output_shape`` or ``cost``.  Notebooks show it
        as HTML.

    Raises
    ------
    TypeError, ValueError
        If there is no such operation or argument, and as the operation itself.

    See Also
    --------
    cyconv.shapes : the numbers alone.

    Examples
    --------
    >>> import cyconv
    >>> e = cyconv.explain("conv2d", (1, 128, 128, 3), (8, 8, 3, 24), stride=2)
    >>> e
    <conv2d: (1, 128, 128, 3) with (8, 8, 3, 24) gives (1, 61, 61, 24)>
    >>> print(*[step for step in e.steps if step.name == "parameters"])
    params = filters * (kernel_H * kernel_W * channels + 1) = 24 * (8 * 8 * 3 + 1) = 24 * 193 = 4,632
    >>> e.cost.macs
    17146368

    ``print(e)`` prints all of it, with a drawing of the windows where they are few.
    """
    if not isinstance(op, str):
        raise TypeError(f"explain: op must be a string such as 'conv2d', got {op!r}")
    if op not in _ABOUT:
        close = difflib.get_close_matches(op, OPERATIONS, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"explain: op must be a convolution or a pool such as 'conv2d', got {op!r}{hint}")
    about, ndim = _ABOUT[op]
    function = f"explain: {op}"
    return about(function, op, ndim, **_bind(function, about, (x_shape, *kernel), arguments))


def _bind(function, about, given, arguments):
    """The arguments of an operation by name."""
    own = list(inspect.signature(about).parameters.values())[3:]
    names = [p.name for p in own]
    first = [p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    for name in arguments:
        if name not in names:
            close = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(names)}"
            raise TypeError(f"{function} has no argument {name!r}; {hint}")
    by_place = dict(zip(first, given, strict=False))
    twice = sorted(set(by_place) & set(arguments))
    if len(given) > len(first) or twice:
        raise TypeError(
            f"{function} takes {listed(first)}, each once, and all else by name; got {len(given)} by place"
            + (f" and {listed(twice)} again" if twice else "")
        )
    values = {**by_place, **arguments}
    missing = [p.name for p in own if p.default is p.empty and p.name not in values]
    if missing:
        raise TypeError(f"{function} needs {listed(missing)} as well")
    return values


# Shapes of inputs


def _input(function, x_shape, layout, ndim):
    """The layout and the checked shape of an input, of which only the batch may be None."""
    data = parse_layout(function, layout, ndim)
    known = x_shape
    if checks.is_sequence(x_shape):
        known = [1 if n is None and i == 0 and data.batched else n for i, n in enumerate(x_shape)]
        if None in known:
            raise ValueError(
                f"{function}: only the batch may be None, got x_shape={tuple(x_shape)} in {data.name};"
                " cyconv.shapes says what follows from less"
            )
    known = checks.shape(function, "x_shape", known)
    checks.rank(function, "x", known, data)
    return data, (None, *known[1:]) if data.batched and x_shape[0] is None else known


def _one_sample(shape):
    """A shape of one sample, if it is of samples whose number is not known."""
    return tuple(1 if n is None else n for n in shape)


def _said(words, data, x_shape):
    """An input in words: "1 picture of 128 x 128 pixels with 3 channels (...) meets"."""
    batch, channels, lengths = data.split(x_shape)
    things = f"{words.thing.capitalize()}s" if None in x_shape else count(1 if batch is None else batch, words.thing)
    size = f"{sized(lengths, words.unit)} with {count(channels, 'channel')}"
    return f"{things} of {size} (x of shape {x_shape}, {data.name})"


def _each(words, shape):
    return f" for each {words.thing}" if None in shape else ""


def _numbers(data, x_shape, axes, **more):
    """What symbols stand for in formulas of no axis."""
    batch, channels, _ = data.split(_one_sample(x_shape))
    numbers = {"batch": 1 if batch is None else batch, "channels": channels, **more}
    for a in axes:
        numbers |= {f"kernel_{a.name}": a.kernel, f"length_{a.name}": a.length, f"out_{a.name}": a.out}
    return numbers


def _moved(cost, taken, result, *steps):
    """What is read and written, of which there are such steps."""
    other = f", and one of the output ({result}) {count(result.itemsize, 'byte')}" if result != taken else ""
    parts = {s.symbol: s.value for s in steps}
    yield f"A number of the input ({taken}) takes {count(taken.itemsize, 'byte')}{other}. This is read and written:"
    yield tuple(steps)
    yield (step("bytes read and written", "bytes", " + ".join(parts), cost.bytes, parts),)
    if cost.bytes:
        size = shapes.binary_size(cost.bytes)
        yield f"That is {size}. For each byte there are so many operations:" if size else "Operations for each byte:"
        numbers = {"flops": cost.flops, "bytes": cost.bytes}
        yield (step("operations per byte", "intensity", "flops / bytes", cost.intensity, numbers),)


# Convolutions


class _Conv(NamedTuple):
    """A convolution of checked arguments; `multiplier` is None unless it is depthwise."""

    words: object
    data: object
    names: str
    x_shape: tuple
    w_shape: tuple
    y_shape: tuple
    axes: list
    padding: object
    pad_mode: str
    groups: int
    multiplier: object
    bias: bool
    dtypes: tuple
    cost: object

    @property
    def channels(self):
        return self.data.split(self.x_shape)[1]

    @property
    def seen(self):
        """Channels that a filter sees."""
        return self.w_shape[self.names.index("I")]

    @property
    def filters(self):
        return self.w_shape[self.names.index("O")]

    @property
    def kernel(self):
        return [a.kernel for a in self.axes]

    @property
    def terms(self):
        """Weights of a filter, which are the products of a sum."""
        return math.prod(self.kernel) * self.seen

    @property
    def of_filter(self):
        """The same as a formula."""
        kernel = of_axes(self.data.axes, "kernel")
        if self.multiplier is not None:
            return kernel
        return times(kernel, "channels" if self.groups == 1 else "channels / groups")

    @property
    def of_filters(self):
        """The number of filters as a formula."""
        return "filters" if self.multiplier is None else "channels * multiplier"

    @property
    def each(self):
        return _each(self.words, self.x_shape)

    def step(self, name, symbol, formula, value, **more):
        """A step of no axis."""
        own = {"filters": self.filters, "groups": self.groups, "multiplier": self.multiplier, **more}
        return step(name, symbol, formula, value, _numbers(self.data, self.x_shape, self.axes, **own))


def _rank(function, name, w_shape, ndim, names):
    """A checked shape of a kernel."""
    w_shape = checks.shape(function, name, w_shape)
    if len(w_shape) != ndim + 2:
        raise ValueError(f"{function}: {name} must have {ndim + 2} axes ({names}), got {w_shape}")
    return w_shape


def _make(
    function, data, x_shape, w_shape, bias, dtype, stride, padding, dilation, groups, kernel_layout, pad_mode,
    multiplier=None,
):  # fmt: skip
    """A `_Conv` of arguments as a caller gives them."""
    ndim = len(data.axes)
    names = parse_kernel_layout(function, kernel_layout, data)
    stride = checks.per_axis(function, "stride", stride, ndim)
    dilation = checks.per_axis(function, "dilation", dilation, ndim)
    groups = checks.integer(function, "groups", groups, 1)
    bias = bias is not None and checks.flag(function, "bias", bias)
    pad_mode = checks.choice(function, "pad_mode", pad_mode, tuple(PAD_MODES))
    dtypes = shapes.dtypes(function, dtype)
    y_shape, pads = shapes.convolution(
        function, x_shape, w_shape, data, names, stride, padding, dilation, groups
    )  # fmt: skip
    cost = shapes.conv_cost(
        _one_sample(x_shape), w_shape, bias=bias, dtype=dtypes[0], stride=stride, padding=padding, dilation=dilation,
        groups=groups, layout=data.name, kernel_layout=names,
    )  # fmt: skip
    kernel = [w_shape[i] for i in kernel_order(names)[2:]]
    lengths, outs = data.split(x_shape)[2], data.split(y_shape)[2]
    return _Conv(
        WORDS[ndim], data, names, x_shape, w_shape, y_shape,
        make_axes(data.axes, lengths, kernel, stride, dilation, pads, outs),
        padding, pad_mode, groups, multiplier, bias, dtypes, cost,
    )  # fmt: skip


def _conv(
    function, op, ndim, x_shape, w_shape, *, bias=True, dtype="float32", stride=1, padding="valid", dilation=1,
    groups=1, layout=None, kernel_layout=None, pad_mode="constant", flip=False, activation=None, algorithm=None,
    threads=None,
):  # fmt: skip
    data, x_shape = _input(function, x_shape, layout, ndim)
    w_shape = _rank(function, "w_shape", w_shape, ndim, parse_kernel_layout(function, kernel_layout, data))
    conv = _make(
        function, data, x_shape, w_shape, bias, dtype, stride, padding, dilation, groups, kernel_layout, pad_mode
    )
    return _convolution(function, op, conv, w_shape, flip, activation)


def _depthwise_conv(
    function, op, ndim, x_shape, w_shape, *, bias=True, dtype="float32", stride=1, padding="valid", dilation=1,
    layout=None, kernel_layout=None, pad_mode="constant", flip=False, activation=None, algorithm=None, threads=None,
):  # fmt: skip
    data, x_shape = _input(function, x_shape, layout, ndim)
    w_shape = checks.shape(function, "w_shape", w_shape)
    conv = _depthwise(
        function, "w", data, x_shape, w_shape, bias, dtype, stride, padding, dilation, kernel_layout, pad_mode
    )
    return _convolution(function, op, conv, w_shape, flip, activation)


def _depthwise(
    function, name, data, x_shape, w_shape, bias, dtype, stride, padding, dilation, kernel_layout, pad_mode
):  # fmt: skip
    """A depthwise convolution as one of groups."""
    grouped, groups = shapes.depthwise(
        function, name, x_shape, w_shape, stride, padding, dilation, data.name, kernel_layout
    )
    filters = grouped[parse_kernel_layout(function, kernel_layout, data).index("O")]
    return _make(
        function, data, x_shape, grouped, bias, dtype, stride, padding, dilation, groups, kernel_layout, pad_mode,
        filters // groups,
    )  # fmt: skip


def _convolution(function, op, conv, given, flip, activation):
    """The explanation of one convolution, whose kernel the caller knows in another shape."""
    return Explanation(
        op,
        f"{op}: {conv.x_shape} with {given} gives {conv.y_shape}",
        f"{_said(conv.words, conv.data, conv.x_shape)} and {_filters(conv)} (w of shape {given}, {conv.names}),"
        f" with {_stated(conv)}: what comes out, how large is it, and what does it cost?",
        _answer(conv.data, conv.y_shape, conv.cost, conv.each),
        [*_places(conv), *_sums(conv, *_ends(function, flip, activation))],
        conv.y_shape,
        conv.cost,
    )


def _answer(data, y_shape, cost, each):
    return (
        f"an array of shape {y_shape} ({data.name}), made with {count(cost.params, 'parameter')} and"
        f" {count(cost.macs, 'multiply-add')}{each}."
    )


def _ends(function, flip, activation):
    """Sentences about arguments that change numbers, but no shape."""
    if checks.flag(function, "flip", flip):
        yield "flip=True turns each filter around before. That changes the numbers, but no shape."
    if checks.choice(function, "activation", activation, tuple(ACTIVATIONS)) is not None:
        yield f"activation={activation!r} is applied to each number at the end. It has no parameters."


def _filters(conv):
    size = by(conv.kernel)
    if conv.multiplier is not None:
        return f"{count(conv.multiplier, 'filter')} of {size} for each channel"
    return f"{count(conv.filters, 'filter')} of {size}"


def _stated(conv):
    stride, dilation = (one_or_all([getattr(a, name) for a in conv.axes]) for name in ("stride", "dilation"))
    groups = [f"groups={conv.groups}"] if conv.multiplier is None else []
    return listed([f"stride={stride}", f"padding={conv.padding!r}", f"dilation={dilation}", *groups])


_FILLED = {
    "constant": "The padding is zeros.",
    "edge": "The padding repeats the outermost numbers (pad_mode='edge').",
    "reflect": "The padding mirrors the input, without repeating its outermost numbers (pad_mode='reflect').",
    "symmetric": "The padding mirrors the input (pad_mode='symmetric').",
    "wrap": "The padding goes on with the other end of the input (pad_mode='wrap').",
}


def _places(conv):
    """The sections about where the window lies."""
    return sliding(conv.words, conv.axes, conv.padding, _FILLED[conv.pad_mode])


def _sums(conv, *ends):
    """The sections about what is computed there."""
    if conv.multiplier is None:
        channels = Section("Channels: why they are summed away", (*_summed(conv), *ends))
    else:
        channels = Section("Channels: why each stays by itself", (*_by_themselves(conv), *ends))
    return [channels, _parameters(conv), _multiply_adds(conv), _memory(conv)]


def _map(conv):
    return f"map of {sized([a.out for a in conv.axes], 'number')}"


def _summed(conv):
    """Where the channels of the input are."""
    words, seen, filters, weights = conv.words, conv.seen, conv.filters, count(conv.terms, "weight")
    kernel, places = times(*conv.kernel), math.prod(conv.kernel)
    own = "" if conv.groups == 1 else " of its group"
    if conv.groups > 1:
        yield (
            f"groups={conv.groups} divides the {count(conv.channels, 'channel')} into groups of {seen:,}, and the"
            f" {count(filters, 'filter')} into groups of {filters // conv.groups:,}. A filter sees only the channels of"
            " its group."
        )
    if seen == 1:
        yield (
            f"There is one channel to see, so a filter has {kernel} * 1 = {weights}. With more channels it would have"
            " as many times more, since a filter always covers all of them."
        )
    else:
        yield (
            f"A filter does not have {kernel + ' = ' if len(conv.axes) > 1 else ''}{count(places, 'weight')}, but"
            f" {kernel} * {seen} = {weights}: at each of its places one for each of the {count(seen, 'channel')}{own}."
            " They differ from channel to channel."
        )
    yield (
        "At each place of the window, each weight is multiplied with the number of the input under it. The sum of the"
        f" {count(conv.terms, 'product')}{', all channels together,' if seen > 1 else ''} is one number of the output."
        " So the channels of the input do not show in the shape of the output: they are summed away."
    )
    yield (
        f"The convolution is called {words.dimensional} because the window slides along {words.axes}:"
        f" {listed(conv.data.axes)}. It does not slide along the channels, since it covers all of them{own} at once."
        f" The filter itself has {len(conv.axes) + 1} axes."
    )
    maps = f"The filter makes one {_map(conv)}: the only channel of the output."
    if filters != 1:
        maps = (
            f"One filter makes one {_map(conv)}. {count(filters, 'filter')} make {count(filters, 'map')}, and these are"
            " the channels of the output."
        )
    if seen > 1 and filters > 1 and conv.groups == 1:
        maps += (
            f" There are not {times(seen, filters)} = {seen * filters:,} maps, because a filter does not make one for"
            " each channel, but one for their sum."
        )
    yield maps


def _by_themselves(conv):
    """What a depthwise convolution does with channels."""
    yield (
        f"In a depthwise convolution a filter sees one channel, and has one weight for each of its {by(conv.kernel)}"
        f" places: {conv.terms:,}. At each place of the window, each is multiplied with the number of that channel"
        " under it, and the products are added up. Nothing is summed over channels."
    )
    yield (
        f"One filter makes one {_map(conv)}. {count(conv.channels, 'channel')} with {count(conv.multiplier, 'filter')}"
        f" each make {times(conv.channels, conv.multiplier)} = {count(conv.filters, 'map')}, and these are the channels"
        " of the output."
    )


def _parameters(conv):
    weights = f"Each filter has {count(conv.terms, 'weight')}"
    one = f"{weights} and one bias, the + 1 in the formula." if conv.bias else f"{weights} and no bias (bias=False)."
    formula = f"{conv.of_filters} * ({conv.of_filter}{' + 1' if conv.bias else ''})"
    text = f"{one} They are the same at all places, so that the size of the {conv.words.thing} does not matter:"
    return Section("Parameters", (text, (conv.step("parameters", "params", formula, conv.cost.params),)))


def _multiply_adds(conv):
    formula = f"batch * {of_axes(conv.data.axes, 'out')} * {conv.of_filters} * ({conv.of_filter})"
    padded = " Products with padding are counted too." if any(a.padded > a.length for a in conv.axes) else ""
    return Section(
        f"Multiply-adds{conv.each}",
        (
            f"Each number of the output takes {count(conv.terms, 'multiply-add')}, one for each product.{padded}",
            (conv.step("multiply-adds", "macs", formula, conv.cost.macs),),
            "Counted as operations, a multiplication and an addition each:",
            (conv.step("operations", "flops", "2 * macs", conv.cost.flops, macs=conv.cost.macs),),
        ),
    )


def _memory(conv):
    (taken, result), cost, axes = conv.dtypes, conv.cost, conv.data.axes
    lengths, outs, kernel = (of_axes(axes, symbol) for symbol in ("length", "out", "kernel"))
    item, formula = taken.itemsize, f"batch * {lengths} * channels * itemsize"
    x = conv.step("bytes of the input", "input_bytes", formula, cost.input_bytes, itemsize=item)
    numbers = {"params": cost.params, "itemsize": item}
    w = conv.step("bytes of the parameters", "weight_bytes", "params * itemsize", cost.weight_bytes, **numbers)
    formula = f"batch * {outs} * {conv.of_filters} * itemsize"
    y = conv.step("bytes of the output", "output_bytes", formula, cost.output_bytes, itemsize=result.itemsize)
    formula = f"batch * {outs} * ({kernel} * channels) * itemsize"
    matrix = conv.step("bytes of the im2col matrix", "im2col_bytes", formula, cost.im2col_bytes, itemsize=item)
    times_input = [f"{cost.im2col_bytes / cost.input_bytes:,.1f} times the input"] if cost.input_bytes else []
    size = [shapes.binary_size(cost.im2col_bytes)] if shapes.binary_size(cost.im2col_bytes) else []
    return Section(
        f"Memory{conv.each}",
        (
            *_moved(cost, taken, result, x, w, y),
            "Many libraries first copy the numbers under all windows into one matrix (im2col), which has a row for each"
            " place of the window, and multiply it with the matrix of the filters. Here it is never built. It would"
            " take:",
            (matrix,),
            *([f"That is {', or '.join(size + times_input)}."] if size + times_input else []),
        ),
    )


def _separable_conv(
    function, op, ndim, x_shape, depthwise_shape, pointwise_shape, *, bias=True, dtype="float32", stride=1,
    padding="valid", dilation=1, layout=None, kernel_layout=None, pad_mode="constant", flip=False, activation=None,
    algorithm=None, threads=None,
):  # fmt: skip
    data, x_shape = _input(function, x_shape, layout, ndim)
    given = checks.shape(function, "depthwise_shape", depthwise_shape)
    first = _depthwise(
        function, "depthwise", data, x_shape, given, False, dtype, stride, padding, dilation, kernel_layout, pad_mode
    )
    names, words = first.names, first.words
    pointwise_shape = _rank(function, "pointwise_shape", pointwise_shape, ndim, names)
    form = tuple({"I": first.filters, "O": n}.get(axis, 1) for axis, n in zip(names, pointwise_shape, strict=True))
    if pointwise_shape != form:
        raise ValueError(
            f"{function}: pointwise_shape must be {form} ({names}) for the {first.filters} channels of the first step,"
            f" got {pointwise_shape}; check kernel_layout="
        )
    second = _make(
        function, data, first.y_shape, pointwise_shape, bias, first.dtypes[1], 1, "valid", 1, 1, names, "constant"
    )
    cost = shapes.total_cost([first.cost, second.cost])
    flips, ends = list(_ends(function, flip, None)), _ends(function, False, activation)
    return Explanation(
        op,
        f"{op}: {x_shape} with {given} and {pointwise_shape} gives {second.y_shape}",
        f"{_said(words, data, x_shape)} and {_filters(first)} (depthwise of shape {given}, {names}), with"
        f" {_stated(first)}; then {_filters(second)} (pointwise of shape {pointwise_shape}): what comes out, how large"
        " is it, and what does it cost?",
        _answer(data, second.y_shape, cost, first.each),
        [
            *_part("First step", [*_places(first), *_sums(first, *flips)]),
            *_part("Second step", [_unmoved(second), *_sums(second, *ends)]),
            _both(first, second, cost),
        ],
        second.y_shape,
        cost,
    )


def _unmoved(conv):
    """The window of a convolution of 1 x 1."""
    text = f"The window is one {conv.words.unit}: this step mixes the {count(conv.channels, 'channel')} of the first."
    formula = "floor((length + before + after - extent) / stride) + 1"
    return Section("Size of the output", (text, tuple(a.step("output size", "out", formula, a.out) for a in conv.axes)))


def _part(title, sections):
    """Sections with the part that they belong to in headings and names."""
    for heading, items in sections:
        renamed = (
            item
            if isinstance(item, (str, Picture))
            else tuple(s._replace(name=f"{title.lower()}: {s.name}") for s in item)
            for item in items
        )
        yield Section(f"{title}: {heading[0].lower()}{heading[1:]}", tuple(renamed))


def _both(first, second, cost):
    """What a separable convolution costs, and what one convolution would."""
    params = {"first": first.cost.params, "second": second.cost.params}
    macs = {"first": first.cost.macs, "second": second.cost.macs}
    whole = times(*first.kernel, first.channels, second.filters)
    weights = math.prod(first.kernel) * first.channels * second.filters
    return Section(
        "Both steps together",
        (
            (step("parameters", "params", "first + second", cost.params, params),),
            (step("multiply-adds", "macs", "first + second", cost.macs, macs),),
            f"One convolution of {by(first.kernel)} from {count(first.channels, 'channel')} to {second.filters:,} would"
            f" have {whole} = {count(weights, 'weight')} instead. What comes out of the first step is written, and read"
            " again by the second.",
        ),
    )


def _transposed_conv(
    function, op, ndim, x_shape, w_shape, *, bias=True, dtype="float32", stride=1, padding="valid", output_padding=0,
    output_size=None, dilation=1, groups=1, layout=None, kernel_layout=None,
):  # fmt: skip
    data, x_shape = _input(function, x_shape, layout, ndim)
    names = parse_kernel_layout(function, kernel_layout, data)
    w_shape = _rank(function, "w_shape", w_shape, ndim, names)
    stride = checks.per_axis(function, "stride", stride, ndim)
    dilation = checks.per_axis(function, "dilation", dilation, ndim)
    groups = checks.integer(function, "groups", groups, 1)
    bias = bias is not None and checks.flag(function, "bias", bias)
    y_shape, crops, more = shapes.transposed_convolution(
        function, x_shape, w_shape, data, names, stride, padding,
        checks.per_axis(function, "output_padding", output_padding, ndim, least=0),
        checks.output_size(function, output_size, ndim), dilation, groups,
    )  # fmt: skip
    cost = shapes.conv_transpose_cost(
        _one_sample(x_shape), w_shape, bias=bias, dtype=dtype, stride=stride, padding=padding,
        output_padding=output_padding, output_size=output_size, dilation=dilation, groups=groups, layout=data.name,
        kernel_layout=names,
    )  # fmt: skip
    words = WORDS[ndim]
    kernel = [w_shape[i] for i in kernel_order(names)[2:]]
    (_, channels, lengths), (_, filters, outs) = data.split(x_shape), data.split(y_shape)
    axes = make_axes(data.axes, lengths, kernel, stride, dilation, crops, outs)
    numbers = _numbers(data, x_shape, axes, filters=filters, groups=groups)
    return Explanation(
        op,
        f"{op}: {x_shape} with {w_shape} gives {y_shape}",
        f"{_said(words, data, x_shape)} and a kernel of {by(kernel)} (w of shape {w_shape}, {names}), with"
        f" stride={one_or_all(stride)}, padding={padding!r}, dilation={one_or_all(dilation)} and groups={groups}: how"
        " large is what a transposed convolution makes of them, and what does it cost?",
        _answer(data, y_shape, cost, _each(words, x_shape)),
        [
            *_copies(words, axes, more, padding),
            *_transposed_sums(words, axes, channels, filters, groups, bias, cost, numbers, _each(words, x_shape)),
        ],
        y_shape,
        cost,
    )


def _copies(words, axes, more, padding):
    """Where a transposed convolution puts its kernels."""
    unit = words.unit
    extent = "(kernel - 1) * dilation + 1"
    apart = listed([count(s, unit) for s in dict.fromkeys(a.stride for a in axes)])
    yield Section(
        "The kernel",
        (
            "From its first element to its last it spans:",
            tuple(a.step("extent", "extent", extent, a.extent) for a in axes),
        ),
    )
    formula = "(length - 1) * stride + extent - before - after + output_padding"
    items = [
        f"A transposed convolution is the way back of a convolution. Each {unit} of the input puts a copy of the"
        f" kernel, multiplied with its number, into the output. Copies of neighbours lie {apart} apart and add up"
        " where they overlap."
        f" Together they span (length - 1) * stride + extent {unit}s. The padding, before and after, is cut off, and"
        " output_padding comes on top at the end:",
        tuple(a.step("output size", "out", formula, a.out, output_padding=n) for a, n in zip(axes, more, strict=True)),
    ]
    if isinstance(padding, str) and padding.lower() != "valid":
        items.append(f"padding={padding!r} cuts off so much that length * stride {unit}s are left, or output_size.")
    if any(a.stride > 1 for a in axes):
        items.append(
            "A convolution with a stride makes outputs of the same length of inputs of several lengths. output_padding,"
            " which follows from output_size if that is given, says which of them is meant."
        )
    yield Section("Size of the output", tuple(items))


def _transposed_sums(words, axes, channels, filters, groups, bias, cost, numbers, each):
    names = "".join(a.name for a in axes)
    kernel, lengths = of_axes(names, "kernel"), of_axes(names, "length")
    own, shared = (" of its group", " in one group") if groups > 1 else ("", "")
    copy = f"({kernel} * filters{' / groups' if groups > 1 else ''})"
    biases = " and each channel of the output one bias" if bias else " and there is no bias (bias=False)"
    yield Section(
        "Channels: which is which",
        (
            "The kernel has the shape that it has in the convolution whose way back this is. Its O are the"
            f" {count(channels, 'channel')} of the input here, and its I are those of the output{shared}, of which"
            f" there are {filters:,}. Each number of the output is a sum over the channels of the input{own}.",
        ),
    )
    formula = f"channels * {copy}{' + filters' if bias else ''}"
    yield Section(
        "Parameters",
        (
            f"Each channel of the input has a kernel for each channel of the output{own},{biases}:",
            (step("parameters", "params", formula, cost.params, numbers),),
        ),
    )
    formula = f"batch * {lengths} * channels * {copy}"
    yield Section(
        f"Multiply-adds{each}",
        (
            "Each number of the input is multiplied with all weights of its channel:",
            (step("multiply-adds", "macs", formula, cost.macs, numbers),),
            "Counted as operations, a multiplication and an addition each:",
            (step("operations", "flops", "2 * macs", cost.flops, {"macs": cost.macs}),),
        ),
    )


# Pools


def _max_pool(
    function, op, ndim, x_shape, kernel_size, *, stride=None, padding="valid", dilation=1, ceil_mode=False,
    return_indices=False, nan="propagate", dtype="float32", layout=None, threads=None,
):  # fmt: skip
    values = _maxima(function, nan)
    return _pool(
        function, op, ndim, x_shape, kernel_size, stride, padding, dilation, ceil_mode, dtype, layout, values
    )  # fmt: skip


def _avg_pool(
    function, op, ndim, x_shape, kernel_size, *, stride=None, padding="valid", dilation=1, ceil_mode=False,
    count_include_pad=False, divisor=None, dtype="float32", layout=None, threads=None,
):  # fmt: skip
    include = checks.flag(function, "count_include_pad", count_include_pad)
    divisor = None if divisor is None else checks.integer(function, "divisor", divisor, 1)
    by_what = "how many of them lie in the input: padding does not count (count_include_pad=False)"
    if include:
        by_what = "the number of its elements, zeros of the padding included (count_include_pad=True)"
        by_what += ", but without what is beyond the row" if ceil_mode else ""
    if divisor is not None:
        by_what = f"{divisor} (divisor={divisor})"
    values = f"An output is a mean: the sum of the numbers in its window, divided by {by_what}."
    return _pool(
        function, op, ndim, x_shape, kernel_size, stride, padding, dilation, ceil_mode, dtype, layout, values, mean=True
    )


def _lp_pool(
    function, op, ndim, x_shape, kernel_size, p=2, *, stride=None, padding="valid", dilation=1, ceil_mode=False,
    dtype="float32", layout=None, threads=None,
):  # fmt: skip
    p = checks.positive(function, "p", p)
    values = f"An output is the norm (sum of |x| ** p) ** (1 / p) of the numbers in its window, with p={p:g}."
    return _pool(
        function, op, ndim, x_shape, kernel_size, stride, padding, dilation, ceil_mode, dtype, layout, values, mean=True
    )


def _adaptive_max_pool(
    function, op, ndim, x_shape, output_size, *, return_indices=False, nan="propagate", dtype="float32", layout=None,
    threads=None,
):  # fmt: skip
    return _adaptive(function, op, ndim, x_shape, output_size, dtype, layout, _maxima(function, nan))


def _adaptive_avg_pool(
    function, op, ndim, x_shape, output_size, *, dtype="float32", layout=None, threads=None
):  # fmt: skip
    return _adaptive(function, op, ndim, x_shape, output_size, dtype, layout, _MEAN, mean=True)


def _global_max_pool(
    function, op, ndim, x_shape, *, keepdims=False, return_indices=False, nan="propagate", dtype="float32",
    layout=None, threads=None,
):  # fmt: skip
    return _global(function, op, ndim, x_shape, keepdims, dtype, layout, _maxima(function, nan))


def _global_avg_pool(
    function, op, ndim, x_shape, *, keepdims=False, dtype="float32", layout=None, threads=None
):  # fmt: skip
    return _global(function, op, ndim, x_shape, keepdims, dtype, layout, _MEAN, mean=True)


_MEAN = "An output is the mean of the numbers in its window: their sum, divided by how many they are."


def _maxima(function, nan):
    nan = checks.choice(function, "nan", nan, ("propagate", "ignore"))
    holds = "is NaN if one of them is" if nan == "propagate" else "is NaN only if all of them are (nan='ignore')"
    return f"An output is the largest of the numbers in its window, of which padding is none; it {holds}."


def _pool(
    function, op, ndim, x_shape, kernel_size, stride, padding, dilation, ceil_mode, dtype, layout, values, mean=False
):  # fmt: skip
    """The explanation of a pool whose window slides."""
    data, x_shape = _input(function, x_shape, layout, ndim)
    words = WORDS[ndim]
    kernel = checks.per_axis(function, "kernel_size", kernel_size, ndim)
    default = stride is None
    stride = kernel if default else checks.per_axis(function, "stride", stride, ndim)
    dilation = checks.per_axis(function, "dilation", dilation, ndim)
    ceil_mode = checks.flag(function, "ceil_mode", ceil_mode)
    taken, result = _pool_dtypes(function, dtype, mean)
    y_shape, pads = shapes.pooling(function, x_shape, data, kernel, stride, padding, dilation, ceil_mode)
    axes = make_axes(data.axes, data.split(x_shape)[2], kernel, stride, dilation, pads, data.split(y_shape)[2])
    cost = shapes.pool_cost(
        _one_sample(x_shape), kernel, dtype=taken, result_dtype=result, stride=stride, padding=padding,
        dilation=dilation, ceil_mode=ceil_mode, layout=data.name,
    )  # fmt: skip
    numbers = _numbers(data, x_shape, axes)
    window = of_axes(data.axes, "kernel") if ndim == 1 else f"({of_axes(data.axes, 'kernel')})"
    formula = f"batch * {of_axes(data.axes, 'out')} * channels * {window}"
    operations = (
        "Each output takes one operation, a comparison or an addition, for each element of its window:",
        (step("operations", "flops", formula, cost.flops, numbers),),
    )
    by_default = " (that of the window, because it is not given)" if default else ""
    rest = ", and ceil_mode=True" if ceil_mode else ""
    return Explanation(
        op,
        f"{op}: {x_shape} gives {y_shape}",
        f"{_said(words, data, x_shape)} and a window of {by(kernel)}, with stride={one_or_all(stride)}{by_default},"
        f" padding={padding!r} and dilation={one_or_all(dilation)}{rest}: how large is what comes out, and what is it?",
        _pool_answer(data, y_shape),
        [
            *sliding(
                words,
                axes,
                padding,
                "",
                ceil_mode,
            ),
            *_pooled(words, data, x_shape, axes, values, cost, taken, result, operations),
        ],
        y_shape,
        cost,
    )


def _pool_answer(data, y_shape):
    name = data.name if len(y_shape) == len(data.name) else data.name.replace(data.axes, "")
    return f"an array of shape {y_shape} ({name}). A pool has no parameters."


def _pool_dtypes(function, dtype, mean):
    """Of input and output: means of integers are float64."""
    taken = shapes.dtypes(function, dtype)[0]
    return taken, shapes.dtypes(function, "float64")[0] if mean and taken.kind != "f" else taken


def _pooled(words, data, x_shape, axes, values, cost, taken, result, operations):
    """The sections about what a pool computes."""
    _, channels, _ = data.split(x_shape)
    yield Section(
        "Channels: why they stay",
        (
            f"Each channel is pooled by itself: {count(channels, 'channel')} before, and as many after. Nothing is"
            " summed over channels, unlike in a convolution.",
        ),
    )
    yield Section("Values: what an output is", (values,))
    numbers = _numbers(data, x_shape, axes)
    lengths, outs = (of_axes(data.axes, symbol) for symbol in ("length", "out"))
    moved = []
    for name, size, n, dtype in (
        ("input", lengths, cost.input_bytes, taken),
        ("output", outs, cost.output_bytes, result),
    ):
        formula = f"batch * {size} * channels * itemsize"
        values = {**numbers, "itemsize": dtype.itemsize}
        moved.append(step(f"bytes of the {name}", f"{name}_bytes", formula, n, values))
    yield Section(
        f"Cost{_each(words, x_shape)}",
        ("A pool has no parameters: it learns nothing.", *operations, *_moved(cost, taken, result, *moved)),
    )


def _adaptive(function, op, ndim, x_shape, output_size, dtype, layout, values, mean=False):
    """The explanation of a pool whose windows share out the input."""
    data, x_shape = _input(function, x_shape, layout, ndim)
    words = WORDS[ndim]
    y_shape = shapes.adaptive(function, x_shape, data, checks.output_size(function, output_size, ndim))
    return _shared_out(function, op, words, data, x_shape, y_shape, y_shape, dtype, values, mean)


def _global(function, op, ndim, x_shape, keepdims, dtype, layout, values, mean=False):
    """The explanation of a pool with one window."""
    keepdims = checks.flag(function, "keepdims", keepdims)
    data, x_shape = _input(function, x_shape, layout, ndim)
    words = WORDS[ndim]
    full = shapes.adaptive(function, x_shape, data, (1,) * ndim)
    batch, channels, _ = data.split(full)
    y_shape = full if keepdims else data.join(batch, channels, ())
    return _shared_out(function, op, words, data, x_shape, full, y_shape, dtype, values, mean)


def _shared_out(function, op, words, data, x_shape, full, y_shape, dtype, values, mean):
    """The explanation of an adaptive pool, whose output has the shape `full` before axes of it may be dropped."""
    taken, result = _pool_dtypes(function, dtype, mean)
    lengths, outs = data.split(x_shape)[2], data.split(full)[2]
    cost = shapes.adaptive_cost(_one_sample(x_shape), outs, dtype=taken, result_dtype=result, layout=data.name)
    ones = (1,) * len(outs)
    axes = make_axes(data.axes, lengths, ones, ones, ones, ((0, 0),) * len(outs), outs)
    operations = (
        "Each output takes one operation, a comparison or an addition, for each element of its window. That makes"
        f" {count(cost.flops, 'operation')}.",
    )
    whole = outs == ones
    wanted = "one output for each channel" if whole else f"an output of {by(outs)}"
    return Explanation(
        op,
        f"{op}: {x_shape} gives {y_shape}",
        f"{_said(words, data, x_shape)} and {wanted}: how large are the windows, and what comes out?",
        _pool_answer(data, y_shape),
        [
            _windows(words, axes, whole),
            _kept(words, data, whole, y_shape != full),
            *_pooled(words, data, x_shape, axes, values, cost, taken, result, operations),
        ],
        y_shape,
        cost,
    )


def _windows(words, axes, whole):
    """The windows of an adaptive pool."""
    if whole:
        text = f"There is one window, the whole {words.thing}: {sized([a.length for a in axes], words.unit)}."
        return Section("The window", (text,))
    items = [
        f"The windows share out the {words.thing} as evenly as whole {words.unit}s allow. An axis is cut into as many"
        " equal parts as there are outputs (out). Window i, counted from 0, begins where part i begins, rounded down:"
    ]
    ends = [(a, i, *shapes.pool_window(i, a.length, a.out)) for a in axes for i in dict.fromkeys((0, a.out - 1))]
    formula = "floor(i * length / out)"
    items.append(tuple(a.step(f"start of window {i}", "start", formula, start, i=i) for a, i, start, _ in ends))
    items.append("It ends where that part ends, rounded up; what has this number is no longer in it:")
    formula = "ceil((i + 1) * length / out)"
    items.append(tuple(a.step(f"end of window {i}", "end", formula, end, i=i) for a, i, _, end in ends))
    overlapping = [a.name for a in axes if a.length % a.out]
    if overlapping:
        items.append(
            f"Along {listed(overlapping)} the length is no multiple of the number of windows: some windows share"
            f" {_one(words.unit)} with the next."
        )
    a = axes[-1]
    if max(a.length, a.out) > LINE:
        items.append(not_drawn(a.name))
    else:
        windows = [
            (i, start, end - start, 1) for i in range(a.out) for start, end in [shapes.pool_window(i, a.length, a.out)]
        ]
        items.append(drawing(a.name, words.unit, [str(i) for i in range(a.length)], windows))
    return Section("The windows", tuple(items))


def _one(unit):
    return f"an {unit}" if unit[0] in "aeiou" else f"a {unit}"


def _kept(words, data, whole, dropped):
    """The size of the output, which the caller has chosen."""
    text = "It is what output_size says, whatever the size of the input."
    if whole:
        text = f"It is one number for each channel, whatever the size of the {words.thing}."
    if dropped:
        axes = "axis" if len(data.axes) == 1 else "axes"
        text += f" The {axes} {listed(data.axes)} would have one element each, and are left out (keepdims=False)."
    return Section("Size of the output", (text,))


def _named(name, about):
    return {f"{name}{n}d": (about, n) for n in (1, 2, 3)}


_ABOUT = {
    **_named("conv", _conv),
    "depthwise_conv2d": (_depthwise_conv, 2),
    "separable_conv2d": (_separable_conv, 2),
    **_named("conv_transpose", _transposed_conv),
    **_named("max_pool", _max_pool),
    **_named("avg_pool", _avg_pool),
    **_named("lp_pool", _lp_pool),
    **_named("global_max_pool", _global_max_pool),
    **_named("global_avg_pool", _global_avg_pool),
    **_named("adaptive_max_pool", _adaptive_max_pool),
    **_named("adaptive_avg_pool", _adaptive_avg_pool),
}
OPERATIONS = tuple(_ABOUT)
"""Names of all operations that `explain` knows."""
