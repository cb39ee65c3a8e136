"""Layers, models and summaries against Keras 3, which we did not write; run by ``pytest tests/peers``.

Each network is written once and made by both: the names are the same.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

from cyconv import layers, models

TOLERANCE = 1e-5  # of the largest output
NETWORKS = {}


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    """Keras cuts lines at the edge of the terminal."""
    monkeypatch.setenv("COLUMNS", "200")


def network(*input_shape):
    """Registers a function of layers and models, that makes a network, and the shape of a sample."""

    def register(function):
        NETWORKS[function.__name__] = function, input_shape
        return function

    return register


@network(128, 128, 3)
def question_1(L, M):
    image = L.Input((128, 128, 3))
    x = L.Conv2D(24, kernel_size=(8, 8), strides=(2, 2), activation="relu", name="conv_1")(image)
    x = L.Conv2D(24, kernel_size=(8, 8), strides=(2, 2), activation="relu", name="conv_2")(x)
    x = L.Conv2D(24, kernel_size=(8, 8), strides=(2, 2), activation="relu", name="conv_3")(x)
    x = L.Flatten(name="flatten")(x)
    return M.Model(inputs=image, outputs=L.Dense(1, activation="relu", name="output")(x))


@network(32, 32, 3)
def question_2(L, M):
    return M.Sequential([L.Conv2D(32, (3, 3), padding="same", input_shape=(32, 32, 3))])


@network(3, 3, 3)
def question_4(L, M):
    return M.Sequential(
        [
            L.Conv2D(
                filters=1,
                strides=1,
                padding="valid",
                activation="relu",
                kernel_size=2,
                kernel_initializer="ones",
                bias_initializer="zeros",
                input_shape=(3, 3, 3),
            )
        ]
    )


@network(28, 28, 1)
def question_5(L, M):
    model = M.Sequential()
    model.add(L.Conv2D(32, kernel_size=(3, 3), activation="relu", input_shape=(28, 28, 1)))
    model.add(L.Conv2D(64, (3, 3), activation="relu"))
    return model


@network(28, 28, 3)
def question_6(L, M):
    model = M.Sequential()
    model.add(L.Convolution2D(32, 5, activation="relu", use_bias=False, input_shape=(28, 28, 3)))
    model.add(L.Convolution2D(64, 5, activation="relu", use_bias=False))
    return model


@network(300, 300, 3)
def question_7(L, M):
    return M.Sequential(
        [
            L.Conv2D(32, (3, 3), activation="relu", input_shape=(300, 300, 3)),
            L.MaxPooling2D(2, 2),
            L.Conv2D(64, (3, 3), activation="relu"),
            L.MaxPooling2D(2, 2),
        ]
    )


@network(28, 28, 1)
def question_8(L, M):
    return M.Sequential(
        [
            L.Conv2D(32, (5, 5), padding="same", activation="relu", input_shape=(28, 28, 1)),
            L.MaxPooling2D((2, 2), padding="same"),
            L.Conv2D(64, (5, 5), padding="same", activation="relu"),
            L.MaxPooling2D((2, 2), padding="same"),
        ]
    )


for _padding in ("same", "valid"):
    for _strides in (1, 2):

        def question_9(L, M, padding=_padding, strides=_strides):
            return M.Sequential(
                [
                    L.Conv2D(15, (5, 5), padding="same", input_shape=(25, 20, 7)),
                    L.MaxPooling2D(pool_size=(2, 2), strides=strides, padding=padding),
                ]
            )

        NETWORKS[f"question_9_{_padding}_{_strides}"] = question_9, (25, 20, 7)


@network(16, 32, 32, 1)
def question_10_three_axes(L, M):
    return M.Sequential([L.Input((16, 32, 32, 1)), L.Conv3D(1, 5, padding="same")])


@network(32, 32, 16)
def question_10_two_axes(L, M):
    return M.Sequential([L.Input((32, 32, 16)), L.Conv2D(1, 5, padding="same")])


@network(21, 20, 2)
def question_13(L, M):
    return M.Sequential([L.Input((21, 20, 2)), L.Conv2D(4, (3, 4), strides=2, padding="same")])


@network(20, 18, 3)
def everything(L, M):
    return M.Sequential(
        [
            L.Input((20, 18, 3)),
            L.ZeroPadding2D(((1, 2), (0, 3))),
            L.Conv2D(8, 3, use_bias=False),
            L.BatchNormalization(),
            L.ReLU(),
            L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="relu6"),
            L.BatchNormalization(scale=False),
            L.AveragePooling2D(3, strides=2, padding="same"),
            L.SeparableConv2D(12, 3, padding="same", depth_multiplier=2),
            L.BatchNormalization(epsilon=0.1, center=False),
            L.Activation("leaky_relu"),
            L.Dropout(0.3),
            L.Conv2D(8, (3, 2), dilation_rate=(1, 2), groups=4, activation="tanh", padding="same"),
            L.MaxPooling2D(padding="same"),
            L.Flatten(),
            L.Dense(20, activation="sigmoid"),
            L.BatchNormalization(),
            L.Dense(10),
            L.Softmax(),
        ]
    )


@network(40, 4)
def signals(L, M):
    return M.Sequential(
        [
            L.Input((40, 4)),
            L.Conv1D(8, 3, padding="causal", dilation_rate=2, activation="relu"),
            L.ZeroPadding1D((1, 2)),
            L.MaxPooling1D(3, strides=2),
            L.Conv1D(6, 4, strides=3, padding="same"),
            L.AveragePooling1D(2, padding="same"),
            L.GlobalMaxPooling1D(keepdims=True),
            L.Dense(3, activation="softmax"),
        ]
    )


@network(9, 12, 8, 2)
def volumes(L, M):
    x = volume = L.Input((9, 12, 8, 2), name="volume")
    x = L.Conv3D(5, (3, 1, 2), strides=(2, 1, 1), padding="same", activation="relu")(x)
    x = L.ZeroPadding3D((1, 0, 2))(x)
    x = L.AveragePooling3D((2, 3, 2), strides=(1, 2, 2))(x)
    x = L.MaxPooling3D(2, padding="same")(x)
    x = L.BatchNormalization()(x)
    return M.Model(volume, L.GlobalAveragePooling3D()(x))


@network(3, 17, 14)
def channels_first(L, M):
    first = {"data_format": "channels_first"}
    return M.Sequential(
        [
            L.Input((3, 17, 14)),
            L.Conv2D(6, 3, padding="same", **first),
            L.BatchNormalization(axis=1),
            L.ReLU(max_value=2.5, negative_slope=0.1, threshold=0.05),
            L.MaxPooling2D((2, 3), strides=(1, 2), padding="same", **first),
            L.ZeroPadding2D((0, 1), **first),
            L.DepthwiseConv2D(3, **first),
            L.AveragePooling2D(2, strides=1, padding="same", **first),
            L.SeparableConv2D(4, 2, **first),
            L.Flatten(**first),
            L.Dense(5),
        ]
    )


@network(3, 11, 10)
def channels_first_flattened_as_they_come(L, M):
    first = {"data_format": "channels_first"}
    return M.Sequential(
        [
            L.Input((3, 11, 10)),
            L.Conv2D(4, 3, groups=1, activation="softmax", **first),
            L.AdaptiveAveragePooling2D((4, 3), **first),
            L.Flatten(),
            L.Dense(5),
        ]
    )


@network(13, 11, 3)
def adaptive_and_global(L, M):
    image = L.Input((13, 11, 3))
    x = L.AdaptiveMaxPooling2D((5, 4))(image)
    x = L.Conv2D(4, 2)(x)
    return M.Model(image, L.GlobalMaxPooling2D()(x))


@network(12, 12, 2)
def nested(L, M):
    inner = M.Sequential([L.Input((12, 12, 2)), L.Conv2D(4, 3), L.BatchNormalization()], name="inner")
    return M.Sequential([L.Input((12, 12, 2)), inner, L.ReLU(), L.GlobalAveragePooling2D()])


@network(12, 12, 2)
def any_size(L, M):
    image = L.Input((None, None, 2))
    x = L.Conv2D(4, 3, strides=2, padding="same", activation="relu")(image)
    x = L.MaxPooling2D()(x)
    return M.Model(image, L.GlobalAveragePooling2D()(L.Conv2D(3, 1)(x)))


def both(name):
    """A network of Keras with random weights, and the same one made here, with its weights."""
    function, shape = NETWORKS[name]
    rng = np.random.default_rng(20261205)
    keras.utils.clear_session()
    theirs = function(keras.layers, keras)
    weights = [rng.uniform(-0.3, 0.3, w.shape) for w in theirs.get_weights()]
    for i, variable in enumerate(theirs.weights):
        if variable.path.rsplit("/", 1)[1] in ("moving_variance", "gamma"):
            weights[i] = np.abs(weights[i]) + 0.5
    theirs.set_weights(weights)
    models.clear_session()
    ours = function(layers, models)
    ours.set_weights(theirs.get_weights())
    return theirs, ours, rng.uniform(-1, 1, (3, *shape)).astype(np.float32)


def assert_close(ours, theirs):
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    assert np.abs(ours - theirs).max() <= TOLERANCE * np.abs(theirs).max()


@pytest.mark.parametrize("name", NETWORKS)
def test_same_shapes_parameters_and_numbers(name):
    theirs, ours, x = both(name)
    assert ours.output_shape == theirs.output_shape
    assert ours.input_shape == theirs.input_shape
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert [layer.count_params() for layer in ours.layers] == [layer.count_params() for layer in theirs.layers]
    assert ours.count_params() == theirs.count_params()
    assert ours.compute_output_shape((7, *x.shape[1:])) == theirs.compute_output_shape((7, *x.shape[1:]))
    expected = theirs.predict(x, verbose=0)
    assert_close(ours.predict(x, verbose=0), expected)
    assert_close(ours.predict(x, batch_size=2, verbose=0), expected)
    assert_close(ours(x.astype(np.float64)), expected)
    # Layer by layer, where nothing is put together.
    ours_x = theirs_x = x
    for our_layer, their_layer in zip(ours.layers, theirs.layers, strict=True):
        if type(our_layer).__name__ == "InputLayer":
            continue
        ours_x, theirs_x = our_layer(ours_x), np.asarray(their_layer(theirs_x))
        assert_close(ours_x, theirs_x)


@pytest.mark.parametrize("name", NETWORKS)
def test_from_keras(name):
    theirs, _, x = both(name)
    ours = models.from_keras(theirs)
    assert_close(ours.predict(x, verbose=0), theirs.predict(x, verbose=0))
    names = [layer.name for layer in theirs.layers if type(layer).__name__ != "InputLayer"]
    assert [layer.name for layer in ours.layers] == names
    assert ours.count_params() == theirs.count_params()


@pytest.mark.parametrize("line_length", [50, 60, 76, 77, 78, 79, 80, 88, 100])
@pytest.mark.parametrize("name", NETWORKS)
def test_same_summary(name, line_length):
    theirs, ours, _ = both(name)
    expected, lines = [], []
    theirs.summary(line_length=line_length, print_fn=expected.append)
    ours.summary(line_length=line_length, print_fn=lines.append)
    expected = expected[0].rstrip("\n").split("\n")
    if "…" not in "".join(expected):  # Keras 3 cuts words that are longer than a column, we do not
        assert lines == expected


def test_cut_words_are_the_only_difference_of_summaries():
    cut = 0
    for name in NETWORKS:
        theirs, _, _ = both(name)
        for line_length in (50, 60, 76, 88):
            text = []
            theirs.summary(line_length=line_length, print_fn=text.append)
            cut += "…" in text[0]
    assert 0 < cut < 2 * len(NETWORKS)


def test_summary_of_what_is_not_trainable():
    theirs, ours, _ = both("everything")
    for model in (theirs, ours):
        model.layers[1].trainable = False
    texts = []
    theirs.summary(line_length=80, print_fn=texts.append)
    ours.summary(line_length=80, print_fn=texts.append)
    assert texts[0].rstrip("\n").split("\n") == texts[1:]


def test_summary_before_an_input():
    lines = {}
    for module, text in ((keras, []), (models, [])):
        module.utils.clear_session() if module is keras else module.clear_session()
        layers_ = keras.layers if module is keras else layers
        model = module.Sequential([layers_.Conv2D(3, 3), layers_.MaxPooling2D(), layers_.BatchNormalization()])
        model.summary(line_length=76, print_fn=text.append)
        lines[module] = "\n".join(text).rstrip("\n")
    assert lines[keras] == lines[models]


def test_arguments_have_the_same_names_order_and_defaults():
    import inspect

    for name in layers.__all__:
        cls = getattr(layers, name)
        if name in ("Layer", "SymbolicTensor", "Input", "InputLayer"):
            continue
        ours = [p for p in inspect.signature(cls).parameters.values() if p.kind != p.VAR_KEYWORD]
        theirs = list(inspect.signature(getattr(keras.layers, name)).parameters.values())
        assert [p.name for p in ours] == [p.name for p in theirs][: len(ours)], name
        for mine, other in zip(ours, theirs, strict=False):
            same = mine.default == other.default or {mine.default} == set(np.ravel(other.default).tolist())
            # Keras 2 had 2 as the default of average pools, too.
            assert same or (mine.name, mine.default) == ("pool_size", 2), (name, mine, other)


@pytest.mark.parametrize("name", ["glorot_uniform", "glorot_normal", "he_normal", "he_uniform", "lecun_normal",
                                  "lecun_uniform", "random_normal", "random_uniform", "truncated_normal",
                                  "variance_scaling", "orthogonal", "zeros", "ones"])  # fmt: skip
def test_initializers_have_the_same_spread(name):
    from cyconv import initializers

    shape = (5, 5, 30, 40)
    ours = initializers.get("test", "kernel_initializer", name)(shape, "float32")
    theirs = np.asarray(keras.initializers.get(name)(shape, "float32"))
    assert ours.shape == theirs.shape
    spread = max(theirs.std(), 1e-12)
    # 30,000 numbers: the standard deviation of their standard deviation is below 1 / sqrt(30,000) = 0.6 %.
    assert abs(ours.std() - theirs.std()) <= 0.06 * spread
    assert abs(ours.mean() - theirs.mean()) <= 0.06 * spread
    if name not in ("random_normal", "orthogonal"):
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.01)


def branched():
    image = keras.layers.Input((8, 8, 3))
    a = keras.layers.Conv2D(4, 3, name="left")(image)
    b = keras.layers.Conv2D(4, 3, name="right")(image)
    return keras.Model(image, keras.layers.Add(name="sum")([a, b]))


def shared():
    x = image = keras.layers.Input((8, 8, 3))
    layer = keras.layers.Conv2D(3, 3, padding="same", name="twice")
    return keras.Model(image, layer(layer(x)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (branched, "layer 'sum' must be called once on one other layer, got left, right"),
        (shared, "layer 'twice' must be called once on one other layer"),
        (
            lambda: keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.UpSampling2D(name="up")]),
            "layer 'up' is a UpSampling2D, which is not supported; supported are Conv1D, Conv2D, ",
        ),
        (
            lambda: keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(2, activation="gelu", name="g")]),
            "Dense 'g': activation must be one of None, 'linear', 'relu', .* got 'gelu'",
        ),
        (
            lambda: keras.Sequential(
                [keras.layers.Input((8,)), keras.layers.BatchNormalization(renorm=True, name="b")]
            ),
            r"layer 'b' \(BatchNormalization\) has renorm=True, which is not supported",
        ),
        (lambda: keras.Sequential([keras.layers.Dense(2)], name="new"), "model 'new' has no weights yet; call it once"),
        (
            lambda: keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(2, dtype="bfloat16", name="h")]),
            "Dense 'h': dtype must be one of 'float16', 'float32', 'float64', got 'bfloat16'",
        ),
    ],
)
def test_what_from_keras_refuses(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        models.from_keras(make())


def test_from_keras_takes_leaky_relu_and_dtypes():
    theirs = keras.Sequential(
        [
            keras.layers.Input((6,), dtype="float64"),
            keras.layers.Dense(5, dtype="float64"),
            keras.layers.LeakyReLU(negative_slope=0.07, dtype="float64"),
        ]
    )
    ours = models.from_keras(theirs)
    assert {w.dtype for w in ours.weights} == {np.dtype("float64")}
    x = np.random.default_rng(0).uniform(-1, 1, (4, 6))
    # JAX computes in float32 unless it is told otherwise.
    np.testing.assert_allclose(ours(x), np.asarray(theirs(x)), atol=TOLERANCE)
    assert ours(x).dtype == np.float64


def test_weights_of_safetensors(tmp_path):
    """With the real package: what it reads is what we wrote, and the other way around."""
    import safetensors.numpy

    _, model, x = both("everything")
    path = tmp_path / "weights.safetensors"
    model.save_weights(path)
    read = safetensors.numpy.load_file(path)
    assert sum(a.size for a in read.values()) == model.count_params()
    np.testing.assert_array_equal(read["conv2d/kernel"], model.layers[1].kernel)
    expected = model(x)
    safetensors.numpy.save_file({name: 2 * a for name, a in read.items()}, path)
    model.load_weights(path)
    np.testing.assert_array_equal(model.layers[1].kernel, 2 * read["conv2d/kernel"])
    assert not np.array_equal(model(x), expected)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"cannot be read as \.safetensors"):
        model.load_weights(path)
