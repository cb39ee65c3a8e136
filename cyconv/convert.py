"""Layers of Keras and PyTorch as layers of this package.

Neither is imported: what a layer is, is told by the name of its class, its configuration and its
attributes.
"""

import inspect

from cyconv import layers

_KERAS = {
    name: value
    for name, value in vars(layers).items()
    if name in layers.__all__ and isinstance(value, type) and issubclass(value, layers.Layer) and value.__name__ == name
}
for _name in ("Layer", "InputLayer"):
    del _KERAS[_name]

# What configurations of Keras's layers hold that does not matter at inference.
_UNUSED = ("_initializer", "_regularizer", "_constraint", "renorm_momentum", "renorm_clipping", "build_config", "fused")


def keras_layers(model, nested):
    """The layers of a model of Keras, without weights.

    Parameters
    ----------
    model : object
    nested : callable
        Makes a layer of a model that is one of the layers.

    Returns
    -------
    list of (Layer, object)
        The first is an `InputLayer`; with each the layer of Keras that has its weights, or None if
        they are there already.

    Raises
    ------
    TypeError
        If it is no model.
    ValueError
        If the layers do not follow each other, or one of them is not supported.
    """
    if not all(hasattr(model, name) for name in ("layers", "get_config", "get_weights", "built")):
        raise TypeError(f"from_keras: model must be a model of Keras, got {type(model).__name__}")
    kinds = {cls.__name__ for cls in type(model).__mro__}
    if not kinds & {"Sequential", "Functional"}:
        raise ValueError(
            f"from_keras: {type(model).__name__} {model.name!r} must be a Sequential or a functional model: of other"
            " classes the order of the layers is not known; make a Sequential of them"
        )
    if not model.built or not hasattr(model, "input_shape"):
        raise ValueError(f"from_keras: model {model.name!r} has no weights yet; call it once, or give it an Input")
    shape = model.input_shape
    if not isinstance(shape, tuple) or any(isinstance(n, (tuple, list)) for n in shape):
        raise ValueError(f"from_keras: model {model.name!r} must have one input, got shapes {shape}")
    theirs = list(model.layers) if "Sequential" in kinds else _in_order(model)
    dtype = model.inputs[0].dtype
    inputs = layers.InputLayer(batch_shape=tuple(shape), dtype=getattr(dtype, "name", dtype))
    return [(inputs, None), *(_keras_layer(layer, nested) for layer in theirs if type(layer).__name__ != "InputLayer")]


def _in_order(model):
    """The layers of a functional model from the input to the output, by its configuration."""
    config = model.get_config()
    sources = {entry["name"]: _tensors(entry["inbound_nodes"]) for entry in config["layers"]}
    ends = _tensors([config["output_layers"]])
    if len(ends) != 1:
        raise ValueError(
            f"from_keras: model {model.name!r} must have one output, got {len(ends)}; make one model for each"
        )
    names = ends
    while sources[names[-1]]:
        found = sources[names[-1]]
        if len(found) > 1 or found[0] in names:
            raise ValueError(
                f"from_keras: layer {names[-1]!r} must be called once on one other layer, got {', '.join(found)};"
                " models that branch, merge or share layers are not supported"
            )
        names = names + found
    return [model.get_layer(name) for name in reversed(names)]


def _tensors(value):
    """Names of the layers in a configuration: they come as (name, node, tensor)."""
    if isinstance(value, dict):
        return _tensors(list(value.values()))
    if not isinstance(value, (list, tuple)):
        return []
    if len(value) >= 3 and isinstance(value[0], str) and all(type(n) is int for n in value[1:3]):
        return [value[0]]
    return [name for item in value for name in _tensors(item)]


def _keras_layer(layer, nested):
    """A layer like one of Keras, and that one."""
    kind = type(layer).__name__
    if hasattr(layer, "layers"):
        return nested(layer), None
    config = {key: value for key, value in layer.get_config().items() if not key.endswith(_UNUSED)}
    if kind == "LeakyReLU":
        kind, slopes = "ReLU", [config.pop(key) for key in ("negative_slope", "alpha") if key in config]
        config["negative_slope"] = float(slopes[0])
    cls = _KERAS.get(kind)
    if cls is None:
        raise ValueError(
            f"from_keras: layer {layer.name!r} is a {kind}, which is not supported; supported are {', '.join(_KERAS)}"
        )
    known = inspect.signature(cls).parameters
    arguments = {"name": layer.name, "trainable": bool(layer.trainable), "dtype": _keras_dtype(layer)}
    for key, value in config.items():
        if key in arguments or key.startswith("batch_"):
            continue
        if key in known:
            arguments[key] = value
        elif value not in (None, False) and (key, value) != ("groups", 1):
            raise ValueError(f"from_keras: layer {layer.name!r} ({kind}) has {key}={value!r}, which is not supported")
    if kind == "BatchNormalization" and not isinstance(arguments["axis"], int):
        (arguments["axis"],) = arguments["axis"]
    return cls(**arguments), layer


def _keras_dtype(layer):
    """The dtype that a layer of Keras computes in."""
    return getattr(layer, "compute_dtype", None) or layer.dtype


def torch_layers(module, input_shape=None):
    """The layers of a module of PyTorch, with weights.

    Parameters
    ----------
    module : object
    input_shape : sequence of (int or None), optional
        Of one sample.

    Returns
    -------
    list of Layer
        With an `InputLayer` if there is a shape.

    Raises
    ------
    TypeError
        If it is no module.
    ValueError
        If it holds one that is not supported.
    """
    if not all(hasattr(module, name) for name in ("parameters", "state_dict", "training")):
        raise TypeError(f"from_torch: module must be a torch.nn.Module, got {type(module).__name__}")
    dtype = next((str(p.dtype).rpartition(".")[2] for p in module.parameters()), "float32")
    first = [] if input_shape is None else [layers.InputLayer(input_shape, dtype=dtype)]
    return first + list(_torch_modules(module, "", dtype))


def _torch_modules(module, path, dtype):
    """Layers like a module and those in it."""
    kind = type(module).__name__
    if _is_sequential(type(module)):
        # Not named_children, which leaves out a module that comes a second time.
        for name, child in module._modules.items():
            yield from _torch_modules(child, f"{path}.{name}" if path else name, dtype)
        return
    made = _Torch(module, path, dtype)
    if kind not in _TORCH:
        made.refuse(f"which is not supported; supported are Sequential, {', '.join(_TORCH)}")
    yield from _TORCH[kind](made, module)


def _is_sequential(cls):
    """Whether a class is PyTorch's Sequential, or one of it that computes in the same way."""
    forward = getattr(cls, "forward", None)
    return any(c.__name__ == "Sequential" and getattr(c, "forward", None) is forward for c in cls.__mro__)


class _Torch:
    """A module that is being converted: its name, its dtype, and its number of window axes."""

    def __init__(self, module, path, dtype):
        self.kind, self.path, self.dtype = type(module).__name__, path, dtype
        self.ndim = int(self.kind[-2]) if self.kind[-2:] in ("1d", "2d", "3d") else 0

    def refuse(self, why):
        where = f"layer {self.path!r}" if self.path else "module"
        raise ValueError(f"from_torch: {where} is a {self.kind}, {why}")

    def check(self, module, **expected):
        """Refuses a module whose attributes have other values; those that it does not have are right."""
        for name, value in expected.items():
            came = getattr(module, name, value)
            if set(came if isinstance(came, (tuple, list)) else (came,)) != {value}:
                self.refuse(f"and {name}={came!r} is not supported there, only {value!r}")

    def make(self, name, *args, suffix="", first=False, **kwargs):
        """A layer of that class, of as many window axes; channels are first if there are some."""
        cls = getattr(layers, f"{name}{self.ndim}D" if first else name)
        formats = {"data_format": "channels_first"} if first else {}
        return cls(*args, name=f"{self.path}{suffix}" or None, dtype=self.dtype, **formats, **kwargs)


def _filled(layer, input_shape, *weights):
    """A layer with weights, those that are not None."""
    layer.build(input_shape)
    layer.set_weights([w for w in weights if w is not None])
    return layer


def _array(tensor):
    return None if tensor is None else tensor.detach().cpu().numpy()


def _padding(made, value):
    """Padding as layers take it."""
    if isinstance(value, str):
        return value
    pads = value if isinstance(value, (tuple, list)) else (value,) * made.ndim
    return tuple(pads) if any(pads) else "valid"


def _conv(made, module):
    made.check(module, padding_mode="zeros")
    layer = made.make(
        "Conv", module.out_channels, module.kernel_size, module.stride, _padding(made, module.padding), first=True,
        dilation_rate=module.dilation, groups=module.groups, use_bias=module.bias is not None,
    )  # fmt: skip
    kernel = _array(module.weight).transpose(*range(2, 2 + made.ndim), 1, 0)
    yield _filled(layer, (None, module.in_channels, *(None,) * made.ndim), kernel, _array(module.bias))


def _linear(made, module):
    layer = made.make("Dense", module.out_features, use_bias=module.bias is not None)
    yield _filled(layer, (None, module.in_features), _array(module.weight).T, _array(module.bias))


def _batch_norm(made, module):
    if module.running_mean is None:
        made.refuse("and has no running statistics; make it with track_running_stats=True")
    affine = module.weight is not None
    layer = made.make("BatchNormalization", 1, epsilon=module.eps, center=affine, scale=affine)
    statistics = _array(module.running_mean), _array(module.running_var)
    yield _filled(layer, (None, module.num_features), _array(module.weight), _array(module.bias), *statistics)


def _max_pool(made, module):
    made.check(module, dilation=1, ceil_mode=False, return_indices=False)
    yield made.make("MaxPooling", module.kernel_size, module.stride, _padding(made, module.padding), first=True)


def _avg_pool(made, module):
    made.check(module, ceil_mode=False, divisor_override=None)
    padding = _padding(made, module.padding)
    if padding != "valid" and module.count_include_pad:
        yield made.make("ZeroPadding", tuple((n, n) for n in padding), suffix=".padding", first=True)
        padding = "valid"
    yield made.make("AveragePooling", module.kernel_size, module.stride, padding, first=True)


def _adaptive(name):
    def convert(made, module):
        yield made.make(name, module.output_size, first=True)

    return convert


def _zero_pad(made, module):
    # PyTorch's pairs begin with the last axis.
    pairs = [tuple(module.padding[i : i + 2]) for i in range(0, 2 * made.ndim, 2)][::-1]
    yield made.make("ZeroPadding", tuple(pairs), first=True)


def _flatten(made, module):
    made.check(module, start_dim=1, end_dim=-1)
    yield made.make("Flatten")


def _softmax(made, module):
    if module.dim is None:
        made.refuse("and has no dim; give it one")
    yield made.make("Softmax", module.dim)


def _relu(**arguments):
    def convert(made, module):
        slope = {"negative_slope": module.negative_slope} if hasattr(module, "negative_slope") else {}
        yield made.make("ReLU", **arguments, **slope)

    return convert


def _activation(name):
    def convert(made, module):
        yield made.make("Activation", name)

    return convert


def _dropout(made, module):
    yield made.make("Dropout", module.p)


_TORCH = {
    **{f"Conv{n}d": _conv for n in (1, 2, 3)},
    **{f"BatchNorm{n}d": _batch_norm for n in (1, 2, 3)},
    **{f"MaxPool{n}d": _max_pool for n in (1, 2, 3)},
    **{f"AvgPool{n}d": _avg_pool for n in (1, 2, 3)},
    **{f"AdaptiveMaxPool{n}d": _adaptive("AdaptiveMaxPooling") for n in (1, 2, 3)},
    **{f"AdaptiveAvgPool{n}d": _adaptive("AdaptiveAveragePooling") for n in (1, 2, 3)},
    **{f"ZeroPad{n}d": _zero_pad for n in (1, 2, 3)},
    "Linear": _linear,
    "Flatten": _flatten,
    "ReLU": _relu(),
    "ReLU6": _relu(max_value=6.0),
    "LeakyReLU": _relu(),
    "Sigmoid": _activation("sigmoid"),
    "Tanh": _activation("tanh"),
    "Softmax": _softmax,
    "Identity": _activation("linear"),
    **dict.fromkeys(("Dropout", "Dropout1d", "Dropout2d", "Dropout3d"), _dropout),
}
