"""Models: what they are made of, what they compute, their weights in files, and networks from elsewhere."""

import concurrent.futures
import copy
import json
import pickle
import re
import sys
import types

import numpy as np
import pytest
from processes import python

import cyconv
from cyconv import convert, layers, models, reference, weights
from cyconv.layers import (
    Activation,
    BatchNormalization,
    Conv1D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
    ReLU,
    SeparableConv2D,
)
from cyconv.models import Model, Sequential


def randomized(model, seed=0):
    """Random weights; variances and factors above zero."""
    rng = np.random.default_rng(seed)
    values = [rng.uniform(-0.5, 0.5, layer.variable(name).shape) for layer, name in model.variables()]
    for i, (_, name) in enumerate(model.variables()):
        if name in ("gamma", "moving_variance"):
            values[i] = np.abs(values[i]) + 0.5
    model.set_weights(values)
    return model


def small():
    """Layers of most kinds, for inputs of shape (9, 8, 3)."""
    return [
        Conv2D(6, 3, padding="same", name="a"),
        BatchNormalization(name="b"),
        ReLU(name="c"),
        MaxPooling2D(name="d"),
        Flatten(name="e"),
        Dense(4, activation="softmax", name="f"),
    ]


X = np.random.default_rng(7).uniform(-1, 1, (5, 9, 8, 3)).astype(np.float32)


# What they are made of


def test_sequential_from_a_list_by_adding_and_before_an_input():
    listed = Sequential([Input((9, 8, 3)), *small()])
    added = Sequential(name="added")
    added.add(Input((9, 8, 3)))
    for layer in small():
        added.add(layer)
    told = Sequential([Conv2D(6, 3, padding="same", name="a", input_shape=(9, 8, 3)), *small()[1:]])
    later = Sequential(small())
    assert not later.built
    with pytest.raises(AttributeError, match="output_shape: nothing is known before the layer has seen an input"):
        _ = later.output_shape
    assert later.compute_output_shape((2, 9, 8, 3)) == (2, 4)
    later(X)
    functional = Input((9, 8, 3))
    tensor = functional
    for layer in small():
        tensor = layer(tensor)
    made = [listed, added, told, later, Model(functional, tensor)]
    for model in made:
        model.set_weights(randomized(listed).get_weights())
        assert model.built
        assert model.input_shape == (None, 9, 8, 3)
        assert model.output_shape == (None, 4)
        assert model.compute_output_shape((2, 9, 8, 3)) == (2, 4)
        assert model.count_params() == 6 * 28 + 24 + 4 * 97
        assert [layer.name for layer in model.layers][-6:] == list("abcdef")
        np.testing.assert_array_equal(model(X), listed(X))
        assert model.output.layer is model.layers[-1]
        assert model.inputs == [model.input]
        assert model.outputs == [model.output]
    assert type(made[-1].layers[0]).__name__ == "InputLayer"
    assert len(listed.layers) == 6
    assert added.name == "added"
    assert listed.get_layer("c") is listed.layers[2]
    assert listed.get_layer(index=-1).name == "f"


def test_names_of_models():
    models.clear_session()
    assert [Sequential().name, Sequential().name] == ["sequential", "sequential_1"]
    image = Input((3,))
    assert Model(image, Dense(1)(image)).name == "functional"
    assert Model(image, Dense(1)(image)).name == "functional_1"
    assert Model(image, Dense(1)(image), "mine").name == "mine"


def test_pop():
    for model in (Sequential(small()), Sequential([Input((9, 8, 3)), *small()])):
        assert model.pop().name == "f"
        assert model.pop().name == "e"
        assert model(X).shape == (5, 4, 4, 6)
        model.add(GlobalAveragePooling2D())
        assert model(X).shape == (5, 6)
        for _ in range(5):
            model.pop()
        assert model.layers == []
        with pytest.raises(ValueError, match="there is no layer to take away"):
            model.pop()
    # With an input but without layers: what comes is what goes, and a copy.
    assert model.output_shape == (None, 9, 8, 3)
    y = model(X)
    np.testing.assert_array_equal(y, X)
    assert not np.may_share_memory(y, X)


def test_layers_in_the_middle():
    """Feature maps, as they are looked at: a model up to a layer of another one."""
    model = randomized(Sequential([Input((9, 8, 3)), *small()]))
    maps = Model(inputs=model.input, outputs=model.get_layer("d").output)
    x = X
    for layer in model.layers[:4]:
        x = layer(x)
    np.testing.assert_allclose(maps(X), x, rtol=0, atol=1e-5)
    assert maps.output_shape == (None, 4, 4, 6)
    assert [layer.name for layer in maps.layers[1:]] == list("abcd")
    one = Model([model.input], [model.get_layer("a").output])
    np.testing.assert_array_equal(one(X), model.layers[0](X))


def test_models_in_models():
    inner = Sequential([Input((9, 8, 3)), *small()[:4]], name="inner")
    for model in (
        Sequential([inner, Flatten(), Dense(3)]),
        Sequential([Input((9, 8, 3)), inner, Flatten(), Dense(3)]),
        Model(image := Input((9, 8, 3)), Dense(3)(Flatten()(inner(image)))),
    ):
        randomized(model)
        np.testing.assert_array_equal(model(X), model.layers[-1](Flatten()(inner(X))))
        assert model.output_shape == (None, 3)
        assert model.count_params() == inner.count_params() + 3 * 97
    later = Sequential([Sequential([Dense(3)]), Dense(2)])
    assert later(np.ones((4, 5))).shape == (4, 2)
    assert later.count_params() == 18 + 8


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Model(), TypeError, "inputs must be a symbolic tensor, which begins with Input.shape., got None"),
        (lambda: Model(X, X), TypeError, "inputs must be a symbolic tensor"),
        (
            lambda: Model(Input((3,)), Input((3,)), name="m"),
            ValueError,
            "Model 'm': outputs must be computed from inputs",
        ),
        (lambda: Model([Input((3,)), Input((3,))], 1), ValueError, "inputs must be one symbolic tensor, got 2"),
        (lambda: Model(t := Input((3,)), [t, t]), ValueError, "outputs must be one symbolic tensor, got 2"),
        (lambda: Model(t := Input((3,)), t, input=t), TypeError, "input is an older name of inputs; give one of them"),
        (lambda: Model(t := Input((3,)), t, layers=[]), TypeError, r"there is no argument 'layers', got layers=\[\]"),
        (
            lambda: Model(t := Dense(2, name="d")(Input((3,))), Dense(2)(t)),
            ValueError,
            "inputs must come from Input.shape., got what Dense 'd' returned",
        ),
        (
            lambda: Model(t := Input((3,)), Dense(2, name="d")(Dense(2, name="d")(t))),
            ValueError,
            "two layers are called 'd'; give one of them another name",
        ),
        (lambda: Sequential([3]), TypeError, "add takes a layer or an Input, got 3"),
        (
            lambda: Sequential([Flatten]),
            TypeError,
            r"add takes a layer or an Input, got <class .*; call it first: Flatten",
        ),
        (
            lambda: Sequential(Flatten()),
            TypeError,
            "layers must be a list of layers, got <Flatten .*; put it into brack",
        ),
        (
            lambda: Sequential([Dense(2, name="d"), Dense(2, name="d")]),
            ValueError,
            "there is a layer called 'd' already",
        ),
        (lambda: Sequential([Dense(2), Input((3,))]), ValueError, "an Input comes first, got one behind 1 layers"),
        (lambda: Sequential([Input((3,)), Input((3,))]), ValueError, "an Input comes first, got one behind 1 layers"),
        (lambda: Sequential()(X), ValueError, "there are no layers; add some first"),
        (lambda: Sequential().save_weights("x.npz"), ValueError, "save_weights: nothing is known before"),
        (lambda: Sequential([Dense(2)]).get_layer("x"), ValueError, "there is no layer 'x', only 'dense"),
        (
            lambda: Sequential([Dense(2)]).get_layer(index=1),
            ValueError,
            "index must be below 1, the number of layers, got 1",
        ),
        (lambda: Sequential(dtype="float32"), TypeError, "dtype"),
        (lambda: Sequential([Dense(2)], 1), TypeError, "trainable must be True or False, got 1"),
    ],
)
def test_what_models_cannot_be_made_of(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_layer_that_does_not_fit_is_not_added():
    model = Sequential([Input((9, 8, 3)), Conv2D(2, 3)], name="m")
    with pytest.raises(ValueError, match="Conv1D 'w': inputs must have 3 axes, got 4"):
        model.add(Conv1D(2, 3, name="w"))
    with pytest.raises(ValueError, match="does not fit the input along H"):
        model.add(Conv2D(2, 8))
    model.add(Flatten())
    assert model.output_shape == (None, 7 * 6 * 2)


@pytest.mark.parametrize("method", ["compile", "fit", "evaluate", "train_on_batch"])
def test_models_do_not_learn(method):
    with pytest.raises(NotImplementedError, match=f"Sequential 'm': {method} is not offered: models here compute"):
        getattr(Sequential([Dense(2)], name="m"), method)(X, y=X, epochs=3)
    with pytest.raises(ValueError, match="training must be False, got True"):
        Sequential([Dense(2)])(X, training=True)


# What they compute


def chains():
    """Layers that are put together, and how many steps remain behind the input."""
    last = {"padding": "same"}
    first = {"data_format": "channels_first", **last}
    yield [Conv2D(5, 3, **last), BatchNormalization(), ReLU()], 1
    yield [Conv2D(5, 3, use_bias=False, **last), BatchNormalization(), ReLU(6), Dropout(0.5)], 1
    yield [Conv2D(5, 3, **last), Dropout(0.5), BatchNormalization(scale=False), Activation("tanh")], 1
    yield [Conv2D(5, 3, **first), BatchNormalization(axis=1), Activation("sigmoid")], 1
    yield [Conv2D(5, 3, **last), BatchNormalization(axis=-1, center=False), Activation("linear"), ReLU(None, 0.2)], 1
    yield [DepthwiseConv2D(3, depth_multiplier=2, **last), BatchNormalization(axis=3), ReLU()], 1
    yield [DepthwiseConv2D(3, depth_multiplier=2, **first), BatchNormalization(axis=1), ReLU()], 1
    yield [SeparableConv2D(5, 3, depth_multiplier=2, **last), BatchNormalization(), ReLU()], 1
    yield [SeparableConv2D(5, 3, **first), BatchNormalization(axis=-3), ReLU()], 1
    yield [Dense(5), BatchNormalization(), ReLU()], 1
    yield [Dense(5, use_bias=False), BatchNormalization(), Activation("softmax")], 2
    # These are not: the order, the axis or the type forbids it.
    yield [Conv2D(5, 3, activation="relu", **last), BatchNormalization()], 2
    yield [Conv2D(5, 3, **last), ReLU(), BatchNormalization()], 2
    yield [Conv2D(5, 3, **last), BatchNormalization(axis=1)], 2
    yield [Conv2D(5, 3, **first), BatchNormalization()], 2
    yield [Conv2D(5, 3, **last), BatchNormalization(), BatchNormalization()], 2
    yield [Conv2D(5, 3, **last), ReLU(), ReLU(max_value=1)], 2
    yield [Conv2D(5, 3, **last), ReLU(max_value=3)], 2
    yield [Conv2D(5, 3, **last), BatchNormalization(dtype="float64"), ReLU()], 3
    yield [MaxPooling2D(), BatchNormalization(), ReLU()], 3
    yield [BatchNormalization(), Conv2D(5, 3, **last)], 2
    yield [Conv2D(5, 3, **last), Dropout(0.5, dtype="float64")], 2


@pytest.mark.parametrize(("chain", "steps"), list(chains()))
def test_layers_that_are_put_together_give_the_same(chain, steps):
    model = randomized(Sequential([Input(X.shape[1:]), *chain]))
    assert len(model._steps) == 1 + steps
    for seed in (1, 2):  # other weights, of any of them, are seen
        randomized(model, seed)
        x = X
        for layer in chain:
            x = layer(x)
        y = model(X)
        assert y.dtype == x.dtype
        # Sums of less than 80 products of numbers below 1 and 1/2, then factors below 1 / sqrt(1/2): each of the two
        # ways is rounded less than 90 times, at numbers below 80.
        np.testing.assert_allclose(y, x, rtol=0, atol=2 * 90 * 80 * 2.0**-24)
        np.testing.assert_array_equal(y, model(X))
    for layer in chain:
        if isinstance(layer, BatchNormalization):
            layer.set_weights([w + 1 for w in layer.get_weights()])
            assert not np.array_equal(model(X), y)


def test_float64_all_the_way():
    arguments = {"dtype": "float64"}
    model = randomized(
        Sequential([Input((9, 8, 3), dtype="float64"), Conv2D(5, 3, **arguments), Dense(2, **arguments)])
    )
    x = X.astype(np.float64) + 1e-12
    exact = reference.convolve(x, *model.get_weights()[:2]) @ model.weights[2] + model.weights[3]
    np.testing.assert_allclose(model(x), exact, rtol=0, atol=40 * 30 * 2.0**-53)
    assert model(X).dtype == np.float64


def test_an_input_of_another_type_rounds_first():
    model = Sequential([Input((1,), dtype="float16"), Dense(1, kernel_initializer="ones")])
    y = model(np.array([[0.1]]))
    assert y.dtype == np.float32
    assert y[0, 0] == np.float16(0.1)


def test_any_size_of_picture():
    image = Input((None, None, 3))
    model = Model(image, GlobalAveragePooling2D()(Conv2D(4, 3, name="c")(image)))
    assert model.output_shape == (None, 4)
    for size in ((3, 3), (7, 9), (20, 4)):
        assert model(np.ones((2, *size, 3))).shape == (2, 4)
    with pytest.raises(ValueError, match="Conv2D 'c': the kernel does not fit the input along W"):
        model(np.ones((2, 5, 2, 3)))
    with pytest.raises(ValueError, match=r"inputs must have shape \(None, None, None, 3\), got \(2, 5, 5, 4\)"):
        model(np.ones((2, 5, 5, 4)))
    with pytest.raises(ValueError, match=r"got \(5, 5, 3\); one sample needs a batch axis, x\[None\]"):
        model(np.ones((5, 5, 3)))


def test_predict_in_batches():
    model = randomized(Sequential([Input((9, 8, 3)), *small()]))
    x = np.random.default_rng(0).random((70, 9, 8, 3))
    whole = model(x)
    for batch_size in (1, 7, 32, 69, 70, 1000, None):
        np.testing.assert_array_equal(model.predict(x, batch_size, verbose=0)[:, :0], whole[:, :0])
        np.testing.assert_allclose(model.predict(x, batch_size, verbose=0), whole, rtol=0, atol=100 * 2.0**-24)
    np.testing.assert_array_equal(model.predict(x[:1].tolist(), verbose=0), model(x[:1]))
    assert model.predict(x[:0]).shape == (0, 4)
    assert model.predict((255 * x).astype(np.uint8)).shape == (70, 4)
    fixed = Sequential([Input((9, 8, 3), batch_size=10), *small()])
    assert fixed.predict(x).shape == (70, 4)
    with pytest.raises(ValueError, match=r"inputs must have shape \(10, 9, 8, 3\), got \(5, 9, 8, 3\)"):
        fixed.predict(x[:15])
    unbuilt = Sequential(small())
    assert unbuilt.predict(x).shape == (70, 4)


def test_convolutions_have_the_same_bits_in_any_batch():
    model = randomized(Sequential([Input((9, 8, 3)), *small()[:4]]))
    x = np.random.default_rng(0).random((20, 9, 8, 3))
    for batch_size in (1, 7, 20):
        np.testing.assert_array_equal(model.predict(x, batch_size), model(x))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "Sequential 'm': batch_size must be at least 1, got 0"),
        ({"batch_size": 2.5}, TypeError, "batch_size must be an integer, got 2.5"),
        ({"verbose": 3}, ValueError, "verbose must be one of 'auto', 0, 1, 2, got 3"),
        ({"verbose": True}, ValueError, "verbose must be one of 'auto', 0, 1, 2, got True"),
        ({"x": X * 1j}, TypeError, "x must hold bool, integers, .* got dtype complex64"),
        ({"x": X[0]}, ValueError, r"inputs must have shape .*; one sample needs a batch axis, x\[None\]"),
        ({"x": np.float32(3)}, ValueError, r"inputs must have at least 1 axes, got 0"),
        ({"steps": 3}, TypeError, "steps"),
    ],
)
def test_what_predict_refuses(arguments, error, message):
    model = Sequential([Input((9, 8, 3)), *small()], name="m")
    with pytest.raises(error, match=message):
        model.predict(**{"x": X, **arguments})


class Terminal:
    """A stderr that remembers what is written."""

    def __init__(self, terminal):
        self.text, self.terminal = "", terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return self.terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_progress(monkeypatch, terminal):
    stderr = Terminal(terminal)
    monkeypatch.setattr(sys, "stderr", stderr)
    model = Sequential([Dense(1, input_shape=(2,))])

    def written(**arguments):
        stderr.text = ""
        model.predict(np.ones((8, 2)), batch_size=2, **arguments)
        return stderr.text

    assert written(verbose=0) == ""
    assert written() == ""  # it did not take long
    bars = written(verbose=1).split("\r")[1:]
    assert [bar.split("]")[0] for bar in bars] == [
        f"{n}/4 [{marks:.<30}" for n, marks in enumerate(("=" * 7, "=" * 15, "=" * 22, "=" * 30), 1)
    ]
    assert bars[-1].endswith("\n")
    assert re.fullmatch(r"4/4 - \d+\.\d s\n", written(verbose=2))
    monkeypatch.setattr(models._Progress, "LONG", -1.0)
    assert (written() != "") == terminal
    # One that takes long but is done at once is not worth a bar.
    stderr.text = ""
    model.predict(np.ones((2, 2)), batch_size=2)
    assert stderr.text == ""


def test_one_model_in_many_threads():
    model = randomized(Sequential([Input((None, None, 3)), Conv2D(4, 3), BatchNormalization(), ReLU()]))
    inputs = [np.random.default_rng(n).random((1, 4 + n % 9, 6, 3)) for n in range(60)]
    expected = [model(x) for x in inputs]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for y, right in zip(pool.map(model, inputs), expected, strict=True):
            np.testing.assert_array_equal(y, right)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_models_can_be_copied_and_pickled(again):
    inner = Sequential([Conv2D(4, 3, kernel_initializer=np.ones((3, 3, 3, 4)), input_shape=(9, 8, 3)), Conv2D(3, 3)])
    model = randomized(Sequential([inner, *small()]))
    other = again(model)
    assert other.layers[0].output_shape == (None, 5, 4, 3)
    assert again(Sequential(small()))(X).shape == (5, 4)
    np.testing.assert_array_equal(other(X), model(X))
    other.pop()
    assert other.output_shape == (None, 2 * 2 * 6)
    assert model.output_shape == (None, 4)


def test_deep_models():
    model = Sequential([Input((8, 8, 2))])
    for _ in range(300):
        model.add(Conv2D(2, 3, padding="same"))
    x = np.random.default_rng(0).random((1, 8, 8, 2))
    assert model.count_params() == 300 * 38
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model))(x), model(x))


# Weights in files


def safetensors(monkeypatch):
    """A package of that name that writes and reads the format: a length, JSON, and bytes."""

    def save_file(arrays, path):
        header, data = {}, b""
        for name, a in arrays.items():
            header[name] = {"dtype": a.dtype.name, "shape": a.shape, "data_offsets": [len(data), len(data) + a.nbytes]}
            data += a.tobytes()
        text = json.dumps(header).encode()
        with open(path, "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text + data)

    def load_file(path):
        with open(path, "rb") as file:
            content = file.read()
        n = int.from_bytes(content[:8], "little")
        arrays, data = {}, content[8 + n :]
        for name, entry in json.loads(content[8 : 8 + n]).items():
            start, end = entry["data_offsets"]
            arrays[name] = np.frombuffer(data[start:end], entry["dtype"]).reshape(entry["shape"])
        return arrays

    package, module = types.ModuleType("safetensors"), types.ModuleType("safetensors.numpy")
    module.save_file, module.load_file = save_file, load_file
    package.numpy = module
    monkeypatch.setitem(sys.modules, "safetensors", package)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", module)


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_weights_go_through_files(tmp_path, monkeypatch, ending):
    safetensors(monkeypatch)

    def made():
        return Sequential(
            [
                Input((9, 8, 3)),
                Conv2D(4, 3),
                Sequential([Input((7, 6, 4)), Conv2D(4, 3), BatchNormalization()], name="inner"),
                Conv2D(4, 3, name="conv2d_1"),
                Conv2D(4, 1),
                Conv2D(4, 1),
            ]
        )

    model, path = randomized(made()), tmp_path / f"w.{ending}"
    model.save_weights(path)
    assert list(tmp_path.iterdir()) == [path]
    names = list(weights.read(str(path)))
    # Automatic names are counted in the model alone, and get out of the way of given ones.
    assert [n for n in names if n.endswith("kernel")] == [
        "conv2d/kernel", "inner/conv2d/kernel", "conv2d_1/kernel", "conv2d_2/kernel", "conv2d_3/kernel",
    ]  # fmt: skip
    other = made()
    assert not np.array_equal(other(X), model(X))
    other.load_weights(path)
    np.testing.assert_array_equal(other(X), model(X))
    for mine, same in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(mine, same)
    model.save_weights(path)
    with pytest.raises(FileExistsError, match=r"there is a file .*; pass overwrite=True to replace it"):
        model.save_weights(path, overwrite=False)


def test_wrong_files_change_nothing(tmp_path):
    model = randomized(Sequential([Input((9, 8, 3)), *small()], name="m"))
    before, path = model.get_weights(), tmp_path / "w.npz"
    model.save_weights(path)
    arrays = dict(np.load(path))
    for changed, message in [
        (
            {**arrays, "a/kernel": None},
            r"Sequential 'm': the file must hold one array .*; it has 'a/kernel' not, and noth",
        ),
        ({**arrays, "z/bias": np.ones(3)}, "it has all of them not|'z/bias' too many"),
        ({**arrays, "a/bias": np.ones(3)}, r"Conv2D 'a': bias must have shape \(6,\), got \(3,\)"),
    ]:
        np.savez(path, **{name: a for name, a in changed.items() if a is not None})
        with pytest.raises(ValueError, match=message):
            model.load_weights(path)
    np.savez(path, **{**arrays, "a/bias": np.ones(6) * 1j})
    with pytest.raises(TypeError, match="Conv2D 'a': bias must hold bool, integers"):
        model.load_weights(path)
    np.savez(path, **{**arrays, "a/bias": np.array([None] * 6)})
    with pytest.raises(ValueError, match=r"cannot be read as \.npz: Object arrays cannot be loaded"):
        model.load_weights(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"cannot be read as \.npz"):
        model.load_weights(path)
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "other.npz")
    with pytest.raises(ValueError, match=r"the name of the file must end with \.npz or \.safetensors, got .*\.h5"):
        model.load_weights(tmp_path / "w.h5")
    with pytest.raises(ValueError, match=r"save_weights: the name of the file must end with"):
        model.save_weights(str(tmp_path / "w"))
    for w, same in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(w, same)


def test_a_file_that_cannot_be_written_is_not_there(tmp_path, monkeypatch):
    model = randomized(Sequential([Input((9, 8, 3)), *small()]))
    path = tmp_path / "w.npz"
    model.save_weights(path)
    before = path.read_bytes()

    def fails(file, **arrays):
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", fails)
    with pytest.raises(OSError, match="no space left"):
        model.save_weights(path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


@pytest.mark.parametrize("call", ["save_weights", "load_weights"])
def test_without_safetensors(monkeypatch, tmp_path, call):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    model = Sequential([Dense(1, input_shape=(2,))])
    with pytest.raises(
        ImportError, match=r"need the package safetensors, .*; install it with .pip install safetensors"
    ):
        getattr(model, call)(tmp_path / "w.safetensors")
    assert list(tmp_path.iterdir()) == []


# Networks from elsewhere: the real ones are in tests/peers, these have what is asked of them


class Tensor(np.ndarray):
    """An array that passes for a tensor of PyTorch."""

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return np.asarray(self)


class Module:
    """What passes for a module of PyTorch."""

    training = False

    def __init__(self, *children, **attributes):
        self._modules = {str(i): child for i, child in enumerate(children)}
        self.__dict__.update(attributes)

    def parameters(self):
        own = [v for v in self.__dict__.values() if isinstance(v, Tensor)]
        found = own + [p for child in self._modules.values() for p in child.parameters()]
        return iter([types.SimpleNamespace(dtype=f"torch.{p.dtype}") for p in found])

    def state_dict(self):
        raise NotImplementedError


def module(kind, *children, **attributes):
    return type(kind, (Module,), {})(*children, **attributes)


def tensor(*shape):
    return np.random.default_rng(shape).uniform(-0.5, 0.5, shape).astype(np.float32).view(Tensor)


def conv(i, o, k, **changed):
    attributes = {
        "in_channels": i, "out_channels": o, "kernel_size": (k, k), "stride": (1, 1), "padding": (0, 0), "groups": 1,
        "dilation": (1, 1), "padding_mode": "zeros", "weight": tensor(o, i // changed.get("groups", 1), k, k),
        "bias": tensor(o),
    }  # fmt: skip
    return module("Conv2d", **{**attributes, **changed})


def test_from_torch():
    first, second = conv(3, 4, 3, stride=(2, 1), padding=(1, 1)), conv(4, 6, 2, groups=2, padding="same", bias=None)
    variance = np.abs(tensor(4)) + 1
    norm = module(
        "BatchNorm2d", num_features=4, eps=1e-3, weight=tensor(4), bias=tensor(4), running_mean=tensor(4),
        running_var=variance,
    )  # fmt: skip
    pool = module("MaxPool2d", kernel_size=2, stride=2, padding=1, dilation=1, ceil_mode=False, return_indices=False)
    linear = module("Linear", in_features=6 * 3 * 5, out_features=2, weight=tensor(2, 90), bias=tensor(2))
    relu = module("ReLU")
    network = module(
        "Sequential",
        module("Sequential", first, norm, relu, pool), second, relu, module("Flatten", start_dim=1, end_dim=-1),
        linear, module("Softmax", dim=1),
    )  # fmt: skip
    x = np.moveaxis(X, -1, 1)
    same = {"layout": "NCHW"}
    y = reference.convolve(x, first.weight, first.bias, stride=(2, 1), padding=1, **same)
    along = (slice(None), None, None)
    y = (y - norm.running_mean[along]) / np.sqrt(variance[along] + 1e-3) * norm.weight[along] + norm.bias[along]
    y = reference.max_pool(np.maximum(y, 0), 2, padding=1, **same)
    y = np.maximum(reference.convolve(y, second.weight, padding="same", groups=2, **same), 0)
    y = np.asarray(y.reshape(5, -1) @ linear.weight.T + linear.bias)
    expected = np.exp(y) / np.exp(y).sum(1, keepdims=True)
    for model in (models.from_torch(network), models.from_torch(network, (3, 9, 8))):
        np.testing.assert_allclose(model(x), expected, rtol=0, atol=1e-5)
        assert [layer.name for layer in model.layers] == ["0.0", "0.1", "0.2", "0.3", "1", "2", "3", "4", "5"]
        assert len(model._steps) == 7
        assert model.layers[4].kernel.shape == (2, 2, 2, 6)
    assert model.output_shape == (None, 2)


def test_from_torch_of_averages():
    attributes = {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": False, "divisor_override": None}
    x = np.moveaxis(X, -1, 1)
    for include in (True, False):
        pool = module("AvgPool2d", count_include_pad=include, **attributes)
        expected = cyconv.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=include, layout="NCHW")
        np.testing.assert_allclose(
            models.from_torch(module("Sequential", pool))(x), expected, rtol=0, atol=9 * 2.0**-24
        )
    pool = module("AdaptiveAvgPool2d", output_size=(4, None))
    expected = cyconv.adaptive_avg_pool2d(x, (4, None), layout="NCHW")
    np.testing.assert_array_equal(models.from_torch(pool)(x), expected)


@pytest.mark.parametrize(
    ("thing", "error", "message"),
    [
        (3, TypeError, "from_torch: module must be a torch.nn.Module, got int"),
        (
            module("Sequential", module("GELU")),
            ValueError,
            "from_torch: layer '0' is a GELU, which is not supported; supp",
        ),
        (
            module("MaxPool1d", ceil_mode=True),
            ValueError,
            "is a MaxPool1d, and ceil_mode=True is not supported there, on",
        ),
        (module("Softmax", dim=None), ValueError, "is a Softmax, and has no dim; give it one"),
        (
            module("BatchNorm1d", running_mean=None),
            ValueError,
            "and has no running statistics; make it with track_running",
        ),
        (
            conv(3, 4, 3, padding_mode="circular"),
            ValueError,
            "padding_mode='circular' is not supported there, only 'zero",
        ),
    ],
)
def test_what_from_torch_refuses(thing, error, message):
    with pytest.raises(error, match=message):
        models.from_torch(thing)


class KerasLayer:
    """What passes for a layer of Keras."""

    trainable = True
    compute_dtype = "float32"

    def __init__(self, name, weights=(), **config):
        self.name, self.weights_, self.config = name, weights, config

    def get_config(self):
        return {"name": self.name, "trainable": True, "dtype": {"class_name": "DTypePolicy"}, **self.config}

    def get_weights(self):
        return list(self.weights_)


def keras_layer(kind, *arguments, **config):
    return type(kind, (KerasLayer,), {})(*arguments, **config)


class KerasModel:
    """What passes for a model of Keras."""

    built = True
    name = "theirs"

    def __init__(self, layers_, shape, config=None):
        self.layers, self.input_shape, self.config = layers_, shape, config
        self.inputs = [types.SimpleNamespace(dtype="float32")]

    def get_config(self):
        return self.config

    def get_layer(self, name):
        return next(layer for layer in self.layers if layer.name == name)

    def get_weights(self):
        raise NotImplementedError


def keras_model(kind, *arguments):
    return type(kind, (KerasModel,), {})(*arguments)


def test_from_keras():
    kernel, bias, dense = (np.asarray(tensor(*shape)) for shape in [(3, 3, 3, 4), (4,), (7 * 6 * 4, 2)])
    found = [
        keras_layer("InputLayer", "image"),
        keras_layer(
            "Conv2D", "c", [kernel, bias], filters=4, kernel_size=(3, 3), strides=(1, 1), padding="valid", groups=1,
            data_format="channels_last", dilation_rate=(1, 1), activation="linear", use_bias=True,
            kernel_initializer={"class_name": "GlorotUniform"}, kernel_regularizer=None, bias_constraint=None,
        ),
        keras_layer("LeakyReLU", "l", negative_slope=0.1),
        keras_layer("Flatten", "f", data_format="channels_last"),
        keras_layer("Dropout", "drop", rate=0.5, seed=None, noise_shape=None),
        keras_layer("Dense", "d", [dense], units=2, activation="relu", use_bias=False, quantization_config=None),
    ]  # fmt: skip
    y = reference.convolve(X, kernel, bias)
    expected = np.maximum(np.where(y < 0, 0.1 * y, y).reshape(5, -1) @ dense, 0)
    model = models.from_keras(keras_model("Sequential", found[1:], (None, 9, 8, 3)))
    np.testing.assert_allclose(model(X), expected, rtol=0, atol=1e-5)
    assert model.name == "theirs"
    assert [layer.name for layer in model.layers] == ["c", "l", "f", "drop", "d"]

    # Functional, by the configurations of Keras 3 and 2.
    three = [
        {
            "name": layer.name,
            "inbound_nodes": [] if i == 0 else [{"args": ({"keras_history": [found[i - 1].name, 0, 0]},)}],
        }
        for i, layer in enumerate(found)
    ]
    two = [
        {"name": layer.name, "inbound_nodes": [] if i == 0 else [[[found[i - 1].name, 0, 0, {}]]]}
        for i, layer in enumerate(found)
    ]
    for entries, ends in ((three, ["d", 0, 0]), (three, [["d", 0, 0]]), (two, [["d", 0, 0]])):
        config = {"layers": entries[::-1], "output_layers": ends}
        model = models.from_keras(keras_model("Functional", found, (None, 9, 8, 3), config))
        np.testing.assert_allclose(model(X), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("thing", "error", "message"),
    [
        (3, TypeError, "from_keras: model must be a model of Keras, got int"),
        (keras_model("Mine", [], (None, 3)), ValueError, "Mine 'theirs' must be a Sequential or a functional model"),
        (
            keras_model("Sequential", [], [(None, 3), (None, 3)]),
            ValueError,
            "model 'theirs' must have one input, got sha",
        ),
        (
            keras_model("Sequential", [keras_layer("LSTM", "l")], (None, 3)),
            ValueError,
            "from_keras: layer 'l' is a LSTM, which is not supported; supported are Conv1D",
        ),
        (
            keras_model("Sequential", [keras_layer("Dense", "d", units=2, lora_rank=4)], (None, 3)),
            ValueError,
            r"layer 'd' \(Dense\) has lora_rank=4, which is not supported",
        ),
        (
            keras_model("Sequential", [keras_layer("Dense", "d", units=2, activation={"class_name": "x"})], (None, 3)),
            TypeError,
            "Dense 'd': activation must be one of None, 'linear', .* got {'class_name': 'x'}",
        ),
        (
            keras_model("Functional", [], (None, 3), {"layers": [], "output_layers": [["a", 0, 0], ["b", 0, 0]]}),
            ValueError,
            "model 'theirs' must have one output, got 2; make one model for each",
        ),
    ],
)
def test_what_from_keras_refuses(thing, error, message):
    with pytest.raises(error, match=message):
        models.from_keras(thing)


def test_neither_keras_nor_pytorch_is_imported():
    code = (
        "import sys, cyconv.models\n"
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax', 'safetensors', 'rich'} & set(sys.modules)))"
    )
    assert python(code).stdout.split() == [b"[]"]


def test_importing_cyconv_does_not_import_layers():
    code = (
        "import sys, cyconv\n"
        "print(sorted(m for m in sys.modules if m in ('cyconv.layers', 'cyconv.models', 'cyconv.initializers')))\n"
        "print(cyconv.models.Sequential.__name__, cyconv.layers.Conv2D.__name__, cyconv.initializers.Ones.__name__)\n"
        "print(hasattr(cyconv, 'anything'))"
    )
    assert python(code).stdout.decode().split() == ["[]", "Sequential", "Conv2D", "Ones", "False"]


def test_supported_layers_are_those_there_are():
    """Each layer of ours has its namesake of Keras."""
    made = {getattr(layers, name).__name__ for name in layers.__all__ if name not in ("Input", "SymbolicTensor")}
    assert set(convert._KERAS) == made - {"Layer", "InputLayer"}
