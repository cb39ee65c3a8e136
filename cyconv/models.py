"""Models with Keras's names, for inference on NumPy arrays: layers that follow each other."""

import math
import os
import sys
import time

import numpy as np

from cyconv import checks, convert, shapes, summary, weights
from cyconv.graph import ALL, Layer, SymbolicTensor, automatic_names, clear_session, counted, fits, spelled
from cyconv.layers import InputLayer

__all__ = ["Model", "Sequential", "clear_session", "from_keras", "from_torch"]

_VERBOSE = ("auto", 0, 1, 2)


def _refused(name):
    """A method that Keras has and that is not offered."""

    def method(self, *args, **kwargs):
        raise NotImplementedError(
            f"{self.label}: {name} is not offered: models here compute, they do not learn; train with Keras or PyTorch"
            " and bring the network here with cyconv.models.from_keras or from_torch"
        )

    method.__name__ = name
    method.__doc__ = "Not offered: raises NotImplementedError, as models here do not learn."
    return method


class Model(Layer):
    """Layers between an input and an output, which follow each other.

    Parameters
    ----------
    inputs : SymbolicTensor
        From `cyconv.layers.Input`.
    outputs : SymbolicTensor
        What the last layer returned.
    name : str, optional
    **others
        ``input`` and ``output``: Keras 1's names of the two; ``trainable``.

    Raises
    ------
    TypeError, ValueError
        If these are no symbolic tensors, more than one each, or the outputs are not computed from
        the inputs.

    Examples
    --------
    >>> from cyconv.layers import Conv2D, Dense, Flatten, Input
    >>> from cyconv.models import Model
    >>> image = Input((128, 128, 3), name="image")
    >>> x = Conv2D(24, kernel_size=(8, 8), strides=(2, 2), activation="relu", name="conv_1")(image)
    >>> x = Flatten(name="flatten")(x)
    >>> model = Model(inputs=image, outputs=Dense(1, name="output")(x), name="network")
    >>> model.summary(line_length=60)
    Model: "network"
    ┏━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┓
    ┃ Layer (type)             ┃ Output Shape      ┃   Param # ┃
    ┡━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━┩
    │ image (InputLayer)       │ (None, 128, 128,  │         0 │
    │                          │ 3)                │           │
    ├──────────────────────────┼───────────────────┼───────────┤
    │ conv_1 (Conv2D)          │ (None, 61, 61,    │     4,632 │
    │                          │ 24)               │           │
    ├──────────────────────────┼───────────────────┼───────────┤
    │ flatten (Flatten)        │ (None, 89304)     │         0 │
    ├──────────────────────────┼───────────────────┼───────────┤
    │ output (Dense)           │ (None, 1)         │    89,305 │
    └──────────────────────────┴───────────────────┴───────────┘
     Total params: 93,937 (366.94 KB)
     Trainable params: 93,937 (366.94 KB)
     Non-trainable params: 0 (0.00 B)
    """

    def __init__(self, inputs=None, outputs=None, name=None, **others):
        super().__init__(name=name, trainable=others.pop("trainable", True))
        given = {"inputs": inputs, "outputs": outputs}
        for new, old in (("inputs", "input"), ("outputs", "output")):
            if old in others:
                if given[new] is not None:
                    raise TypeError(f"{self.label}: {old} is an older name of {new}; give one of them")
                given[new] = others.pop(old)
        for argument, value in others.items():
            raise TypeError(f"{self.label}: there is no argument {argument!r}, got {argument}={value!r}; leave it out")
        inputs, outputs = (_one_tensor(self.label, *item) for item in given.items())
        self._connect(inputs, _chain(self.label, inputs, outputs))

    def _name(self, name):
        return super()._name(counted("functional", automatic_names) if name is None and type(self) is Model else name)

    def _connect(self, inputs, chain):
        """Takes what the model consists of: its input, and what each layer returned."""
        layers = list(dict.fromkeys(tensor.layer for tensor in (inputs, *chain)))
        names = [layer.name for layer in layers]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise ValueError(f"{self.label}: two layers are called {name!r}; give one of them another name")
        if not self.built:
            self.dtype = inputs.dtype
        self._inputs, self._chain, self._layers = inputs, chain, layers
        self._input_shape, self._built = inputs.shape, True
        self._seen = set()
        # What runs: layers, and what they are told to do for those behind them.
        self._steps = [(inputs.layer, {})]
        for tensor in chain:
            last, taken = self._steps[-1]
            joined = last.joined(tensor.layer, tensor.source.ndim, taken)
            if joined is None:
                self._steps.append((tensor.layer, {}))
            else:
                self._steps[-1] = last, joined

    def __getstate__(self):
        first = None if self._inputs is None else self._inputs.layer
        return {
            **super().__getstate__(),
            "_inputs": first,
            "_chain": self._sequence() if self.built else [],
            "_steps": [],
        }

    def __setstate__(self, state):
        self.__dict__.update(state, _inputs=None, _chain=[])
        if state["_inputs"] is not None:
            self._connect(*_called(state["_inputs"], state["_chain"]))

    compile = _refused("compile")
    fit = _refused("fit")
    evaluate = _refused("evaluate")
    train_on_batch = _refused("train_on_batch")

    # What it consists of

    @property
    def layers(self):
        """The layers, each once; with the `InputLayer`, unless the model is a `Sequential`."""
        return list(self._layers)

    def get_layer(self, name=None, index=None):
        """The layer of a name, or at a place in `layers`.

        Parameters
        ----------
        name : str, optional
        index : int, optional

        Returns
        -------
        Layer

        Raises
        ------
        TypeError, ValueError
            If there is none.
        """
        if index is not None:
            index = checks.integer(self.label, "index", index, -len(self.layers))
            if index >= len(self.layers):
                raise ValueError(
                    f"{self.label}: index must be below {len(self.layers)}, the number of layers, got {index}"
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(repr(layer.name) for layer in self.layers)
        raise ValueError(f"{self.label}: there is no layer {name!r}, only {names}")

    @property
    def input(self):
        """The symbolic tensor that the model begins with."""
        self._must_be_built("input")
        return self._inputs

    @property
    def output(self):
        """The symbolic tensor that the model ends with."""
        self._must_be_built("output")
        return self._chain[-1] if self._chain else self._inputs

    @property
    def inputs(self):
        """A list of `input`."""
        return [self.input]

    @property
    def outputs(self):
        """A list of `output`."""
        return [self.output]

    @property
    def output_dtype(self):
        return self.output.dtype

    @property
    def trainable(self):
        """Whether summaries count weights as trainable; sets it for all layers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = checks.flag(self.label, "trainable", value)
        for layer in getattr(self, "_layers", ()):
            layer.trainable = value

    def variables(self):
        for layer in self._layers:
            yield from layer.variables()

    def trainables(self):
        for layer in self._layers:
            yield from ((array, trainable and self.trainable) for array, trainable in layer.trainables())

    # Shapes and costs

    def compute_output_shape(self, input_shape):
        shape = self.read_shape(input_shape)
        if self.built and not fits(shape, self._inputs.shape):
            hint = "; one sample needs a batch axis, x[None]" if fits((None, *shape), self._inputs.shape) else ""
            raise ValueError(f"{self.label}: inputs must have shape {self._inputs.shape}, got {shape}{hint}")
        for layer in self._sequence():
            shape = layer.compute_output_shape(shape)
        return shape

    def _sequence(self):
        """The layers in the order of their calls."""
        return [tensor.layer for tensor in self._chain]

    def build(self, input_shape):
        self.compute_output_shape(input_shape)

    def macs(self, input_shape):
        shape, total = input_shape, 0
        for layer in self._sequence():
            n = layer.macs(shape)
            total = None if None in (n, total) else total + n
            shape = layer.compute_output_shape(shape)
        return total

    def windows(self, input_shape):
        shape, found = input_shape, []
        for layer in self._sequence():
            found += layer.windows(shape)
            shape = layer.compute_output_shape(shape)
        return found

    def summary(self, style="keras3", costs=False, print_fn=None, line_length=None):
        """Prints a table of the layers, their outputs and their parameters.

        Parameters
        ----------
        style : str, default "keras3"
            The table of Keras 3, or ``"keras2"``: that of Keras 2.0 to 2.2.  Neither cuts names.
        costs : bool, default False
            Whether to add, for one sample, multiply-adds, bytes of each output, and the receptive
            field: the part of the input that one unit of an output sees.  A batch normalization that
            is put into the weights before it has no multiply-adds, and softmax no receptive field.
        print_fn : callable, optional
            Called with each line, instead of `print`.
        line_length : int, optional
            Characters of a line; by default as in Keras, or with `costs` as the columns need.

        Raises
        ------
        TypeError, ValueError
            If there is no such style, costs are wanted of a model that has not seen an input, or the
            line is too short.

        Examples
        --------
        >>> from cyconv.layers import Conv2D, MaxPooling2D
        >>> from cyconv.models import Sequential
        >>> model = Sequential([Conv2D(32, 5, input_shape=(28, 28, 3), name="a"), MaxPooling2D(name="b")])
        >>> model.summary(style="keras2")  # doctest: +NORMALIZE_WHITESPACE
        _________________________________________________________________
        Layer (type)                 Output Shape              Param #
        =================================================================
        a (Conv2D)                   (None, 24, 24, 32)        2432
        _________________________________________________________________
        b (MaxPooling2D)             (None, 12, 12, 32)        0
        =================================================================
        Total params: 2,432
        Trainable params: 2,432
        Non-trainable params: 0
        _________________________________________________________________
        >>> model.summary(costs=True)  # doctest: +ELLIPSIS
        Model: "..."
        ┏━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓
        ┃ Layer (type)     ┃ Output Shape       ┃ Param # ┃ Multiply-adds ┃ Output bytes ┃ Receptive field ┃
        ┡━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩
        │ a (Conv2D)       │ (None, 24, 24, 32) │   2,432 │     1,382,400 │       73,728 │ 5 x 5           │
        ├──────────────────┼────────────────────┼─────────┼───────────────┼──────────────┼─────────────────┤
        │ b (MaxPooling2D) │ (None, 12, 12, 32) │       0 │             0 │       18,432 │ 6 x 6           │
        └──────────────────┴────────────────────┴─────────┴───────────────┴──────────────┴─────────────────┘
         Total params: 2,432 (9.50 KB)
         Trainable params: 2,432 (9.50 KB)
         Non-trainable params: 0 (0.00 B)
         Multiply-adds of one sample: 1,382,400
         Largest output of one sample: 73,728 bytes
        """
        table = summary.TABLES[checks.choice("summary", "style", style, summary.STYLES)]
        costs = checks.flag("summary", "costs", costs)
        if line_length is not None:
            line_length = checks.integer("summary", "line_length", line_length, 1)
        if costs and not self.built:
            raise ValueError(f"{self.label}: costs are not known before the model has seen an input; give input_shape=")
        about, lines = self._costs() if costs else ({}, ())
        rows = [
            summary.Row(layer.name, type(layer).__name__, self._shape_of(layer), _params(layer), about.get(layer, ()))
            for layer in self.layers
        ]
        for line in table(self.name, rows, summary.Totals(*self._totals(), lines), line_length):
            (print if print_fn is None else print_fn)(line)

    def _shape_of(self, layer):
        """The shape of what a layer returned in this model, at last."""
        if not self.built:
            return None
        return next(t.shape for t in reversed((self._inputs, *self._chain)) if t.layer is layer)

    def _totals(self):
        """Numbers of parameters that are trainable and that are not, and their bytes."""
        totals = [0, 0, 0, 0]
        for array, trainable in self.trainables():
            totals[not trainable] += array.size
            totals[2 + (not trainable)] += array.nbytes
        return totals

    def _costs(self):
        """What each layer costs for one sample, as text, and lines about all."""
        folded = {taken["norm"] for _, taken in self._steps if "norm" in taken}
        ndim = max(self._inputs.ndim - 2, 1)
        about, windows, counts, sizes = {}, [], [], []
        for tensor in (self._inputs, *self._chain):
            layer, macs = tensor.layer, 0
            if tensor.source is not None:
                windows += layer.windows(tensor.source.shape)
                macs = 0 if layer in folded else layer.macs(tensor.source.shape)
            counts.append(macs)
            known = None not in tensor.shape[1:]
            sizes.append(math.prod(tensor.shape[1:]) * tensor.dtype.itemsize if known else None)
            about[layer] = _number(macs), _number(sizes[-1]), _field(windows, ndim)
        total = None if None in counts else sum(counts)
        largest = None if None in sizes else max(sizes)
        return about, (
            f"Multiply-adds of one sample: {_number(total)}",
            f"Largest output of one sample: {_number(largest)} bytes",
        )

    # Numbers

    def call(self, x):
        y = x
        for layer, taken in self._steps:
            y = layer.run(y, **taken)
        return y.copy() if np.may_share_memory(x, y) else y

    def predict(self, x, batch_size=32, verbose="auto"):
        """The outputs for samples, some at a time.

        Parameters
        ----------
        x : array_like
            Samples along the first axis.
        batch_size : int, default 32
            How many go through the layers together; results do not depend on it, memory does.
        verbose : {"auto", 0, 1, 2}, default "auto"
            What is written to stderr: 0 nothing; 1 a bar that shows the progress; 2 a line at the
            end; ``"auto"`` a bar after the first second, if stderr is a terminal.

        Returns
        -------
        ndarray

        Raises
        ------
        TypeError, ValueError
            If `x` is not what the model takes, or an argument has a value that it cannot have.

        Examples
        --------
        >>> import numpy as np
        >>> from cyconv.layers import Conv2D
        >>> from cyconv.models import Sequential
        >>> model = Sequential([Conv2D(8, 3, input_shape=(32, 32, 3))])
        >>> model.predict(np.zeros((100, 32, 32, 3), np.uint8)).shape
        (100, 30, 30, 8)
        """
        x = checks.array(self.label, "x", x)
        n = 32 if batch_size is None else checks.integer(self.label, "batch_size", batch_size, 1)
        if isinstance(verbose, bool) or verbose not in _VERBOSE:
            raise ValueError(f"{self.label}: verbose must be one of {', '.join(map(repr, _VERBOSE))}, got {verbose!r}")
        samples = x.shape[0] if x.ndim else 0
        if self.built and self._inputs.shape[0] is not None:
            n = self._inputs.shape[0]
        progress = _Progress(max(-(-samples // n), 1), verbose)
        result = None
        for batch, start in enumerate(range(0, max(samples, 1), n), 1):
            y = self(x[start : start + n] if samples > n else x)
            if samples > n:
                if result is None:
                    result = np.empty((samples, *y.shape[1:]), y.dtype)
                result[start : start + n] = y
            else:
                result = y
            progress.show(batch)
        return result

    # Weights in files

    def paths(self, prefix=""):
        """Names of all weights in files: those of the layers and their weights.

        Layers that were not given a name are counted anew in each model, so that a model that is made
        once more in the same process reads the same files.

        Yields
        ------
        str, Layer, str
            The name, the layer, and the layer's name of the weight.
        """
        counts, taken = {}, {layer.name for layer in self._layers if layer.named}
        for layer in self._layers:
            name = layer.name
            if not layer.named:
                name = counted(spelled(type(layer).__name__), counts)
                while name in taken:
                    name = counted(spelled(type(layer).__name__), counts)
            if isinstance(layer, Model):
                yield from layer.paths(f"{prefix}{name}/")
            else:
                yield from ((f"{prefix}{name}/{weight}", layer, weight) for _, weight in layer.variables())

    def save_weights(self, filepath, overwrite=True):
        """Writes all weights to a file.

        Parameters
        ----------
        filepath : str or os.PathLike
            Ends with ``.npz``, or with ``.safetensors`` if that package is installed.
        overwrite : bool, default True
            Whether a file of that name is replaced.

        Raises
        ------
        TypeError, ValueError
            If the name has another ending, or the model has not seen an input.
        FileExistsError
            If there is such a file that is not to be replaced.
        ImportError
            If the package is needed and not installed.
        OSError
            If the file cannot be written.
        """
        if not checks.flag(self.label, "overwrite", overwrite) and os.path.exists(filepath):
            raise FileExistsError(
                f"{self.label}: there is a file {os.fspath(filepath)!r}; pass overwrite=True to replace it"
            )
        self._must_be_built("save_weights", ValueError)
        weights.write(filepath, {path: layer.variable(name) for path, layer, name in self.paths()})

    def load_weights(self, filepath):
        """Replaces all weights by those of a file, by their names.

        Parameters
        ----------
        filepath : str or os.PathLike
            As in `save_weights`.

        Raises
        ------
        TypeError, ValueError
            If the file holds other names or shapes, is none of these, or the model has not seen an
            input; then nothing is replaced.
        ImportError
            If the package is needed and not installed.
        OSError
            If the file cannot be read.
        """
        self._must_be_built("load_weights", ValueError)
        arrays, paths = weights.read(filepath), list(self.paths())
        weights.match(self.label, [path for path, _, _ in paths], list(arrays))
        self.set_weights([arrays[path] for path, _, _ in paths])


class Sequential(Model):
    """A list of layers.

    Parameters
    ----------
    layers : sequence of Layer, optional
        The first may have been told its ``input_shape``, or be an `cyconv.layers.Input`; otherwise
        the first array says what it is.
    trainable : bool, default True
        Whether summaries count weights as trainable.
    name : str, optional

    Raises
    ------
    TypeError, ValueError
        As `add`.

    Examples
    --------
    >>> import numpy as np
    >>> from cyconv.layers import Conv2D, MaxPooling2D
    >>> from cyconv.models import Sequential
    >>> model = Sequential()
    >>> model.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
    >>> model.add(Conv2D(64, (3, 3), activation="relu"))
    >>> [layer.get_weights()[0].shape for layer in model.layers]
    [(3, 3, 1, 32), (3, 3, 32, 64)]
    >>> model(np.zeros((5, 28, 28, 1))).shape
    (5, 24, 24, 64)
    """

    def __init__(self, layers=None, trainable=True, name=None):
        Layer.__init__(self, name=name, trainable=trainable)
        self._inputs, self._chain, self._layers = None, [], []
        if layers is not None and not checks.is_sequence(layers):
            raise TypeError(f"{self.label}: layers must be a list of layers, got {layers!r}; put it into brackets")
        for layer in layers or ():
            self.add(layer)

    def add(self, layer):
        """Puts a layer behind the others.

        Parameters
        ----------
        layer : Layer or SymbolicTensor
            A layer or a model; first of all also an `cyconv.layers.Input`.

        Raises
        ------
        TypeError
            If it is none of these.
        ValueError
            If there is a layer of that name, or it does not take the output of the one before.
        """
        if isinstance(layer, SymbolicTensor) and layer.source is None:
            layer = layer.layer
        if not isinstance(layer, Layer):
            hint = f"; call it first: {layer.__name__}(...)" if isinstance(layer, type) else ""
            raise TypeError(f"{self.label}: add takes a layer or an Input, got {layer!r}{hint}")
        if isinstance(layer, InputLayer):
            if self.built or self._layers:
                raise ValueError(f"{self.label}: an Input comes first, got one behind {len(self._layers)} layers")
            self._connect(layer.output, [])
            return
        if not self._layers and not self.built:
            start = layer.input_shape if isinstance(layer, Model) and layer.built else layer.given_shape
            if start is not None:
                dtype = layer.dtype
                self._connect(InputLayer(batch_shape=start, dtype=dtype).output, [])
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                f"{self.label}: there is a layer called {layer.name!r} already; give one of them another name"
            )
        if self.built:
            self._connect(self._inputs, [*self._chain, layer(self.output)])
        else:
            self._layers = [*self._layers, layer]

    def pop(self):
        """Takes the last layer away.

        Returns
        -------
        Layer

        Raises
        ------
        ValueError
            If there is none.
        """
        if not self.layers:
            raise ValueError(f"{self.label}: there is no layer to take away")
        layer = self.layers[-1]
        if self.built:
            self._connect(self._inputs, self._chain[:-1])
        else:
            self._layers = self._layers[:-1]
        return layer

    @property
    def layers(self):
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    def _sequence(self):
        return super()._sequence() if self.built else self._layers

    def build(self, input_shape):
        if not self.built:
            if not self._layers:
                raise ValueError(f"{self.label}: there are no layers; add some first")
            shape = self.read_shape(input_shape)
            self.compute_output_shape(shape)
            first = InputLayer(batch_shape=(None, *shape[1:]), dtype=self._layers[0].dtype)
            self._connect(*_called(first, self._layers))
        self.compute_output_shape(input_shape)


class _Progress:
    """A bar on stderr that says how many batches are done."""

    WIDTH = 30
    LONG = 1.0  # seconds

    def __init__(self, batches, verbose):
        self.batches, self.verbose, self.shown = batches, verbose, False
        self.start = time.monotonic()

    def show(self, done):
        seconds, last = time.monotonic() - self.start, done == self.batches
        bar = self.verbose == 1 or (
            self.verbose == "auto" and seconds > self.LONG and (self.shown or not last) and sys.stderr.isatty()
        )
        if bar:
            marks = "=" * (self.WIDTH * done // self.batches)
            left = 0 if last else seconds / done * (self.batches - done)
            text = f"{done}/{self.batches} [{marks:.<{self.WIDTH}}] {seconds:.1f} s, {left:.1f} s left"
            sys.stderr.write(f"\r{text}   " + ("\n" if last else ""))
            self.shown = True
        elif self.verbose == 2 and last:
            sys.stderr.write(f"{done}/{self.batches} - {seconds:.1f} s\n")
        sys.stderr.flush()


def _called(first, sequence):
    """The symbolic tensor of an input layer, and those that layers return when they are called one after the other."""
    tensor, chain = first.output, []
    for layer in sequence:
        tensor = layer(tensor)
        chain.append(tensor)
    return first.output, chain


def _one_tensor(label, name, value):
    """The symbolic tensor that an argument is, or holds alone."""
    if isinstance(value, (list, tuple)) and len(value) == 1:
        (value,) = value
    if isinstance(value, (list, tuple, dict)):
        raise ValueError(
            f"{label}: {name} must be one symbolic tensor, got {len(value)}; models of several inputs or outputs"
            " are not offered: make one model for each"
        )
    if not isinstance(value, SymbolicTensor):
        raise TypeError(f"{label}: {name} must be a symbolic tensor, which begins with Input(shape), got {value!r}")
    return value


def _chain(label, inputs, outputs):
    """What the layers between the inputs and the outputs returned, in order."""
    if inputs.source is not None:
        raise ValueError(f"{label}: inputs must come from Input(shape), got what {inputs.layer.label} returned")
    chain, tensor = [], outputs
    while tensor is not inputs:
        if tensor.source is None:
            raise ValueError(
                f"{label}: outputs must be computed from inputs ({inputs.name!r}), but they begin with {tensor.name!r}"
            )
        chain.append(tensor)
        tensor = tensor.source
    return chain[::-1]


def _params(layer):
    """Number of parameters; None if the layer will have some."""
    if layer.built:
        return layer.count_params()
    return 0 if type(layer).weight_shapes is Layer.weight_shapes and not isinstance(layer, Model) else None


def _number(n):
    return "?" if n is None else f"{n:,}"


def _field(windows, ndim):
    """The receptive field behind some windows, as text."""
    sizes = [window["kernel_size"] for window in windows]
    if ALL in sizes:
        return "all"
    if None in sizes:
        return "?"
    size = shapes.receptive_field(windows).size if windows else (1,) * ndim
    return " x ".join(map(str, size))


def from_keras(model):
    """A model of Keras, with its weights.

    Keras itself is not imported: classes are told by their names, and what they are by their
    configuration, of Keras 2 and 3 alike.

    Parameters
    ----------
    model : keras.Sequential or keras.Model
        Whose layers follow each other and are among those of `cyconv.layers`.  It must be built.

    Returns
    -------
    Sequential
        With the names of the layers.

    Raises
    ------
    TypeError
        If it is no model of Keras.
    ValueError
        If a layer is not supported, or has an argument that is not: the message names it.
    """
    pairs = convert.keras_layers(model, from_keras)
    made = Sequential([ours for ours, _ in pairs], name=model.name)
    for ours, theirs in pairs:
        if theirs is not None:
            ours.set_weights(theirs.get_weights())
    return made


def from_torch(module, input_shape=None):
    """A network of PyTorch, with its weights, as it is in ``eval()``; channels stay first.

    PyTorch itself is not imported: classes are told by their names.

    Parameters
    ----------
    module : torch.nn.Module
        A `torch.nn.Sequential` of convolutions, batch normalizations, pools, linear layers and
        activations, or of such; or one of these alone.
    input_shape : sequence of (int or None), optional
        Of one sample, as (channels, rows, columns).  Without it the first array says it.

    Returns
    -------
    Sequential
        With the names that the layers have in PyTorch's ``state_dict``.

    Raises
    ------
    TypeError
        If it is no module of PyTorch, or `input_shape` no shape.
    ValueError
        If a layer is not supported, or has an argument that is not: the message names it.
    """
    return Sequential(convert.torch_layers(module, input_shape))
