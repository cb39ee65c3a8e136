"""Layers as such: names, shapes, weights, and what it means to call one on an array or on a promise of one."""

import contextlib
import re
import threading

import numpy as np

from cyconv import checks, initializers

DTYPES = ("float16", "float32", "float64")

# Keras's arguments that matter in training only.
_TRAINING = frozenset(
    (
        "activity_regularizer",
        *(f"{name}_{kind}" for name in ("kernel", "bias", "depthwise", "pointwise", "beta", "gamma")
          for kind in ("regularizer", "constraint")),
    )
)  # fmt: skip

ALL = "all"
"""In place of the size of a window: everything."""

automatic_names = {}
"""How often each name was given to a layer."""

_MANY_SHAPES = 64


def spelled(name):
    """The name of a class as automatic names of layers have it.

    Parameters
    ----------
    name : str

    Returns
    -------
    str

    Examples
    --------
    >>> from cyconv.graph import spelled
    >>> spelled("Conv2D"), spelled("MaxPooling2D"), spelled("ReLU")
    ('conv2d', 'max_pooling2d', 're_lu')
    """
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def counted(name, counts):
    """The name, with a number behind it from the second time on.

    Parameters
    ----------
    name : str
    counts : dict
        How often each name came; changed.

    Returns
    -------
    str
    """
    n = counts[name] = counts.get(name, -1) + 1
    return f"{name}_{n}" if n else name


def clear_session():
    """Lets automatic names begin at their first number again, as Keras's function of that name.

    Layers and models that exist keep their names.

    Examples
    --------
    >>> from cyconv import layers, models
    >>> models.clear_session()
    >>> layers.Conv2D(8, 3).name, layers.Conv2D(8, 3).name
    ('conv2d', 'conv2d_1')
    """
    automatic_names.clear()


class SymbolicTensor:
    """The promise of an array: a shape, and the layer that will make it.

    What `cyconv.layers.Input` returns, and a layer that is called on another promise.

    Attributes
    ----------
    shape : tuple of int or None
        None where it is not known yet, as the number of samples.
    dtype : numpy.dtype
    layer : Layer
    source : SymbolicTensor or None
        What the layer was called on; None if it is an input.
    """

    def __init__(self, shape, dtype, layer, source):
        self.shape, self.dtype, self.layer, self.source = shape, dtype, layer, source

    @property
    def name(self):
        return self.layer.name

    @property
    def ndim(self):
        return len(self.shape)

    def __repr__(self):
        return f"<SymbolicTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __array__(self, *args, **kwargs):
        raise TypeError(
            f"a symbolic tensor has no numbers ({self!r}); call layers on it, make a Model of the result,"
            " and call the model on an array"
        )

    def _merge(self, other):
        raise NotImplementedError(
            f"symbolic tensors cannot be combined ({self!r}): layers that merge others are not offered;"
            " make one model for each branch and combine their arrays"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __matmul__ = __getitem__ = _merge


class Layer:
    """What all layers have.

    Parameters
    ----------
    name : str, optional
        By default the name of the class and a number.
    dtype : str or dtype, default "float32"
        ``"float16"``, ``"float32"`` or ``"float64"``: of the weights and the result.  Inputs are
        converted to it.
    trainable : bool, default True
        Whether summaries count its weights as trainable.
    input_shape, batch_input_shape : sequence of (int or None), optional
        Shape of the inputs without or with samples, in the first layer of a `Sequential`.
    input_dim : int, optional
        The same as ``input_shape=(input_dim,)``.

    Raises
    ------
    TypeError, ValueError
        If there is no such argument, or it has a value that it cannot have.
    """

    def __init__(self, *, name=None, dtype=None, trainable=True, **others):
        self.name, self.named = self._name(name), name is not None
        label = self.label
        self.dtype = _dtype(label, dtype)
        self.trainable = checks.flag(label, "trainable", trainable)
        self.given_shape = _given_shape(label, others)
        for argument, value in others.items():
            if argument not in _TRAINING:
                raise TypeError(f"{label}: there is no argument {argument!r}, got {argument}={value!r}; leave it out")
            if value is not None:
                raise ValueError(
                    f"{label}: {argument} matters in training, which is not offered here; got {value!r}, leave it out"
                )
        self._weights = {}
        self._version = 0
        self._input_shape = self._output = None
        self._seen = set()
        self._built = False

    def _name(self, name):
        if name is None:
            return counted(spelled(type(self).__name__), automatic_names)
        if not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: name must be a string, got {name!r}")
        if not name or "/" in name:
            raise ValueError(
                f"{type(self).__name__}: name must be a string without '/', got {name!r}; use another mark"
            )
        return name

    def __setattr__(self, name, value):
        if getattr(self, "_built", False) and not name.startswith("_") and name != "trainable":
            raise AttributeError(
                f"{self.label}: {name} cannot be changed any more; make a new layer, or set_weights(...)"
            )
        super().__setattr__(name, value)

    def __getstate__(self):
        # Symbolic tensors hold each other; models make them again.
        return {**self.__dict__, "_output": None}

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    @property
    def label(self):
        """The layer as messages name it."""
        return f"{type(self).__name__} {self.name!r}"

    @property
    def built(self):
        """Whether the layer has seen the shape of its inputs, and has its weights."""
        return self._built

    # Shapes

    @property
    def input_shape(self):
        """Shape of the inputs, with None for the number of samples."""
        self._must_be_built("input_shape")
        return self._input_shape

    @property
    def output_shape(self):
        """Shape of the outputs, with None for the number of samples."""
        self._must_be_built("output_shape")
        return self.compute_output_shape(self._input_shape)

    @property
    def output(self):
        """What the layer returned when it was last called on a symbolic tensor."""
        if self._output is None:
            raise AttributeError(f"{self.label}: output is not known; call the layer on an Input first")
        return self._output

    @property
    def input(self):
        """What the layer was last called on, if that was a symbolic tensor."""
        return self.output if self.output.source is None else self.output.source

    @property
    def output_dtype(self):
        """The dtype of the result."""
        return self.dtype

    def _must_be_built(self, name, error=AttributeError):
        if not self.built:
            raise error(f"{self.label}: {name}: nothing is known before the layer has seen an input; give input_shape=")

    def compute_output_shape(self, input_shape):
        """The shape of the outputs for inputs of a shape.

        Parameters
        ----------
        input_shape : sequence of (int or None)
            With the samples; None is not known.

        Returns
        -------
        tuple of (int or None)

        Raises
        ------
        TypeError, ValueError
            If the layer does not take such inputs.
        """
        return self.read_shape(input_shape)

    def read_shape(self, value, ndim=None, least=1):
        """A shape of inputs, checked: its number of axes, or the least."""
        shape = read_shape(self.label, "input_shape", value)
        if ndim is not None and len(shape) != ndim:
            hint = "; one sample needs a batch axis, x[None]" if len(shape) == ndim - 1 else ""
            raise ValueError(f"{self.label}: inputs must have {ndim} axes, got {len(shape)}: shape {shape}{hint}")
        if len(shape) < least:
            raise ValueError(f"{self.label}: inputs must have at least {least} axes, got {len(shape)}: shape {shape}")
        return shape

    # Weights

    def weight_shapes(self, input_shape):
        """What weights there are, for inputs of a shape.

        Parameters
        ----------
        input_shape : tuple of (int or None)

        Returns
        -------
        dict
            By name: the shape, and what makes the first values.
        """
        return {}

    def build(self, input_shape):
        """Makes the weights for inputs of a shape, if they are not there yet.

        Parameters
        ----------
        input_shape : sequence of (int or None)
            With the samples.

        Raises
        ------
        TypeError, ValueError
            If the layer does not take such inputs.
        """
        self.compute_output_shape(input_shape)
        if self.built:
            return
        shape = (None, *read_shape(self.label, "input_shape", input_shape)[1:])
        if self.given_shape and not fits(shape, self.given_shape):
            raise ValueError(
                f"{self.label}: input_shape={self.given_shape[1:]} was given, but inputs have shape {shape};"
                " give it to the first layer of a Sequential only"
            )
        weights = {
            name: _constant(np.asarray(initializer(size, self.dtype), self.dtype))
            for name, (size, initializer) in self.weight_shapes(shape).items()
        }
        self._weights, self._input_shape, self._built = weights, shape, True

    def variables(self):
        """All weights, as pairs of a layer and a name.

        Yields
        ------
        Layer, str
        """
        for name in self._weights:
            yield self, name

    def variable(self, name):
        """A weight that cannot be written; None if the layer has none of that name."""
        self._must_be_built(name)
        return self._weights.get(name)

    def is_trainable(self, name):
        """Whether summaries count a weight as trainable."""
        return self.trainable

    def trainables(self):
        """All weights, as pairs of an array and whether summaries count it as trainable.

        Yields
        ------
        ndarray, bool
        """
        for name, array in self._weights.items():
            yield array, self.is_trainable(name)

    def assign(self, name, value):
        """Replaces a weight by an array that was checked; whatever was prepared from it is made again."""
        with np.errstate(over="ignore"):
            self._weights = {**self._weights, name: _constant(value.astype(self.dtype))}
        self._version += 1

    @property
    def weights(self):
        """The weights, as a list of arrays that cannot be written."""
        return [layer.variable(name) for layer, name in self.variables()]

    def get_weights(self):
        """The weights.

        Returns
        -------
        list of ndarray
            Copies.
        """
        return [array.copy() for array in self.weights]

    def set_weights(self, weights):
        """Replaces the weights.

        Parameters
        ----------
        weights : sequence of array_like
            In the order and the shapes of `get_weights`; converted to the dtype of the layer.

        Raises
        ------
        TypeError, ValueError
            If these are not as many arrays, of the same shapes, of real numbers; then nothing is
            replaced.
        """
        if not self.built:
            raise ValueError(
                f"{self.label}: weights cannot be set before the layer has seen an input; give input_shape=, or"
                " call build(input_shape)"
            )
        variables = list(self.variables())
        if not checks.is_sequence(weights) or len(weights) != len(variables):
            expected = ", ".join(f"{name} {layer.variable(name).shape}" for layer, name in variables) or "none"
            came = f"{len(weights)} of them" if hasattr(weights, "__len__") else repr(weights)
            raise ValueError(f"{self.label}: weights must be {len(variables)} arrays ({expected}), got {came}")
        arrays = [checked_weight(layer, name, value) for (layer, name), value in zip(variables, weights, strict=True)]
        for (layer, name), array in zip(variables, arrays, strict=True):
            layer.assign(name, array)

    def count_params(self):
        """The number of elements of all weights.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If the layer has not seen an input, and therefore no weights yet.
        """
        if not self.built:
            raise ValueError(
                f"{self.label}: there are no weights before the layer has seen an input; give input_shape="
            )
        return sum(array.size for array in self.weights)

    def macs(self, input_shape):
        """Multiply-adds for one sample of a shape (with the samples' axis); None if it is not known."""
        return 0

    def windows(self, input_shape):
        """The windows through which an output of the layer sees its input.

        Parameters
        ----------
        input_shape : tuple of (int or None)

        Returns
        -------
        list of dict
            As `cyconv.shapes.receptive_field` takes them; without padding, which moves the field only.
            A window whose kernel_size is `ALL` sees everything; one with None is not the same for all
            outputs.
        """
        return []

    # Calls

    def __call__(self, inputs, training=False):
        """Computes the outputs.

        Parameters
        ----------
        inputs : array_like or SymbolicTensor
            Samples along the first axis; converted to the dtype of the layer.
        training : bool, default False
            For Keras's signature; only False and None are offered.

        Returns
        -------
        ndarray or SymbolicTensor
            As `inputs`.  It may share memory with `inputs` where nothing is computed.

        Raises
        ------
        TypeError, ValueError
            If the layer does not take such inputs.
        """
        if training not in (False, None):
            raise ValueError(f"{self.label}: training must be False, got {training!r}; layers here do not learn")
        if isinstance(inputs, SymbolicTensor):
            self.build(inputs.shape)
            shape = self.compute_output_shape(inputs.shape)
            self._input_shape = inputs.shape
            self._output = SymbolicTensor(shape, self.output_dtype, self, inputs)
            return self._output
        if isinstance(inputs, (list, tuple)) and any(isinstance(i, SymbolicTensor) for i in inputs):
            raise TypeError(
                f"{self.label}: inputs must be one symbolic tensor, got {len(inputs)} in a {type(inputs).__name__}"
            )
        x = checks.array(self.label, "inputs", inputs)
        if x.shape not in self._seen:
            self.build(x.shape)
            self.compute_output_shape(x.shape)
            if len(self._seen) >= _MANY_SHAPES:
                self._seen = set()
            self._seen.add(x.shape)
        return self.run(x)

    def run(self, x, **taken):
        """The outputs for an array of a shape that was checked; `taken` as `joined` says."""
        if x.dtype != self.dtype:
            with np.errstate(over="ignore"):
                x = x.astype(self.dtype)
        return self.call(x, **taken)

    def call(self, x):
        """The outputs for an array of a shape that was checked and of the layer's dtype."""
        raise NotImplementedError

    does_nothing = False

    def joined(self, following, ndim, taken):
        """What `call` must be told to do the work of the following layer too.

        Parameters
        ----------
        following : Layer
        ndim : int
            Axes of what goes from one to the other.
        taken : dict
            What it is told already.

        Returns
        -------
        dict or None
            Arguments of `call`; None if the other layer has to do its work itself.
        """
        return taken if following.does_nothing and following.dtype == self.output_dtype else None


class Prepared:
    """What was prepared for the latest kinds of calls, such as plans; may be used by many threads.

    Parameters
    ----------
    most : int
        How many are kept.
    """

    def __init__(self, most=4):
        self._most = most
        self._kept = {}
        self._lock = threading.Lock()

    def __reduce__(self):
        return Prepared, (self._most,)

    def get(self, key, version, make):
        """What belongs to a key, made again if the version is another one.

        Parameters
        ----------
        key, version : hashable
        make : callable
            Without arguments.

        Returns
        -------
        object
        """
        with self._lock:
            kept = self._kept.pop(key, None)
            if kept is not None:
                self._kept[key] = kept
        if kept is None or kept[0] != version:
            kept = version, make()
            with self._lock:
                self._kept[key] = kept
                while len(self._kept) > self._most:
                    del self._kept[next(iter(self._kept))]
        return kept[1]


def weight(name, text):
    """A property of a layer that shows a weight.

    Parameters
    ----------
    name, text : str
        Its name, and what it is.

    Returns
    -------
    property
    """
    return property(lambda self: self.variable(name), doc=f"{text}; read-only, see `set_weights`.")


def checked_weight(layer, name, value):
    """An array that may replace a weight.

    Parameters
    ----------
    layer : Layer
    name : str
    value : array_like

    Returns
    -------
    ndarray

    Raises
    ------
    TypeError, ValueError
        If it is no array of real numbers, or of another shape.
    """
    array = checks.array(layer.label, name, value)
    expected = layer.variable(name).shape
    if array.shape != expected:
        raise ValueError(f"{layer.label}: {name} must have shape {expected}, got {array.shape}")
    return array


def read_shape(label, name, value):
    """A shape that may have unknown extents.

    Parameters
    ----------
    label, name : str
        The layer and the argument, for messages.
    value : sequence of (int or None)

    Returns
    -------
    tuple of (int or None)

    Raises
    ------
    TypeError, ValueError
        If it is none.

    Examples
    --------
    >>> from cyconv.graph import read_shape
    >>> read_shape("Input", "shape", [None, 28, 28, 1])
    (None, 28, 28, 1)
    """
    if not checks.is_sequence(value):
        raise TypeError(f"{label}: {name} must be a sequence of int or None, got {value!r}")
    return tuple(n if n is None else checks.integer(label, name, n, 0, limited=False) for n in value)


def fits(shape, expected):
    """Whether a shape is as expected, where both are known.

    Parameters
    ----------
    shape, expected : tuple of (int or None)

    Returns
    -------
    bool

    Examples
    --------
    >>> from cyconv.graph import fits
    >>> fits((5, 28, 28, 1), (None, 28, 28, 1)), fits((5, 28, 28), (None, 28, 28, 1))
    (True, False)
    """
    pairs = zip(shape, expected, strict=False)
    return len(shape) == len(expected) and all(None in pair or pair[0] == pair[1] for pair in pairs)


def _given_shape(label, others):
    """The shape that the first layer of a model was told, with the samples; None if it was not."""
    given = [n for n in ("input_shape", "batch_input_shape", "input_dim") if others.get(n) is not None]
    values = {n: others.pop(n, None) for n in ("input_shape", "batch_input_shape", "input_dim")}
    if len(given) > 1:
        raise ValueError(f"{label}: {given[0]} and {given[1]} say the same thing; give one of them")
    if not given:
        return None
    value = values[given[0]]
    if given[0] == "batch_input_shape":
        return read_shape(label, "batch_input_shape", value)
    return (None, *read_shape(label, given[0], (value,) if given[0] == "input_dim" else value))


def _dtype(label, value):
    with contextlib.suppress(TypeError):
        dtype = np.dtype("float32" if value is None else value)
        if dtype.name in DTYPES:
            return dtype.newbyteorder("=")
    raise TypeError(f"{label}: dtype must be one of {', '.join(map(repr, DTYPES))}, got {value!r}")


def _constant(array):
    """The array itself, which cannot be written any more, so that nothing prepared from it goes stale."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array


def initializer(layer, name, value):
    """The initializer that an argument of a layer means.

    Parameters
    ----------
    layer : Layer
    name : str
    value : str, callable or array_like

    Returns
    -------
    callable
    """
    return initializers.get(layer.label, name, value)
