"""Layers: the numbers of the functions behind them, Keras's arguments, and what is refused."""

import concurrent.futures
import copy
import inspect
import pickle
import re

import numpy as np
import pytest
from cases import FLOATS, integers

import cyconv
from cyconv import activations, graph, initializers, layers, models, reference
from cyconv.layout import AXES

CONVS = {n: getattr(layers, f"Conv{n}D") for n in (1, 2, 3)}
FORMATS = ("channels_last", "channels_first")
LAYERS = sorted(name for name in layers.__all__ if name not in ("Layer", "SymbolicTensor", "Input"))


def by_rank(name):
    return {n: getattr(layers, f"{name}{n}D") for n in (1, 2, 3)}


def ones(*shape):
    return np.ones(shape, np.float32)


def formatted(x, data_format):
    """An array with channels last in a data format."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 1)) if data_format == "channels_first" else x


def drawn(rng, ndim, **changed):
    """Arguments of a convolution that fits an input of 9 to 14 elements along each axis."""
    groups = int(rng.choice((1, 1, 2, 3)))
    padding = [
        "valid", "same", "SAME", int(rng.integers(0, 3)), tuple((1, 2) for _ in range(ndim)),
        *(["causal"] if ndim == 1 else []),
    ]  # fmt: skip
    return {
        "filters": groups * int(rng.integers(1, 5)),
        "kernel_size": tuple(int(k) for k in rng.integers(1, 4, ndim)),
        "strides": int(rng.integers(1, 4)) if rng.integers(2) else tuple(int(s) for s in rng.integers(1, 3, ndim)),
        "padding": padding[rng.integers(len(padding))],
        "data_format": str(rng.choice(FORMATS)),
        "dilation_rate": int(rng.integers(1, 4)),
        "groups": groups,
        "activation": (None, "linear", "relu", "relu6")[rng.integers(4)],
        "use_bias": bool(rng.integers(2)),
        **changed,
    }


def filled(rng, layer, shape, dtype="float32", most=3):
    """Gives a layer weights that are small integers, so that sums are exact."""
    layer.build(shape)
    layer.set_weights([integers(rng, w.shape, dtype, most) for w in layer.get_weights()])
    return layer


# Convolutions


@pytest.mark.parametrize("ndim", CONVS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_convolutions_are_those_of_the_reference(ndim, dtype):
    rng = np.random.default_rng(ndim)
    for _ in range(60):
        arguments = drawn(rng, ndim)
        channels = arguments["groups"] * int(rng.integers(1, 5))
        x = integers(rng, (2, *rng.integers(9, 15, ndim), channels), dtype, 4)
        x = formatted(x, arguments["data_format"])
        layer = filled(rng, CONVS[ndim](**arguments, dtype=dtype), x.shape, dtype)
        names = {"strides": "stride", "dilation_rate": "dilation", "data_format": "layout"}
        same = {names.get(k, k): v for k, v in arguments.items() if k not in ("filters", "kernel_size", "use_bias")}
        same["activation"] = None if same["activation"] == "linear" else same["activation"]
        expected = reference.convolve(x, layer.kernel, layer.bias, kernel_layout=f"{AXES[ndim]}IO", **same)
        y = layer(x)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, expected)
        assert layer.compute_output_shape(x.shape) == y.shape
        assert layer.compute_output_shape((None, *x.shape[1:])) == (None, *y.shape[1:])
        assert layer.output_shape == (None, *y.shape[1:])
        assert layer.input_shape == (None, *x.shape[1:])
        assert (layer.bias is None) == (not arguments["use_bias"])
        assert layer.kernel.shape == (*arguments["kernel_size"], channels // arguments["groups"], arguments["filters"])
        assert layer.count_params() == sum(w.size for w in layer.get_weights())


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_and_separable_are_those_of_the_functions(data_format, multiplier):
    rng = np.random.default_rng(multiplier)
    for strides, padding, dilation in [(1, "valid", 1), (2, "same", 1), (1, "same", 2), ((1, 3), 2, (2, 1))]:
        x = formatted(integers(rng, (2, 9, 8, 4), "float32", 4), data_format)
        steps = {"strides": strides, "padding": padding, "dilation_rate": dilation, "data_format": data_format}
        same = {"stride": strides, "padding": padding, "dilation": dilation, "layout": data_format}
        depthwise = layers.DepthwiseConv2D((3, 2), depth_multiplier=multiplier, activation="relu", **steps)
        filled(rng, depthwise, x.shape)
        assert depthwise.kernel.shape == (3, 2, 4, multiplier)
        expected = cyconv.depthwise_conv2d(
            x, depthwise.kernel, depthwise.bias, kernel_layout="HWIO", activation="relu", **same
        )
        np.testing.assert_array_equal(depthwise(x), expected)
        assert depthwise.compute_output_shape(x.shape) == expected.shape

        separable = layers.SeparableConv2D(5, (3, 2), depth_multiplier=multiplier, activation="relu6", **steps)
        filled(rng, separable, x.shape)
        assert separable.depthwise_kernel.shape == (3, 2, 4, multiplier)
        assert separable.pointwise_kernel.shape == (1, 1, 4 * multiplier, 5)
        expected = cyconv.separable_conv2d(
            x, separable.depthwise_kernel, separable.pointwise_kernel, separable.bias, kernel_layout="HWIO",
            activation="relu6", **same,
        )  # fmt: skip
        np.testing.assert_array_equal(separable(x), expected)
        assert separable.compute_output_shape(x.shape) == expected.shape


@pytest.mark.parametrize("name", activations.APPLY)
@pytest.mark.parametrize("data_format", FORMATS)
def test_activations_of_convolutions_and_dense_layers(name, data_format):
    rng = np.random.default_rng(3)
    x = rng.uniform(-3, 3, (2, 5, 6, 4)).astype(np.float32)
    for make in (
        lambda **a: layers.Conv2D(3, 1, data_format=data_format, **a),
        lambda **a: layers.Dense(3, **a),
        lambda **a: layers.SeparableConv2D(3, 1, data_format=data_format, **a),
    ):
        plain, activated = make(), make(activation=name)
        plain.build(x.shape)
        activated.build(x.shape)
        activated.set_weights(plain.get_weights())
        between = plain(x).astype(np.float64)
        if name == "softmax":  # along the last axis, whatever the data format
            e = np.exp(between - between.max(-1, keepdims=True))
            expected = e / e.sum(-1, keepdims=True)
        else:
            expected = reference.activate(between, name)
        # 16 roundings of what is at most 6.
        np.testing.assert_allclose(activated(x), expected, rtol=16 * 2.0**-24, atol=16 * 2.0**-24)
        np.testing.assert_array_equal(layers.Activation(name)(plain(x)).shape, expected.shape)
        np.testing.assert_allclose(layers.Activation(name)(plain(x)), expected, rtol=2.0**-20, atol=2.0**-20)


def test_a_plan_for_each_shape_of_inputs(monkeypatch):
    made = []
    make = layers._PLAN[2]
    monkeypatch.setitem(layers._PLAN, 2, lambda *a, **k: made.append(a[0]) or make(*a, **k))
    layer = layers.Conv2D(3, 2)
    for _ in range(3):
        layer(ones(1, 5, 5, 2))
        layer(ones(4, 5, 5, 2))
    assert made == [(1, 5, 5, 2), (4, 5, 5, 2)]
    before = layer(ones(1, 5, 5, 2))
    layer.set_weights([2 * w for w in layer.get_weights()])
    np.testing.assert_array_equal(layer(ones(1, 5, 5, 2)), 2 * before)
    assert made[2:] == [(1, 5, 5, 2)]
    # Those that were not used for a while are given up, so that memory is bounded.
    for n in range(20):
        layer(ones(1, 5 + n, 5, 2))
    assert len(layer._prepared._kept) == 4


def test_one_layer_in_many_threads_with_many_shapes():
    layer = filled(np.random.default_rng(0), layers.Conv2D(3, 2), (None, None, None, 2))
    inputs = [integers(np.random.default_rng(n), (1, 4 + n % 9, 6, 2), "float32", 3) for n in range(60)]
    expected = [reference.convolve(x, layer.kernel, layer.bias) for x in inputs]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for y, right in zip(pool.map(layer, inputs), expected, strict=True):
            np.testing.assert_array_equal(y, right)


def test_dense_is_a_matrix_product():
    rng = np.random.default_rng(0)
    for shape in [(4, 5), (2, 3, 5), (2, 3, 4, 5), (0, 5)]:
        x = integers(rng, shape, "float32", 9)
        layer = filled(rng, layers.Dense(3, activation="relu"), shape)
        np.testing.assert_array_equal(layer(x), np.maximum(x @ layer.kernel + layer.bias, 0))
        assert layer(x).shape == layer.compute_output_shape(shape)
    assert layers.Dense(2, use_bias=False, input_dim=3).given_shape == (None, 3)


# Pools


@pytest.mark.parametrize("ndim", CONVS)
@pytest.mark.parametrize("data_format", FORMATS)
def test_pools_are_those_of_the_reference(ndim, data_format):
    rng = np.random.default_rng(ndim)
    x = formatted(rng.uniform(-1, 1, (2, *(11, 8, 7)[:ndim], 5)), data_format)
    for padding in ("valid", "same", 1):
        for strides in (None, 1, 3):
            for kind, pooled in (("Max", reference.max_pool), ("Average", reference.avg_pool)):
                layer = by_rank(f"{kind}Pooling")[ndim](2, strides, padding, data_format, dtype="float64")
                expected = pooled(x, (2,) * ndim, stride=strides, padding=padding, layout=data_format)
                np.testing.assert_allclose(layer(x), expected, rtol=0, atol=16 * 2.0**-53)
                assert layer.compute_output_shape(x.shape) == expected.shape
                assert layer.strides == ((strides or 2),) * ndim
    axes = tuple(range(1, 1 + ndim) if data_format == "channels_last" else range(2, 2 + ndim))
    for keepdims in (False, True):
        for kind, reduce in (("Max", np.max), ("Average", np.mean)):
            layer = by_rank(f"Global{kind}Pooling")[ndim](data_format, keepdims, dtype="float64")
            expected = reduce(x, axis=axes, keepdims=keepdims)
            np.testing.assert_allclose(layer(x), expected, rtol=0, atol=700 * 2.0**-53)
            assert layer.compute_output_shape(x.shape) == expected.shape
    for kind, pooled in (("Max", reference.adaptive_max_pool), ("Average", reference.adaptive_avg_pool)):
        size = (4, None, 2)[:ndim]
        layer = by_rank(f"Adaptive{kind}Pooling")[ndim](size, data_format, dtype="float64")
        np.testing.assert_allclose(layer(x), pooled(x, size, layout=data_format), rtol=0, atol=64 * 2.0**-53)
        assert layer.compute_output_shape(x.shape) == layer(x).shape


def test_keras_spelling():
    """Older and shorter names, and arguments by position."""
    assert layers.Convolution2D is layers.Conv2D
    assert layers.MaxPool3D is layers.MaxPooling3D
    assert layers.AvgPool1D is layers.AveragePooling1D
    assert layers.GlobalMaxPool2D is layers.GlobalMaxPooling2D
    assert layers.GlobalAvgPool3D is layers.GlobalAveragePooling3D
    pool = layers.MaxPooling2D((2, 3), (1, 2), "same", "channels_first", "p")
    assert (pool.pool_size, pool.strides, pool.padding) == ((2, 3), (1, 2), "same")
    assert (pool.data_format, pool.name) == ("channels_first", "p")
    layer = layers.Conv2D(4, 3, 2, "same", "channels_first", 1, 2, "relu", False, "ones", "zeros")
    assert (layer.filters, layer.kernel_size, layer.strides, layer.padding) == (4, (3, 3), (2, 2), "same")
    assert (layer.groups, layer.activation, layer.use_bias) == (2, "relu", False)


# Others


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("ndim", CONVS)
def test_zero_padding(ndim, data_format):
    rng = np.random.default_rng(ndim)
    x = formatted(rng.random((2, *(3, 4, 5)[:ndim], 2)), data_format)
    layer = by_rank("ZeroPadding")[ndim]
    pairs = ((1, 2), (0, 3), (2, 0))[:ndim]
    given = {1: ((1, 2), 2), 2: (pairs, (1, 2)), 3: (pairs, (1, 2, 0))}[ndim]
    for padding in (*given, 0, 3, pairs):
        each = layer(padding).padding
        widths = ((0, 0), (0, 0), *each) if data_format == "channels_first" else ((0, 0), *each, (0, 0))
        expected = np.pad(x, widths)
        y = layer(padding, data_format, dtype="float64")(x)
        np.testing.assert_array_equal(y, expected)
        assert layer(padding, data_format).compute_output_shape(x.shape) == y.shape
    assert layer().padding == ((1, 1),) * ndim
    assert layer(given[0]).padding == pairs


def test_flatten_in_both_formats():
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(layers.Flatten()(x), x.reshape(1, -1))
    same = layers.Flatten(data_format="channels_first")(np.moveaxis(x, -1, 1))
    np.testing.assert_array_equal(same, x.reshape(1, -1))
    assert layers.Flatten()(np.ones(3)).shape == (3, 1)
    assert layers.Flatten().compute_output_shape((None, None, 3)) == (None, None)
    assert layers.Flatten()(np.ones((0, 2, 3))).shape == (0, 6)


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_batch_normalization(axis, center, scale):
    rng = np.random.default_rng(2)
    x = rng.uniform(-2, 2, (3, 4, 5, 4)).astype(np.float32)
    layer = layers.BatchNormalization(axis, epsilon=0.01, center=center, scale=scale)
    layer.build(x.shape)
    assert layer.count_params() == 4 * (2 + center + scale)
    names = [name for _, name in layer.variables()]
    assert names == ["gamma"] * scale + ["beta"] * center + ["moving_mean", "moving_variance"]
    layer.set_weights([rng.uniform(0.5, 2, 4) for _ in names])
    gamma, beta, mean, variance = (
        np.moveaxis(np.full((1, 1, 1, 4), w, np.float64), -1, axis)
        for w in (
            layer.gamma if scale else 1, layer.beta if center else 0, layer.moving_mean, layer.moving_variance,
        )
    )  # fmt: skip
    expected = gamma * (x - mean) / np.sqrt(variance + 0.01) + beta
    # Four roundings of numbers below 4 * 2 / sqrt(0.5) + 2.
    np.testing.assert_allclose(layer(x), expected, rtol=0, atol=4 * 14 * 2.0**-24)


def test_relu_softmax_and_dropout():
    x = np.array([[-10, -5, 0, 5, 10, np.nan]])
    cases = {
        (None, 0, 0): [0, 0, 0, 5, 10],
        (6, 0, 0): [0, 0, 0, 5, 6],
        (None, 0.5, 0): [-5, -2.5, 0, 5, 10],
        (None, 0, 5): [0, 0, 0, 0, 10],
        (7, 0.5, 1): [-5.5, -3, -0.5, 5, 7],
    }
    for (most, slope, threshold), expected in cases.items():
        y = layers.ReLU(max_value=most, negative_slope=slope, threshold=threshold)(x)
        np.testing.assert_array_equal(y, [[*expected, np.nan]])
    z = np.log(np.arange(1.0, 13)).reshape(2, 3, 2)
    for axis in (-1, 0, 1, (1, 2), [0, 2]):
        y = layers.Softmax(axis, dtype="float64")(z)
        axes = tuple(axis) if isinstance(axis, (tuple, list)) else axis
        np.testing.assert_allclose(y, np.exp(z) / np.exp(z).sum(axes, keepdims=True), rtol=32 * 2.0**-53)
    np.testing.assert_array_equal(layers.Dropout(0.9)(x), x)
    for name in activations.APPLY:
        assert np.isnan(layers.Activation(name)(x)).any()
    assert not layers.Activation("sigmoid")(np.array([[-1e9]]))[0, 0]


# Types


@pytest.mark.parametrize("dtype", graph.DTYPES)
@pytest.mark.parametrize("given", ["float16", "float32", "float64", "uint8", "int64", "bool", ">f4"])
def test_inputs_are_converted_to_the_type_of_the_layer(dtype, given):
    x = (np.arange(36) % 2).astype(given).reshape(1, 3, 4, 3)
    for layer in (
        layers.Conv2D(2, 2, dtype=dtype),
        layers.SeparableConv2D(2, 2, dtype=dtype),
        layers.Dense(2, activation="sigmoid", dtype=dtype),
        layers.MaxPooling2D(dtype=dtype),
        layers.AveragePooling2D(dtype=dtype),
        layers.GlobalAveragePooling2D(dtype=dtype),
        layers.BatchNormalization(dtype=dtype),
        layers.ReLU(dtype=dtype),
        layers.Softmax(dtype=dtype),
        layers.Flatten(dtype=dtype),
        layers.ZeroPadding2D(dtype=dtype),
        layers.Dropout(0.5, dtype=dtype),
    ):
        y = layer(x)
        assert y.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(y, layer(x.astype(dtype)))
        assert layer(x[:, ::-1, ::-1]).shape == y.shape
        assert {w.dtype for w in layer.weights} <= {np.dtype(dtype)}


def test_float16_is_computed_in_float32():
    x = np.full((1, 4000), 0.1, np.float16)
    layer = layers.Dense(1, kernel_initializer="ones", dtype="float16")
    assert layer(x)[0, 0] == np.float16(4000 * np.float64(np.float16(0.1)))


# Names, weights, life


def test_automatic_names():
    models.clear_session()
    names = [cls(3, 3).name for cls in (layers.Conv2D, layers.Conv2D, layers.Conv3D, layers.Conv2D)]
    assert names == ["conv2d", "conv2d_1", "conv3d", "conv2d_2"]
    assert layers.Conv2D(3, 3, name="mine").name == "mine"
    assert layers.Conv2D(3, 3).name == "conv2d_3"
    others = [layers.MaxPooling2D(), layers.GlobalAveragePooling1D(), layers.ReLU(), layers.BatchNormalization()]
    assert [o.name for o in others] == ["max_pooling2d", "global_average_pooling1d", "re_lu", "batch_normalization"]
    models.clear_session()
    assert layers.Conv2D(3, 3).name == "conv2d"
    assert repr(layers.Conv2D(1, 1, name="c")) == "<Conv2D name=c, built=False>"
    assert repr(layers.Input((3, 3), name="i")) == "<SymbolicTensor shape=(None, 3, 3), dtype=float32, name=i>"


def test_weights_are_copied_and_cannot_be_written():
    layer = layers.Conv2D(2, 2, input_shape=(4, 4, 3))
    layer.build((None, 4, 4, 3))
    first = layer(ones(1, 4, 4, 3))
    for w in layer.get_weights():
        w[...] = 7
    np.testing.assert_array_equal(layer(ones(1, 4, 4, 3)), first)
    with pytest.raises(ValueError, match="read-only"):
        layer.kernel[...] = 7
    with pytest.raises(AttributeError):
        layer.kernel = ones(2, 2, 3, 2)
    mine = ones(2, 2, 3, 2), ones(2)
    layer.set_weights(mine)
    mine[0][...] = 7
    assert layer.kernel.max() == 1
    assert [w.tobytes() for w in layer.weights] == [w.tobytes() for w in layer.get_weights()]


def test_set_weights_replaces_all_or_nothing():
    layer = layers.Conv2D(2, 2, name="c")
    with pytest.raises(ValueError, match="Conv2D 'c': weights cannot be set before the layer has seen an input"):
        layer.set_weights([])
    with pytest.raises(ValueError, match="there are no weights before"):
        layer.count_params()
    layer.build((None, 4, 4, 3))
    before = layer.get_weights()
    for wrong, error, message in [
        ([ones(2, 2, 3, 2)], ValueError, r"must be 2 arrays \(kernel \(2, 2, 3, 2\), bias \(2,\)\), got 1 of them"),
        (None, ValueError, "must be 2 arrays .* got None"),
        ([ones(2, 2, 3, 2), ones(3)], ValueError, r"Conv2D 'c': bias must have shape \(2,\), got \(3,\)"),
        ([ones(2, 2, 3, 2), ones(2) * 1j], TypeError, "bias must hold bool, integers, .* got dtype complex64"),
        ([ones(2, 2, 3, 2), None], TypeError, "bias must be an array, got None"),
    ]:
        with pytest.raises(error, match=message):
            layer.set_weights(wrong)
        for w, same in zip(layer.weights, before, strict=True):
            np.testing.assert_array_equal(w, same)


def test_a_built_layer_cannot_be_changed_but_by_its_weights():
    layer = layers.Conv2D(2, 2, name="c")
    layer.activation = "relu"
    layer(ones(1, 4, 4, 3))
    for name in ("activation", "strides", "name", "dtype", "anything"):
        with pytest.raises(AttributeError, match=f"Conv2D 'c': {name} cannot be changed any more; make a new layer"):
            setattr(layer, name, None)
    layer.trainable = False


@pytest.mark.parametrize("again", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_layers_can_be_copied_and_pickled(again):
    layer = layers.Conv2D(2, 2, activation="relu")
    x = np.random.default_rng(0).random((1, 5, 5, 3))
    y = layer(x)
    other = again(layer)
    np.testing.assert_array_equal(other(x), y)
    other.set_weights([-w for w in other.get_weights()])
    np.testing.assert_array_equal(layer(x), y)


def test_symbolic_tensors():
    image = layers.Input((28, 28, 1), name="image")
    conv = layers.Conv2D(4, 3)
    x = conv(image)
    assert (image.shape, x.shape, x.ndim, x.name) == ((None, 28, 28, 1), (None, 26, 26, 4), 4, conv.name)
    assert conv.input is image
    assert conv.output is x
    assert conv.built
    with pytest.raises(TypeError, match="a symbolic tensor has no numbers"):
        np.asarray(x)
    with pytest.raises(NotImplementedError, match="layers that merge others are not offered"):
        x + x
    with pytest.raises(TypeError, match="inputs must be one symbolic tensor, got 2 in a list"):
        conv([image, image])
    assert layers.Input(shape=(3,), batch_size=8).shape == (8, 3)
    assert layers.Input(batch_shape=(8, 3), dtype="float64").dtype == np.float64
    assert layers.InputLayer(input_shape=(3,)).batch_shape == (None, 3)
    assert layers.Conv2D(4, 3)(layers.Input((None, None, 3))).shape == (None, None, None, 4)
    assert layers.MaxPooling2D()(layers.Input((None, 8, 3))).shape == (None, None, 4, 3)


@pytest.mark.parametrize("empty", [(0, 8, 8, 3)])
def test_no_samples(empty):
    x = np.ones(empty)
    for layer in (layers.Conv2D(2, 3), layers.MaxPooling2D(), layers.BatchNormalization(), layers.Flatten()):
        y = layer(x)
        assert y.shape == layer.compute_output_shape(empty)
        assert y.shape[0] == 0


# Initializers


@pytest.mark.parametrize("name", [n for n in initializers._BY_NAME if n == n.lower()])
def test_initializers_by_name(name):
    shape = (3, 3, 8, 16)
    layer = layers.Conv2D(16, 3, kernel_initializer=name)
    layer.build((None, 8, 8, 8))
    assert layer.kernel.shape == shape
    assert layer.kernel.dtype == np.float32
    constant = {"zeros": 0, "zero": 0, "constant": 0, "ones": 1, "one": 1}
    if name in constant:
        assert (layer.kernel == constant[name]).all()
    else:
        assert len(np.unique(layer.kernel)) > 1000
        initializers.set_random_seed(4)
        first = initializers.get("test", "kernel_initializer", name)(shape, "float32")
        assert not np.array_equal(first, initializers.get("test", "kernel_initializer", name)(shape, "float32"))
        initializers.set_random_seed(4)
        np.testing.assert_array_equal(first, initializers.get("test", "kernel_initializer", name)(shape, "float32"))
        seeded = initializers._BY_NAME[name](seed=3)
        np.testing.assert_array_equal(seeded(shape), seeded(shape))


def test_spread_of_initializers():
    """30,000 numbers: their standard deviation is within 3 % of that of the distribution, but once in a million."""
    shape = (5, 5, 30, 40)
    fan_in, fan_out = 750, 1000
    for name, variance in {
        "glorot_uniform": 2 / (fan_in + fan_out), "glorot_normal": 2 / (fan_in + fan_out), "he_normal": 2 / fan_in,
        "he_uniform": 2 / fan_in, "lecun_normal": 1 / fan_in, "lecun_uniform": 1 / fan_in, "random_normal": 0.05**2,
        "random_uniform": 0.1**2 / 12, "variance_scaling": 1 / fan_in,
    }.items():  # fmt: skip
        values = initializers._BY_NAME[name](seed=1)(shape)
        assert abs(values.std() / np.sqrt(variance) - 1) < 0.03, name
        assert abs(values.mean()) < 0.03 * np.sqrt(variance)
    assert np.abs(initializers.TruncatedNormal(stddev=0.5, seed=1)(shape)).max() <= 1
    wide = initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal", seed=1)(shape)
    assert abs(wide.std() / np.sqrt(2 / fan_out) - 1) < 0.03
    assert initializers.GlorotUniform()((7,)).shape == (7,)
    assert initializers.Constant(2.5)((2, 2)).tolist() == [[2.5, 2.5], [2.5, 2.5]]
    rows = initializers.Orthogonal(gain=2, seed=1)((2, 10), "float64")
    np.testing.assert_allclose(rows @ rows.T, 4 * np.eye(2), atol=64 * 2.0**-53)


def test_initializers_of_other_kinds():
    values = np.arange(12.0).reshape(2, 2, 3, 1)
    for given in (values, values.tolist(), lambda shape, dtype: values):
        layer = layers.Conv2D(1, 2, kernel_initializer=given)
        layer.build((None, 4, 4, 3))
        np.testing.assert_array_equal(layer.kernel, values)
    layer = layers.Conv2D(1, 2, kernel_initializer=initializers.Ones, bias_initializer=initializers.Constant(3))
    layer.build((None, 4, 4, 3))
    assert (layer.kernel.sum(), layer.bias[0]) == (12, 3)
    wrong = layers.Conv2D(1, 2, kernel_initializer=ones(2, 2, 2, 1), name="c")
    with pytest.raises(ValueError, match=r"Conv2D 'c': kernel_initializer must give an array of shape \(2, 2, 3, 1\)"):
        wrong.build((None, 4, 4, 3))
    assert not wrong.built


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: initializers.RandomNormal(seed=1.5), TypeError, "RandomNormal: seed must be an integer, got 1.5"),
        (lambda: initializers.set_random_seed(-1), ValueError, "set_random_seed: seed must be at least 0, got -1"),
        (lambda: initializers.VarianceScaling(scale=0), ValueError, "VarianceScaling: scale must be above 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), ValueError, "mode must be one of 'fan_in', .* got 'fan'"),
        (lambda: initializers.Orthogonal()((3,)), ValueError, r"shape must have 2 axes or more, got \(3,\)"),
    ],
)
def test_wrong_initializers(call, error, message):
    with pytest.raises(error, match=message):
        call()


# What is refused


def wrong_arguments():
    conv, pool, norm = layers.Conv2D, layers.MaxPooling2D, layers.BatchNormalization
    good = {"filters": 4, "kernel_size": 3}
    for changed, error, message in [
        ({"filters": 0}, ValueError, "filters must be at least 1, got 0"),
        ({"filters": 2.0}, TypeError, "filters must be an integer, got 2.0"),
        ({"kernel_size": 0}, ValueError, "kernel_size must be at least 1, got 0"),
        ({"kernel_size": (3, 3, 3)}, ValueError, r"kernel_size must be an int or 2 of them, got \(3, 3, 3\)"),
        ({"strides": (1, 0)}, ValueError, "strides must be at least 1, got 0"),
        ({"strides": None}, TypeError, "strides must be an integer, got None"),
        ({"dilation_rate": -1}, ValueError, "dilation_rate must be at least 1, got -1"),
        ({"groups": 3}, ValueError, "groups=3 must divide filters=4"),
        ({"padding": "sam"}, ValueError, "padding must be one of 'valid', 'same', .* got 'sam'"),
        ({"padding": "causal"}, ValueError, "padding='causal' is for one axis"),
        ({"padding": None}, TypeError, "padding must be an integer, got None"),
        ({"padding": -1}, ValueError, "padding must be at least 0, got -1"),
        ({"data_format": "NCHW"}, ValueError, "data_format must be one of 'channels_last', 'channels_first', got 'NC"),
        ({"data_format": 1}, TypeError, "data_format must be one of 'channels_last', 'channels_first', got 1"),
        ({"data_format": ""}, ValueError, "data_format must be one of"),
        ({"activation": "gelu"}, ValueError, "activation must be one of None, 'linear', 'relu', .* got 'gelu'"),
        ({"activation": np.tanh}, TypeError, "activation must be one of None, .* got <ufunc 'tanh'>"),
        ({"use_bias": 1}, TypeError, "use_bias must be True or False, got 1"),
        ({"kernel_initializer": "one_s"}, ValueError, "kernel_initializer must be one of 'constant', .* got 'one_s'"),
        ({"kernel_initializer": None}, TypeError, "kernel_initializer must be a name, .* got None"),
        ({"bias_initializer": 1j}, TypeError, "bias_initializer must hold bool, integers, .* got dtype complex128"),
        ({"kernel_regularizer": "l2"}, ValueError, "kernel_regularizer matters in training, .* got 'l2', leave it out"),
        ({"bias_constraint": "x"}, ValueError, "bias_constraint matters in training"),
        ({"stride": 2}, TypeError, "there is no argument 'stride', got stride=2; leave it out"),
        ({"dtype": "bfloat16"}, TypeError, "dtype must be one of 'float16', 'float32', 'float64', got 'bfloat16'"),
        ({"dtype": "int32"}, TypeError, "dtype must be one of"),
        ({"trainable": 1}, TypeError, "trainable must be True or False, got 1"),
        ({"input_shape": 3}, TypeError, "input_shape must be a sequence of int or None, got 3"),
        ({"input_shape": (3, -1, 3)}, ValueError, "input_shape must be at least 0, got -1"),
        ({"input_shape": (3, 3, 3), "batch_input_shape": (1, 3, 3, 3)}, ValueError, "say the same thing"),
    ]:
        yield conv, {**good, **changed}, error, message
    yield conv, {**good, "name": 3}, TypeError, "Conv2D: name must be a string"
    yield conv, {**good, "name": "a/b"}, ValueError, "Conv2D: name must be a string without '/', got 'a/b'"
    yield pool, {"pool_size": 0}, ValueError, "MaxPooling2D 'wrong': pool_size must be at least 1, got 0"
    yield pool, {"strides": 0}, ValueError, "strides must be at least 1, got 0"
    yield pool, {"padding": 2}, ValueError, "padding along H must be less than a window"
    yield layers.GlobalMaxPooling1D, {"keepdims": None}, TypeError, "keepdims must be True or False, got None"
    yield (
        layers.AdaptiveMaxPooling2D,
        {"output_size": (1, 2, 3)},
        ValueError,
        "output_size must be an int or None, or 2",
    )
    yield layers.Dense, {"units": -1}, ValueError, "Dense 'wrong': units must be at least 1, got -1"
    yield layers.Dropout, {"rate": 2}, ValueError, "rate must be from 0 to 1, got 2"
    yield layers.Dropout, {"rate": "x"}, TypeError, "rate must be a number, got 'x'"
    yield layers.ReLU, {"negative_slope": -1}, ValueError, "negative_slope must be 0 or more and finite, got -1"
    yield layers.ReLU, {"threshold": None}, TypeError, "threshold must be a number, got None"
    yield layers.Softmax, {"axis": 0.5}, TypeError, "axis must be an integer, got 0.5"
    yield norm, {"axis": None}, TypeError, "BatchNormalization 'wrong': axis must be an integer, got None"
    yield norm, {"epsilon": np.nan}, ValueError, "epsilon must be 0 or more and finite, got nan"
    yield norm, {"renorm": True}, TypeError, "there is no argument 'renorm'"
    yield layers.ZeroPadding2D, {"padding": ((1, 2, 3), 1)}, ValueError, "padding of an axis must be an int or a"
    yield layers.ZeroPadding1D, {"padding": -1}, ValueError, "padding must be at least 0, got -1"
    yield layers.Flatten, {"data_format": "NHWC"}, ValueError, "data_format must be one of"
    yield (
        layers.DepthwiseConv2D,
        {"kernel_size": 1, "depth_multiplier": 0},
        ValueError,
        "depth_multiplier must be at le",
    )
    yield layers.Activation, {"activation": "swish"}, ValueError, "activation must be one of"
    yield layers.InputLayer, {}, ValueError, "shape must be given, as .rows, columns, channels. without the samples"
    yield layers.InputLayer, {"shape": (3,), "input_shape": (4,)}, TypeError, "input_shape is another name"
    yield layers.InputLayer, {"batch_size": 1, "batch_shape": (1, 2)}, ValueError, "batch_size and batch_shape say the"


@pytest.mark.parametrize(("cls", "arguments", "error", "message"), list(wrong_arguments()))
def test_wrong_arguments(cls, arguments, error, message):
    expected = message if message.startswith(cls.__name__) else f"{cls.__name__}.*{message}"
    with pytest.raises(error, match=expected):
        # Padding of pools is looked at where the window is.
        cls(**{"name": "wrong", **arguments})(ones(1, 8, 8, 3))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (layers.Conv2D(4, 3), (8, 8, 3), r"inputs must have 4 axes, got 3: shape .*; one sample needs a batch axis"),
        (layers.Conv2D(4, 3), (1, 1, 8, 8, 3), r"inputs must have 4 axes, got 5: shape"),
        (
            layers.Conv2D(4, 3),
            (1, 2, 8, 3),
            r"does not fit the input along H: \(kernel - 1\) \* dilation \+ 1 = 3 is m",
        ),
        (layers.Conv2D(4, 3), (1, 8, 8, None), r"the number of channels must be known \(channels_last\), got shape"),
        (layers.Conv2D(4, 3, groups=2), (1, 8, 8, 3), "groups=2 must divide the 3 input channels"),
        (layers.DepthwiseConv2D(9), (1, 8, 8, 3), "the kernel does not fit the input along H"),
        (layers.SeparableConv2D(1, 9), (1, 8, 8, 3), "the kernel does not fit the input along H"),
        (layers.MaxPooling2D(3), (1, 2, 2, 1), "the kernel does not fit the input along H"),
        (layers.GlobalMaxPooling2D(), (1, 0, 2, 1), "x must have elements along H to pool"),
        (layers.AdaptiveMaxPooling1D(2), (1, 0, 2), "x must have elements along W to pool"),
        (layers.Dense(3), (3,), "inputs must have at least 2 axes, got 1"),
        (layers.Dense(3), (1, None), "the last axis must be known, got shape"),
        (layers.Softmax(2), (1, 3), "axis must be one of the 2 axes of the inputs, got 2"),
        (layers.BatchNormalization(axis=3), (1, 3), "axis must be one of the 2 axes of the inputs, got 3"),
        (layers.BatchNormalization(), (1, None), "the extent of axis=-1 must be known"),
        (layers.ZeroPadding2D(), (1, 3), "inputs must have 4 axes, got 2"),
        (layers.Flatten(), (), "inputs must have at least 1 axes, got 0"),
    ],
)
def test_wrong_inputs(layer, shape, message):
    with pytest.raises(ValueError, match=f"{re.escape(layer.label)}: .*{message}"):
        layer.compute_output_shape(shape)
    if None not in shape:
        with pytest.raises(ValueError, match=f"{re.escape(layer.label)}: .*{message}"):
            layer(np.ones(shape))
    assert not layer.built


def test_inputs_that_do_not_fit_the_weights():
    for layer, message in [
        (
            layers.Conv2D(4, 3),
            r"inputs must have 3 channels \(channels_last\), as the weights; got shape \(1, 8, 8, 5\)",
        ),
        (layers.Dense(4), "inputs must have 3 elements along the last axis, as the weights; got shape"),
        (layers.BatchNormalization(), "inputs must have 3 elements along axis=-1, as the weights; got shape"),
    ]:
        layer(np.ones((1, 8, 8, 3)))
        with pytest.raises(ValueError, match=f"{re.escape(layer.label)}: {message}"):
            layer(np.ones((1, 8, 8, 5)))
        assert layer(np.ones((2, 8, 8, 3))).shape[0] == 2


def test_other_things_that_are_refused():
    layer = layers.Conv2D(4, 3, name="c", input_shape=(8, 8, 3))
    with pytest.raises(ValueError, match="Conv2D 'c': training must be False, got True; layers here do not learn"):
        layer(np.ones((1, 8, 8, 3)), training=True)
    with pytest.raises(ValueError, match=r"input_shape=\(8, 8, 3\) was given, but inputs have shape \(None, 9, 9, 3\)"):
        layer(layers.Input((9, 9, 3)))
    with pytest.raises(AttributeError, match="output_shape: nothing is known before the layer has seen an input"):
        _ = layer.output_shape
    with pytest.raises(AttributeError, match="output is not known; call the layer on an Input first"):
        _ = layer.output
    with pytest.raises(TypeError, match=r"Conv2D 'c': inputs must hold bool, integers, .* got dtype complex128"):
        layer(np.ones((1, 8, 8, 3)) * 1j)
    with pytest.raises(TypeError, match="Conv2D 'c': inputs is a masked array"):
        layer(np.ma.ones((1, 8, 8, 3)))
    with pytest.raises(TypeError, match="Conv2D 'c': inputs must be an array, got None"):
        layer(None)
    assert layer(np.ones((1, 8, 8, 3)), training=None).shape == (1, 6, 6, 4)


# Documentation


@pytest.mark.parametrize("name", LAYERS)
def test_every_argument_is_documented(name):
    cls = getattr(layers, name)
    doc = inspect.getdoc(cls)
    assert "Parameters\n" in doc
    assert "Raises\n" in doc
    described = set(re.findall(r"\w+", "\n".join(re.findall(r"^[\w*, ]+ ?:?.*$", doc, re.M))))
    arguments = [p for p in inspect.signature(cls).parameters if p != "others"]
    assert set(arguments) <= described, name
    assert "{" not in doc.replace("{kernel}", "")
