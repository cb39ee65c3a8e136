"""Layers with Keras's names, arguments and defaults, for inference on NumPy arrays.

A layer holds weights and calls a function: convolutions run on plans, which are kept for the latest
shapes of inputs; pools are those of `cyconv`; a dense layer is NumPy's matrix product.
"""

import math
import numbers

import numpy as np

from cyconv import activations, checks, conv, pool, shapes
from cyconv.docstrings import documented
from cyconv.graph import ALL, Layer, Prepared, SymbolicTensor, initializer, weight
from cyconv.layout import AXES, parse_layout

__all__ = [
    "Activation",
    "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D",
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D",
    "AvgPool1D", "AvgPool2D", "AvgPool3D",
    "BatchNormalization",
    "Conv1D", "Conv2D", "Conv3D",
    "Convolution1D", "Convolution2D", "Convolution3D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
    "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D",
    "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
    "Input",
    "InputLayer",
    "Layer",
    "MaxPool1D", "MaxPool2D", "MaxPool3D",
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D",
    "ReLU",
    "SeparableConv2D",
    "Softmax",
    "SymbolicTensor",
    "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
]  # fmt: skip

_FORMATS = ("channels_last", "channels_first")

_COMMON = """data_format : str, optional
    ``"channels_last"`` (the default) or ``"channels_first"``."""

_OTHERS = """**others
    ``name``, ``dtype``, ``trainable`` and ``input_shape``, as in `cyconv.layers.Layer`.  Keras's
    regularizers and constraints matter in training only, and are refused."""

_STEPS = """strides : {ints}, default 1
    Step from one place of the window to the next along {along}.
padding : str, or as in `cyconv.conv{n}d`, default "valid"
    ``"valid"``: none; ``"same"``: the output has ``ceil(length / strides)`` {pixels}, the odd one
    behind.{causal}  Numbers, which Keras does not take, are {pixels} on the sides of each axis."""

_ACTIVATED = """activation : str, optional
    ``"linear"``, ``"relu"``, ``"relu6"``, ``"leaky_relu"`` (slope 0.2), ``"sigmoid"``, ``"tanh"`` or
    ``"softmax"`` (along the last axis, whatever the data format, as in Keras).
use_bias : bool, default True
    Whether each output has a number added."""

_INITIALIZED = """kernel_initializer, bias_initializer : str, initializer or array_like
    First values of the weights, by default ``"glorot_uniform"`` and ``"zeros"``; see
    `cyconv.initializers`."""

_RAISES = """TypeError, ValueError
    If an argument is of the wrong kind or has a value that it cannot have; and, from a call, if the
    inputs have other axes or channels, or the window does not fit them."""


def _data_format(label, value):
    return "channels_last" if value is None else checks.choice(label, "data_format", value, _FORMATS)


# Layers with a window, or with channels in a known place


class _Channels(Layer):
    """A layer that knows where channels are; the number of window axes is `RANK`."""

    RANK = 0

    def read_layout(self, data_format):
        """Takes the argument that says where channels are."""
        self.data_format = _data_format(self.label, data_format)
        self._layout = parse_layout(self.label, self.data_format, self.RANK)

    def read_picture(self, input_shape):
        """A shape of inputs, checked: its axes, and that channels are known."""
        shape = self.read_shape(input_shape, self.RANK + 2)
        if self.channels(shape) is None:
            raise ValueError(
                f"{self.label}: the number of channels must be known ({self.data_format}), got shape {shape}"
            )
        return shape

    def channels(self, input_shape):
        """Number of channels of inputs of a shape."""
        return self._layout.split(input_shape)[1]


class _Windowed(_Channels):
    """A layer whose window slides."""

    def read_window(self, name, size, strides, padding, data_format, dilation_rate=1):
        """Takes the arguments that say how the window slides."""
        label, n = self.label, self.RANK
        self.read_layout(data_format)
        self._kernel = checks.per_axis(label, name, size, n)
        self.strides = checks.per_axis(label, "strides", strides, n)
        self._dilation = checks.per_axis(label, "dilation_rate", dilation_rate, n)
        if isinstance(padding, str):
            shapes.resolve_padding(label, padding, self._kernel, self._kernel, self.strides, self._dilation)
            self.padding = padding.lower()
        else:
            self.padding = checks.padding(label, padding, n)

    def windows(self, input_shape):
        return [{"kernel_size": self._kernel, "stride": self.strides, "dilation": self._dilation}]


# Layers with a kernel


class _Weighted(Layer):
    """A layer of sums of products, with a bias and an activation.

    A batch normalization and an activation that follow it may be taken along: the first is put into
    the weights, the second is applied where the result is made.
    """

    def __init__(self, activation, use_bias, bias_initializer, **others):
        super().__init__(**others)
        self.activation = activations.check(self.label, activation)
        self.use_bias = checks.flag(self.label, "use_bias", use_bias)
        self.bias_initializer = initializer(self, "bias_initializer", bias_initializer)
        self._prepared = Prepared()

    bias = weight("bias", "What is added to each output; None without `use_bias`")

    def with_bias(self, weights, units):
        """Shapes of weights, and of the bias if there is one."""
        return {**weights, "bias": ((units,), self.bias_initializer)} if self.use_bias else weights

    def channel_axis(self, ndim):
        """The axis of the result that has one element for each bias."""
        return ndim - 1

    def joined(self, following, ndim, taken):
        free = self.activation is None and "activation" not in taken and following.dtype == self.dtype
        if free and isinstance(following, BatchNormalization) and not taken:
            return {"norm": following} if following.axis % ndim == self.channel_axis(ndim) else None
        if free and isinstance(following, _Function) and following.function_name in activations.FUSED:
            return {**taken, "activation": following.function_name}
        return super().joined(following, ndim, taken)

    def call(self, x, norm=None, activation=None):
        """The outputs, after a normalization and an activation that were taken along."""
        name = self.activation if activation is None else activation
        version = self._version, None if norm is None else norm._version
        prepared = self._prepared.get((self.prepared_for(x), norm, name), version, lambda: self.prepare(x, norm, name))
        return self.compute(x, prepared, name)

    def folded(self, norm, kernel):
        """A kernel whose last axis counts outputs, and the bias, with a normalization put into them."""
        if norm is None:
            return kernel, self.bias
        scale, shift = norm.scale_and_shift()
        if self.bias is not None:
            shift = shift + self.bias * scale
        return (kernel * scale).astype(self.dtype), shift.astype(self.dtype)


class _Convolving(_Weighted, _Windowed):
    """A layer that runs on plans."""

    def read_kernel(self, kernel_size, strides, padding, data_format, dilation_rate):
        """Takes the arguments that say how the kernel slides."""
        self.read_window("kernel_size", kernel_size, strides, padding, data_format, dilation_rate)
        self.kernel_size, self.dilation_rate = self._kernel, self._dilation

    def channel_axis(self, ndim):
        return ndim - 1 if self._layout.channels_last else 1

    def prepared_for(self, x):
        return x.shape

    def plan(self, x_shape, kernel, bias, activation, groups=1, window=True):
        """A plan for inputs of a shape; `window` says whether the window of the layer slides, or one of 1."""
        steps = {"stride": self.strides, "padding": self.padding, "dilation": self._dilation} if window else {}
        return _PLAN[self.RANK](
            x_shape, kernel, bias, dtype=self.dtype, groups=groups, layout=self.data_format,
            kernel_layout=f"{AXES[self.RANK]}IO", activation=_fused(activation), **steps,
        )  # fmt: skip

    def compute(self, x, prepared, name):
        for plan in prepared:
            x = plan(x)
        return _unfused(name, x)

    def convolved(self, input_shape, w_shape, groups):
        """The shape of a convolution's output; `w_shape` and `groups` are functions of the channels."""
        shape = self.read_picture(input_shape)
        channels = self.channels(shape)
        if self.built and channels != self.channels(self._input_shape):
            raise ValueError(
                f"{self.label}: inputs must have {self.channels(self._input_shape)} channels ({self.data_format}),"
                f" as the weights; got shape {shape}"
            )
        return shapes.convolution(
            self.label, shape, w_shape(channels), self._layout, f"{AXES[self.RANK]}IO",
            self.strides, self.padding, self._dilation, groups(channels),
        )[0]  # fmt: skip

    def macs_of(self, output_shape, w_shape):
        """Multiply-adds of one sample; None if an extent is not known."""
        one = (1, *output_shape[1:])
        return None if None in one else shapes.conv_macs(one, w_shape, f"{AXES[self.RANK]}IO")


_PLAN = {n: getattr(conv, f"plan_conv{n}d") for n in AXES}


def _fused(name):
    return name if name in activations.FUSED else None


def _unfused(name, y):
    """Applies an activation that a plan does not."""
    return y if name is None or name in activations.FUSED else activations.applied(activations.APPLY[name], y)


_CONV = f"""Convolution of {{pictures}} with filters that slide along {{axes}}.

Parameters
----------
filters : int
    Number of filters, each of all channels of its group: the channels of the output.
kernel_size : {{ints}}
    Elements of a filter along {{along}}.
{_STEPS}
{_COMMON}
dilation_rate : {{ints}}, default 1
    Step from one element of a filter to the next; 1 means neighbours.
groups : int, default 1
    Channels and filters are divided into so many parts that do not see each other.
{_ACTIVATED}
{_INITIALIZED}
{_OTHERS}

Raises
------
{_RAISES}

See Also
--------
cyconv.conv{{n}}d : the function behind it.

Notes
-----
The kernel has shape ({{hwio_shape}}), in both data formats, as in Keras: every filter
spans all channels of the input and sums over them, which is why they are not seen in the shape of
the output.  Unlike in Keras, `strides` and `dilation_rate` may both be more than 1.

Examples
--------
{{examples}}
"""


class _Conv(_Convolving):
    """A convolution along `RANK` axes."""

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", data_format=None, dilation_rate=1, groups=1,
        activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros", **others,
    ):  # fmt: skip
        super().__init__(activation, use_bias, bias_initializer, **others)
        self.filters = checks.integer(self.label, "filters", filters, 1)
        self.read_kernel(kernel_size, strides, padding, data_format, dilation_rate)
        self.groups = checks.integer(self.label, "groups", groups, 1)
        if self.filters % self.groups:
            raise ValueError(
                f"{self.label}: groups={self.groups} must divide filters={self.filters}; choose another number"
            )
        self.kernel_initializer = initializer(self, "kernel_initializer", kernel_initializer)

    kernel = weight("kernel", "The filters")

    def _kernel_shape(self, channels):
        return (*self.kernel_size, channels // self.groups, self.filters)

    def compute_output_shape(self, input_shape):
        return self.convolved(input_shape, self._kernel_shape, lambda channels: self.groups)

    def weight_shapes(self, input_shape):
        kernel = self._kernel_shape(self.channels(input_shape))
        return self.with_bias({"kernel": (kernel, self.kernel_initializer)}, self.filters)

    def prepare(self, x, norm, activation):
        return (self.plan(x.shape, *self.folded(norm, self.kernel), activation, self.groups),)

    def macs(self, input_shape):
        return self.macs_of(self.compute_output_shape(input_shape), self._kernel_shape(self.channels(input_shape)))


@documented(
    _CONV, 1, hwio_shape="KW, C/groups, filters",
    examples="""\
>>> import numpy as np
>>> from cyconv.layers import Conv1D
>>> layer = Conv1D(1, 3, padding="causal", kernel_initializer="ones")
>>> layer(np.array([1, 2, 4, 8, 16]).reshape(1, 5, 1)).ravel()
array([ 1.,  3.,  7., 14., 28.], dtype=float32)""",
)  # fmt: skip
class Conv1D(_Conv):
    RANK = 1


@documented(
    _CONV, 2, hwio_shape="KH, KW, C/groups, filters",
    examples="""\
The channels of the input are summed: 4 * (1 + 100 + 10000) = 40404.

>>> import numpy as np
>>> from cyconv.layers import Conv2D
>>> layer = Conv2D(filters=1, kernel_size=2, kernel_initializer="ones", activation="relu")
>>> layer(np.ones((1, 3, 3, 3)) * [1, 100, 10000])[0, :, :, 0]
array([[40404., 40404.],
       [40404., 40404.]], dtype=float32)
>>> layer.count_params()                          # 3 * 4 + 1
13""",
)  # fmt: skip
class Conv2D(_Conv):
    RANK = 2


@documented(
    _CONV, 3, hwio_shape="KD, KH, KW, C/groups, filters",
    examples="""\
>>> from cyconv.layers import Conv3D
>>> layer = Conv3D(8, (3, 7, 7), strides=(1, 2, 2), padding="same")
>>> layer.compute_output_shape((None, 16, 112, 112, 3))
(None, 16, 56, 56, 8)""",
)  # fmt: skip
class Conv3D(_Conv):
    RANK = 3


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D


@documented(
    f"""Convolution of {{pictures}} with filters that each see one channel.

Parameters
----------
kernel_size : {{ints}}
    Elements of a filter along {{along}}.
{_STEPS}
depth_multiplier : int, default 1
    Number of filters for each channel.
{_COMMON}
dilation_rate : {{ints}}, default 1
    Step from one element of a filter to the next; 1 means neighbours.
{_ACTIVATED}
depthwise_initializer, bias_initializer : str, initializer or array_like
    First values of the weights, by default ``"glorot_uniform"`` and ``"zeros"``.
{_OTHERS}

Raises
------
{_RAISES}

See Also
--------
cyconv.depthwise_conv2d : the function.

Examples
--------
>>> from cyconv.layers import DepthwiseConv2D
>>> layer = DepthwiseConv2D(3, depth_multiplier=2, input_shape=(8, 8, 16))
>>> layer.compute_output_shape((None, 8, 8, 16))
(None, 6, 6, 32)
""",
    2,
)
class DepthwiseConv2D(_Convolving):
    RANK = 2

    def __init__(
        self, kernel_size, strides=1, padding="valid", depth_multiplier=1, data_format=None, dilation_rate=1,
        activation=None, use_bias=True, depthwise_initializer="glorot_uniform", bias_initializer="zeros", **others,
    ):  # fmt: skip
        super().__init__(activation, use_bias, bias_initializer, **others)
        self.read_kernel(kernel_size, strides, padding, data_format, dilation_rate)
        self.depth_multiplier = checks.integer(self.label, "depth_multiplier", depth_multiplier, 1)
        self.depthwise_initializer = initializer(self, "depthwise_initializer", depthwise_initializer)

    kernel = weight("kernel", "The filters, of shape (KH, KW, C, depth_multiplier)")

    def _grouped_shape(self, channels):
        """The shape of the kernel as a convolution of as many groups as channels takes it."""
        return (*self.kernel_size, 1, channels * self.depth_multiplier)

    def compute_output_shape(self, input_shape):
        return self.convolved(input_shape, self._grouped_shape, lambda channels: channels)

    def weight_shapes(self, input_shape):
        channels = self.channels(input_shape)
        kernel = (*self.kernel_size, channels, self.depth_multiplier)
        return self.with_bias({"kernel": (kernel, self.depthwise_initializer)}, channels * self.depth_multiplier)

    def prepare(self, x, norm, activation):
        channels = self.channels(x.shape)
        grouped = self.kernel.reshape(self._grouped_shape(channels))
        return (self.plan(x.shape, *self.folded(norm, grouped), activation, channels),)

    def macs(self, input_shape):
        return self.macs_of(self.compute_output_shape(input_shape), self._grouped_shape(self.channels(input_shape)))


@documented(
    f"""Depthwise convolution of {{pictures}}, then one of 1 x 1 that mixes the channels.

Parameters
----------
filters : int
    Number of filters of the second step: the channels of the output.
kernel_size : {{ints}}
    Elements of a filter of the first step along {{along}}.
{_STEPS}
{_COMMON}
dilation_rate : {{ints}}, default 1
    Step from one element of a filter to the next; 1 means neighbours.
depth_multiplier : int, default 1
    Number of filters of the first step for each channel.
{_ACTIVATED}
depthwise_initializer, pointwise_initializer, bias_initializer : str, initializer or array_like
    First values of the weights, by default ``"glorot_uniform"`` and ``"zeros"``.
{_OTHERS}

Raises
------
{_RAISES}

See Also
--------
cyconv.separable_conv2d : the function.

Examples
--------
Nine weights for each of 16 channels, 16 for each of 32 filters, and 32 biases:

>>> from cyconv.layers import SeparableConv2D
>>> layer = SeparableConv2D(32, 3, padding="same")
>>> layer.build((None, 8, 8, 16))
>>> layer.count_params(), layer.output_shape
(688, (None, 8, 8, 32))
""",
    2,
)
class SeparableConv2D(_Convolving):
    RANK = 2

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", data_format=None, dilation_rate=1, depth_multiplier=1,
        activation=None, use_bias=True, depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform", bias_initializer="zeros", **others,
    ):  # fmt: skip
        super().__init__(activation, use_bias, bias_initializer, **others)
        self.filters = checks.integer(self.label, "filters", filters, 1)
        self.read_kernel(kernel_size, strides, padding, data_format, dilation_rate)
        self.depth_multiplier = checks.integer(self.label, "depth_multiplier", depth_multiplier, 1)
        self.depthwise_initializer = initializer(self, "depthwise_initializer", depthwise_initializer)
        self.pointwise_initializer = initializer(self, "pointwise_initializer", pointwise_initializer)

    depthwise_kernel = weight("depthwise_kernel", "The filters of the first step, (KH, KW, C, depth_multiplier)")
    pointwise_kernel = weight(
        "pointwise_kernel", "The filters of the second step, (1, 1, C * depth_multiplier, filters)"
    )

    _grouped_shape = DepthwiseConv2D._grouped_shape

    def _between(self, input_shape):
        """The shape between the steps."""
        return self.convolved(input_shape, self._grouped_shape, lambda channels: channels)

    def compute_output_shape(self, input_shape):
        batch, _, lengths = self._layout.split(self._between(input_shape))
        return self._layout.join(batch, self.filters, lengths)

    def weight_shapes(self, input_shape):
        channels, n = self.channels(input_shape), self.depth_multiplier
        return self.with_bias(
            {
                "depthwise_kernel": ((*self.kernel_size, channels, n), self.depthwise_initializer),
                "pointwise_kernel": ((1, 1, channels * n, self.filters), self.pointwise_initializer),
            },
            self.filters,
        )

    def prepare(self, x, norm, activation):
        channels = self.channels(x.shape)
        first = self.plan(x.shape, self.depthwise_kernel.reshape(self._grouped_shape(channels)), None, None, channels)
        folded = self.folded(norm, self.pointwise_kernel)
        return first, self.plan(first.output_shape, *folded, activation, window=False)

    def macs(self, input_shape):
        between, channels = self._between(input_shape), self.channels(input_shape)
        steps = (
            self.macs_of(between, self._grouped_shape(channels)),
            self.macs_of(self.compute_output_shape(input_shape), (1, 1, self.channels(between), self.filters)),
        )
        return None if None in steps else sum(steps)


class Dense(_Weighted):
    """Sums of all elements of the last axis, each with its weight.

    Parameters
    ----------
    units : int
        Number of sums: the extent of the last axis of the output.
    activation : str, optional
        As in `Conv2D`.
    use_bias : bool, default True
        Whether each output has a number added.
    kernel_initializer, bias_initializer : str, initializer or array_like
        First values of the weights, by default ``"glorot_uniform"`` and ``"zeros"``.
    **others
        ``name``, ``dtype``, ``trainable`` and ``input_shape`` (or ``input_dim``), as in
        `cyconv.layers.Layer`.  Keras's regularizers and constraints matter in training only, and
        are refused.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or has a value that it cannot have; and, from a call, if
        the inputs have no last axis, or another one than the weights were made for.

    Examples
    --------
    >>> import numpy as np
    >>> from cyconv.layers import Dense
    >>> layer = Dense(2, kernel_initializer=np.array([[1, 10], [2, 20], [3, 30]]), bias_initializer="ones")
    >>> layer(np.ones((1, 3)))
    array([[ 7., 61.]], dtype=float32)
    """

    def __init__(
        self, units, activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
        **others,
    ):  # fmt: skip
        super().__init__(activation, use_bias, bias_initializer, **others)
        self.units = checks.integer(self.label, "units", units, 1)
        self.kernel_initializer = initializer(self, "kernel_initializer", kernel_initializer)

    kernel = weight("kernel", "The weights, of shape (inputs, units)")

    def compute_output_shape(self, input_shape):
        shape = self.read_shape(input_shape, least=2)
        if shape[-1] is None:
            raise ValueError(
                f"{self.label}: the last axis must be known, got shape {shape}; give the sizes of the picture to Input"
            )
        if self.built and shape[-1] != self._input_shape[-1]:
            raise ValueError(
                f"{self.label}: inputs must have {self._input_shape[-1]} elements along the last axis, as the weights;"
                f" got shape {shape}"
            )
        return (*shape[:-1], self.units)

    def weight_shapes(self, input_shape):
        return self.with_bias({"kernel": ((input_shape[-1], self.units), self.kernel_initializer)}, self.units)

    def windows(self, input_shape):
        return [{"kernel_size": ALL}] if len(input_shape) == 2 else []

    def prepared_for(self, x):
        return None

    def prepare(self, x, norm, activation):
        kernel, bias = self.folded(norm, self.kernel)
        single = np.result_type(self.dtype, np.float32)
        return kernel.astype(single, copy=False), None if bias is None else bias.astype(single, copy=False)

    def compute(self, x, prepared, name):
        kernel, bias = prepared
        y = x.astype(kernel.dtype, copy=False) @ kernel
        if bias is not None:
            y += bias
        if name is not None:
            y = activations.APPLY[name](y)
        return y.astype(self.dtype, copy=False)

    def macs(self, input_shape):
        shape = self.compute_output_shape(input_shape)[1:]
        return None if None in shape else math.prod(shape) * input_shape[-1]


# Layers that pool


class _Pooling(_Windowed):
    """A pool along `RANK` axes, by the function `FUNCTION`."""

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, name=None, **others):
        super().__init__(name=name, **others)
        self.read_window("pool_size", pool_size, pool_size if strides is None else strides, padding, data_format)
        self.pool_size = self._kernel

    def compute_output_shape(self, input_shape):
        return shapes.pooling(
            self.label, self.read_picture(input_shape), self._layout, self.pool_size, self.strides, self.padding,
            self._dilation, False,
        )[0]  # fmt: skip

    def call(self, x):
        return self.FUNCTION(x, self.pool_size, stride=self.strides, padding=self.padding, layout=self.data_format)


class _GlobalPooling(_Channels):
    """A pool of whole pictures, by the function `FUNCTION`."""

    def __init__(self, data_format=None, keepdims=False, **others):
        super().__init__(**others)
        self.read_layout(data_format)
        self.keepdims = checks.flag(self.label, "keepdims", keepdims)

    def compute_output_shape(self, input_shape):
        ones = (1,) * self.RANK
        shape = shapes.adaptive(self.label, self.read_picture(input_shape), self._layout, ones)
        batch, channels, _ = self._layout.split(shape)
        return self._layout.join(batch, channels, ones if self.keepdims else ())

    def windows(self, input_shape):
        return [{"kernel_size": ALL}]

    def call(self, x):
        return self.FUNCTION(x, keepdims=self.keepdims, layout=self.data_format)


class _AdaptivePooling(_Channels):
    """A pool of a given number of windows, by the function `FUNCTION`."""

    def __init__(self, output_size, data_format=None, **others):
        super().__init__(**others)
        self.read_layout(data_format)
        self.output_size = checks.output_size(self.label, output_size, self.RANK)

    def compute_output_shape(self, input_shape):
        return shapes.adaptive(self.label, self.read_picture(input_shape), self._layout, self.output_size)

    def windows(self, input_shape):
        _, _, lengths = self._layout.split(input_shape)
        pairs = list(zip(lengths, self.output_size, strict=True))
        if all(m == 1 for _, m in pairs):
            return [{"kernel_size": ALL}]
        if any(m is not None and (n is None or n % m) for n, m in pairs):
            return [{"kernel_size": None}]
        steps = tuple(1 if m is None else n // m for n, m in pairs)
        return [{"kernel_size": steps, "stride": steps}]

    def call(self, x):
        return self.FUNCTION(x, self.output_size, layout=self.data_format)


_POOL = f"""SUMMARY

Parameters
----------
pool_size : {{ints}}, default 2
    Elements of the window along {{along}}.
strides : {{ints}}, optional
    Step from one window to the next; by default `pool_size`, so that windows lie side by side.
padding : str, or as in `cyconv.{{function}}`, default "valid"
    ``"valid"``: none; ``"same"``: the output has ``ceil(length / strides)`` {{pixels}}, so that it is
    the stride that makes it small, not the window.  Padding PADDED.  Numbers, which Keras does not
    take, are {{pixels}} on the sides of each axis.
{_COMMON}
name : str, optional
    As in `cyconv.layers.Layer`.
{_OTHERS}

Raises
------
{_RAISES}

See Also
--------
cyconv.{{function}} : the function behind it.

Examples
--------
>>> from cyconv.layers import {{name}}
>>> {{name}}(2, strides=1, padding="same").compute_output_shape({{before}})
{{before}}
>>> {{name}}().compute_output_shape({{before}})
{{after}}
"""

_GLOBAL = f"""SUMMARY

Parameters
----------
{_COMMON}
keepdims : bool, default False
    Whether the axes {{along}} stay, with one element each.
{_OTHERS}

Raises
------
{_RAISES}

See Also
--------
cyconv.{{function}} : the function behind it.

Examples
--------
>>> from cyconv.layers import {{name}}
>>> {{name}}().compute_output_shape({{before}})
(None, 3)
"""

_ADAPTIVE = f"""SUMMARY

Parameters
----------
output_size : int or None, or one of them for each axis
    Outputs along {{along}}; None is as many as the input has.
{_COMMON}
{_OTHERS}

Raises
------
{_RAISES}

See Also
--------
cyconv.{{function}} : the function behind it.

Examples
--------
>>> from cyconv.layers import {{name}}
>>> {{name}}({{half}}).compute_output_shape({{before}})
{{after}}
"""


def _pools(function, template, **words):
    """Gives a class of a family its function and its docstring; `function` is a name without ``1d``."""
    for word, text in words.items():
        template = template.replace(word.upper(), text)

    def decorate(cls):
        n = cls.RANK
        name = f"{function}{n}d"
        cls.FUNCTION = staticmethod(getattr(pool, name))
        before, half = (None, *(10, 8, 6)[:n], 3), (5, 4, 3)[:n]
        return documented(
            template, n, name=cls.__name__, function=name, before=before, half=half, after=(None, *half, 3)
        )(cls)

    return decorate


_max_pooling = _pools(
    "max_pool",
    _POOL,
    summary="The maximum of each window of {pictures}, channel by channel.",
    padded="is never a maximum",
)


@_max_pooling
class MaxPooling1D(_Pooling):
    RANK = 1


@_max_pooling
class MaxPooling2D(_Pooling):
    RANK = 2


@_max_pooling
class MaxPooling3D(_Pooling):
    RANK = 3


_average_pooling = _pools(
    "avg_pool",
    _POOL,
    summary="The mean of each window of {pictures}, channel by channel.",
    padded="does not count in a mean",
)


@_average_pooling
class AveragePooling1D(_Pooling):
    RANK = 1


@_average_pooling
class AveragePooling2D(_Pooling):
    RANK = 2


@_average_pooling
class AveragePooling3D(_Pooling):
    RANK = 3


_global_max_pooling = _pools("global_max_pool", _GLOBAL, summary="The maximum of each channel of {pictures}.")


@_global_max_pooling
class GlobalMaxPooling1D(_GlobalPooling):
    RANK = 1


@_global_max_pooling
class GlobalMaxPooling2D(_GlobalPooling):
    RANK = 2


@_global_max_pooling
class GlobalMaxPooling3D(_GlobalPooling):
    RANK = 3


_global_average_pooling = _pools("global_avg_pool", _GLOBAL, summary="The mean of each channel of {pictures}.")


@_global_average_pooling
class GlobalAveragePooling1D(_GlobalPooling):
    RANK = 1


@_global_average_pooling
class GlobalAveragePooling2D(_GlobalPooling):
    RANK = 2


@_global_average_pooling
class GlobalAveragePooling3D(_GlobalPooling):
    RANK = 3


_adaptive_max_pooling = _pools(
    "adaptive_max_pool", _ADAPTIVE, summary="Maxima of windows that share out {pictures} evenly, channel by channel."
)


@_adaptive_max_pooling
class AdaptiveMaxPooling1D(_AdaptivePooling):
    RANK = 1


@_adaptive_max_pooling
class AdaptiveMaxPooling2D(_AdaptivePooling):
    RANK = 2


@_adaptive_max_pooling
class AdaptiveMaxPooling3D(_AdaptivePooling):
    RANK = 3


_adaptive_average_pooling = _pools(
    "adaptive_avg_pool", _ADAPTIVE, summary="Means of windows that share out {pictures} evenly, channel by channel."
)


@_adaptive_average_pooling
class AdaptiveAveragePooling1D(_AdaptivePooling):
    RANK = 1


@_adaptive_average_pooling
class AdaptiveAveragePooling2D(_AdaptivePooling):
    RANK = 2


@_adaptive_average_pooling
class AdaptiveAveragePooling3D(_AdaptivePooling):
    RANK = 3


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D


# Layers that move things


class _ZeroPadding(_Channels):
    """Zeros around `RANK` axes."""

    def __init__(self, padding=1, data_format=None, **others):
        super().__init__(**others)
        self.read_layout(data_format)
        if self.RANK == 1 and checks.is_sequence(padding) and len(padding) == 2:
            padding = (padding,)  # before and after, where more axes would have one number for each
        self.padding = checks.padding(self.label, padding, self.RANK)

    def compute_output_shape(self, input_shape):
        batch, channels, lengths = self._layout.split(self.read_picture(input_shape))
        sizes = tuple(None if n is None else n + sum(p) for n, p in zip(lengths, self.padding, strict=True))
        return self._layout.join(batch, channels, sizes)

    def call(self, x):
        return np.pad(x, self._layout.join((0, 0), (0, 0), self.padding))


_ZEROS = f"""Zeros around {{pictures}}.

Parameters
----------
padding : {{padding}}, default 1
    {{Pixels}} on all sides{{for_axes}}, or (before, after){{for_each}}.
{_COMMON}
{_OTHERS}

Raises
------
{_RAISES}

Examples
--------
>>> from cyconv.layers import {{name}}
>>> {{name}}({{argument}}).compute_output_shape({{before}})
{{after}}
"""


@documented(
    _ZEROS, 1, padding="int or (int, int)", Pixels="Elements", for_axes="", for_each="", name="ZeroPadding1D",
    argument=(1, 2), before=(None, 10, 3), after=(None, 13, 3),
)  # fmt: skip
class ZeroPadding1D(_ZeroPadding):
    RANK = 1


@documented(
    _ZEROS, 2, padding="int, (int, int) or ((int, int), (int, int))", Pixels="Pixels", for_axes=" or for each axis",
    for_each=" for each axis", name="ZeroPadding2D", argument=((1, 2), (0, 0)), before=(None, 10, 8, 3),
    after=(None, 13, 8, 3),
)  # fmt: skip
class ZeroPadding2D(_ZeroPadding):
    RANK = 2


@documented(
    _ZEROS, 3, padding="int, (int, int, int) or ((int, int), (int, int), (int, int))", Pixels="Voxels",
    for_axes=" or for each axis", for_each=" for each axis", name="ZeroPadding3D", argument=(1, 2, 3),
    before=(None, 10, 8, 6, 3), after=(None, 12, 12, 12, 3),
)  # fmt: skip
class ZeroPadding3D(_ZeroPadding):
    RANK = 3


class Flatten(Layer):
    """Samples as rows: all axes but the first become one.

    Parameters
    ----------
    data_format : str, optional
        ``"channels_last"`` (the default): elements in the order in which they come.
        ``"channels_first"``: channels are moved behind all other axes before, as in Keras, so that
        the order is that of the same picture in channels-last.  (PyTorch's ``Flatten`` is the
        first, also for its channels-first pictures.)
    **others
        ``name``, ``dtype``, ``trainable`` and ``input_shape``, as in `cyconv.layers.Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or has a value that it cannot have.

    Examples
    --------
    >>> import numpy as np
    >>> from cyconv.layers import Flatten
    >>> x = np.arange(8).reshape(1, 2, 2, 2)
    >>> Flatten()(x)
    array([[0., 1., 2., 3., 4., 5., 6., 7.]], dtype=float32)
    >>> Flatten(data_format="channels_first")(x)
    array([[0., 4., 1., 5., 2., 6., 3., 7.]], dtype=float32)
    """

    def __init__(self, data_format=None, **others):
        super().__init__(**others)
        self.data_format = _data_format(self.label, data_format)

    def compute_output_shape(self, input_shape):
        batch, *rest = self.read_shape(input_shape)
        return (batch, None if None in rest else math.prod(rest))

    def call(self, x):
        if self.data_format == "channels_first" and x.ndim > 2:
            x = np.moveaxis(x, 1, -1)
        return x.reshape(self.compute_output_shape(x.shape))


# Layers that change each element


class _Function(Layer):
    """A layer that computes each element from itself, or from its row; a convolution may take it along.

    `function_name` says what it is as an activation; None if it has no such name.
    """

    function_name = None


class Activation(_Function):
    """An activation on its own.

    Parameters
    ----------
    activation : str or None
        As in `Conv2D`.
    **others
        ``name``, ``dtype``, ``trainable`` and ``input_shape``, as in `cyconv.layers.Layer`.

    Raises
    ------
    TypeError, ValueError
        If there is no such activation or argument.

    Examples
    --------
    >>> import numpy as np
    >>> from cyconv.layers import Activation
    >>> Activation("relu")(np.array([[-1, 0, 2]]))
    array([[0., 0., 2.]], dtype=float32)
    """

    def __init__(self, activation, **others):
        super().__init__(**others)
        self.activation = activations.check(self.label, activation)

    @property
    def function_name(self):
        return self.activation

    @property
    def does_nothing(self):
        return self.activation is None

    def call(self, x):
        return x if self.activation is None else activations.applied(activations.APPLY[self.activation], x)


class ReLU(_Function):
    """x above a threshold and a straight line below it, up to a limit.

    Parameters
    ----------
    max_value : float, optional
        The limit, 0 or more.
    negative_slope : float, default 0.0
        Slope of the line below the threshold, 0 or more.
    threshold : float, default 0.0
        0 or more.
    **others
        ``name``, ``dtype``, ``trainable`` and ``input_shape``, as in `cyconv.layers.Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is no number, or negative.

    Examples
    --------
    >>> import numpy as np
    >>> from cyconv.layers import ReLU
    >>> ReLU(max_value=6, negative_slope=0.5)(np.array([[-10, -5, 0, 5, 10]]))
    array([[-5. , -2.5,  0. ,  5. ,  6. ]], dtype=float32)
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **others):
        super().__init__(**others)
        self.max_value = None if max_value is None else _not_negative(self.label, "max_value", max_value)
        self.negative_slope = _not_negative(self.label, "negative_slope", negative_slope)
        self.threshold = _not_negative(self.label, "threshold", threshold)

    @property
    def function_name(self):
        known = {(None, 0, 0): "relu", (6, 0, 0): "relu6", (None, 0.2, 0): "leaky_relu"}
        return known.get((self.max_value, self.negative_slope, self.threshold))

    def call(self, x):
        return activations.applied(
            activations.rectify, x, slope=self.negative_slope, most=self.max_value, threshold=self.threshold
        )


def _not_negative(label, name, value):
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{label}: {name} must be a number, got {value!r} ({type(value).__name__})")
    if not 0 <= value < math.inf:
        raise ValueError(f"{label}: {name} must be 0 or more and finite, got {value!r}")
    return float(value)


class Softmax(_Function):
    """``exp(x)``, divided by its sum along an axis.

    Parameters
    ----------
    axis : int or sequence of int, default -1
    **others
        ``name``, ``dtype``, ``trainable`` and ``input_shape``, as in `cyconv.layers.Layer`.

    Raises
    ------
    TypeError, ValueError
        If there is no such axis or argument.

    Examples
    --------
    >>> import numpy as np
    >>> from cyconv.layers import Softmax
    >>> Softmax(dtype="float64")(np.log([[1., 2., 5.]]))
    array([[0.125, 0.25 , 0.625]])
    """

    def __init__(self, axis=-1, **others):
        super().__init__(**others)
        axes = axis if checks.is_sequence(axis) else (axis,)
        self.axis = tuple(_axis(self.label, a) for a in axes)

    def compute_output_shape(self, input_shape):
        shape = self.read_shape(input_shape)
        for axis in self.axis:
            _check_axis(self.label, axis, shape)
        return shape

    def call(self, x):
        return activations.applied(activations.softmax, x, axis=self.axis)


def _axis(label, value):
    return checks.integer(label, "axis", value, -checks.LIMIT)


def _check_axis(label, axis, shape):
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"{label}: axis must be one of the {len(shape)} axes of the inputs, got {axis}: shape {shape}")


class BatchNormalization(Layer):
    """``gamma * (x - moving_mean) / sqrt(moving_variance + epsilon) + beta``, along one axis.

    Behind a convolution or a dense layer without activation, a model puts it into their weights.

    Parameters
    ----------
    axis : int, default -1
        The axis of the channels; 1 for channels-first.
    momentum : float, default 0.99
        Matters in training only.
    epsilon : float, default 0.001
    center, scale : bool, default True
        Whether there is a `beta`, and a `gamma`.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer
        First values of the weights, by default ``"zeros"``, ``"ones"``, ``"zeros"`` and ``"ones"``.
    **others
        ``name``, ``dtype``, ``trainable`` and ``input_shape``, as in `cyconv.layers.Layer`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or has a value that it cannot have; and, from a call, if
        the axis of the inputs has not as many elements as the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from cyconv.layers import BatchNormalization
    >>> layer = BatchNormalization(epsilon=0)
    >>> layer.build((None, 2))
    >>> layer.set_weights([[1, 1], [0, 10], [5, 5], [4, 4]])     # gamma, beta, mean, variance
    >>> layer(np.array([[7, 7]]))
    array([[ 1., 11.]], dtype=float32)
    """

    def __init__(
        self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True, beta_initializer="zeros",
        gamma_initializer="ones", moving_mean_initializer="zeros", moving_variance_initializer="ones", **others,
    ):  # fmt: skip
        super().__init__(**others)
        label = self.label
        self.axis = _axis(label, axis)
        self.momentum = _not_negative(label, "momentum", momentum)
        self.epsilon = _not_negative(label, "epsilon", epsilon)
        self.center, self.scale = checks.flag(label, "center", center), checks.flag(label, "scale", scale)
        self.beta_initializer = initializer(self, "beta_initializer", beta_initializer)
        self.gamma_initializer = initializer(self, "gamma_initializer", gamma_initializer)
        self.moving_mean_initializer = initializer(self, "moving_mean_initializer", moving_mean_initializer)
        self.moving_variance_initializer = initializer(self, "moving_variance_initializer", moving_variance_initializer)

    gamma = weight("gamma", "What each element is multiplied by; None without `scale`")
    beta = weight("beta", "What is added to each element; None without `center`")
    moving_mean = weight("moving_mean", "The mean of the channel")
    moving_variance = weight("moving_variance", "The variance of the channel")

    def is_trainable(self, name):
        return self.trainable and name in ("gamma", "beta")

    def compute_output_shape(self, input_shape):
        shape = self.read_shape(input_shape)
        _check_axis(self.label, self.axis, shape)
        n = shape[self.axis]
        if n is None:
            raise ValueError(f"{self.label}: the extent of axis={self.axis} must be known, got shape {shape}")
        if self.built and n != self.moving_mean.size:
            raise ValueError(
                f"{self.label}: inputs must have {self.moving_mean.size} elements along axis={self.axis}, as the"
                f" weights; got shape {shape}"
            )
        return shape

    def weight_shapes(self, input_shape):
        shape = (input_shape[self.axis],)
        return {
            **({"gamma": (shape, self.gamma_initializer)} if self.scale else {}),
            **({"beta": (shape, self.beta_initializer)} if self.center else {}),
            "moving_mean": (shape, self.moving_mean_initializer),
            "moving_variance": (shape, self.moving_variance_initializer),
        }

    def scale_and_shift(self):
        """What the layer is: ``x * scale + shift`` for each channel, in float64."""
        mean, variance = (a.astype(np.float64) for a in (self.moving_mean, self.moving_variance))
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = 1 / np.sqrt(variance + self.epsilon)
            if self.gamma is not None:
                scale = scale * self.gamma
            shift = -mean * scale
        return scale, shift if self.beta is None else shift + self.beta

    def call(self, x):
        single = np.result_type(self.dtype, np.float32)
        along = [1] * x.ndim
        along[self.axis] = -1
        scale, shift = (a.astype(single).reshape(along) for a in self.scale_and_shift())
        y = x * scale
        y += shift
        return y.astype(self.dtype, copy=False)

    def macs(self, input_shape):
        shape = self.read_shape(input_shape)[1:]
        return None if None in shape else math.prod(shape)


class Dropout(_Function):
    """Nothing: what is left out in training is there at inference.

    Parameters
    ----------
    rate : float
        From 0 to 1.
    noise_shape, seed : optional
        Matter in training only.
    **others
        ``name``, ``dtype``, ``trainable`` and ``input_shape``, as in `cyconv.layers.Layer`.

    Raises
    ------
    TypeError, ValueError
        If `rate` is no number from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from cyconv.layers import Dropout
    >>> Dropout(0.5)(np.array([[1, 2]]))
    array([[1., 2.]], dtype=float32)
    """

    def __init__(self, rate, noise_shape=None, seed=None, **others):
        super().__init__(**others)
        self.rate = _not_negative(self.label, "rate", rate)
        if self.rate > 1:
            raise ValueError(f"{self.label}: rate must be from 0 to 1, got {rate!r}")
        self.noise_shape, self.seed = noise_shape, seed

    does_nothing = True

    def call(self, x):
        return x


# Where a model begins


class InputLayer(Layer):
    """The beginning of a model, as `Input` makes it.

    Parameters
    ----------
    shape, batch_size, dtype, batch_shape, name
        As in `Input`.
    **others
        ``input_shape`` and ``batch_input_shape``: older names of `shape` and `batch_shape`.

    Raises
    ------
    TypeError, ValueError
        As `Input`.
    """

    def __init__(self, shape=None, batch_size=None, dtype=None, *, batch_shape=None, name=None, **others):
        shapes_ = {"input_shape": shape, "batch_input_shape": batch_shape}
        for old, value in shapes_.items():
            if value is not None and others.setdefault(old, value) is not value:
                raise TypeError(f"InputLayer: {old} is another name of an argument that was given; give one of them")
        super().__init__(name=name, dtype=dtype, **others)
        if self.given_shape is None:
            raise ValueError(f"{self.label}: shape must be given, as (rows, columns, channels) without the samples")
        batch = self.given_shape[0]
        if batch_size is not None:
            if "batch_input_shape" in others:
                raise ValueError(f"{self.label}: batch_size and batch_shape say the same thing; give one of them")
            batch = checks.integer(self.label, "batch_size", batch_size, 1)
        self.batch_shape = (batch, *self.given_shape[1:])
        self.given_shape = None
        self.build(self.batch_shape)
        self.__setstate__({})

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._output = SymbolicTensor(self.batch_shape, self.dtype, self, None)

    def call(self, x):
        return x


def Input(shape=None, batch_size=None, dtype=None, *, batch_shape=None, name=None):  # noqa: N802
    """The promise of an array, which layers can be called on to make a `cyconv.models.Model`.

    Parameters
    ----------
    shape : sequence of (int or None)
        Of one sample, such as (rows, columns, channels); None where it may be anything.
    batch_size : int, optional
        Number of samples, if there is only one possible.
    dtype : str or dtype, default "float32"
        What arrays are converted to.
    batch_shape : sequence of (int or None), optional
        Instead of `shape` and `batch_size`.
    name : str, optional

    Returns
    -------
    SymbolicTensor

    Raises
    ------
    TypeError, ValueError
        If no shape is given, or two, or one that is none.

    Examples
    --------
    >>> from cyconv.layers import Conv2D, Input
    >>> image = Input((128, 128, 3))
    >>> Conv2D(24, kernel_size=(8, 8), strides=(2, 2))(image).shape
    (None, 61, 61, 24)
    """
    return InputLayer(shape, batch_size, dtype, batch_shape=batch_shape, name=name).output
