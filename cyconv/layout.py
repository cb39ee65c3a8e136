"""Names of layouts: which axis of an array is the batch, the channels, the picture."""

from typing import NamedTuple

AXES = {1: "W", 2: "HW", 3: "DHW"}
"""Names of the axes that the window slides along, by their number."""


class Layout(NamedTuple):
    """Where the axes of an input or output array are."""

    name: str
    axes: str
    channels_last: bool
    batched: bool

    def split(self, shape):
        """Batch (or None), channels and window axes of a shape."""
        batch = shape[0] if self.batched else None
        rest = shape[1:] if self.batched else shape
        return (batch, rest[-1], rest[:-1]) if self.channels_last else (batch, rest[0], rest[1:])

    def join(self, batch, channels, sizes):
        """The shape with these extents: the inverse of `split`."""
        rest = (*sizes, channels) if self.channels_last else (channels, *sizes)
        return (batch, *rest) if self.batched else rest

    @property
    def view(self):
        """Index that gives an array five axes: batch, depth, height, width and the channels."""
        missing = (None,) * (3 - len(self.axes))
        batch = (slice(None),) if self.batched else (None,)
        return (*batch, *missing, ...) if self.channels_last else (*batch, slice(None), *missing, ...)


def parse_layout(function, layout, ndim):
    """The layout of that name for `ndim` window axes.

    Parameters
    ----------
    function : str
        Whose argument it is, for the message.
    layout : str or None
        ``"NHWC"``, ``"NCHW"``, without ``N`` for one sample, ``"channels_last"``,
        ``"channels_first"``; None is channels-last.  For one axis without ``H``, for three with ``D``.
    ndim : int
        Number of axes that the window slides along.

    Returns
    -------
    Layout

    Raises
    ------
    TypeError
        If `layout` is not a string.
    ValueError
        If there is no such layout.
    """
    axes = AXES[ndim]
    last, first = f"N{axes}C", f"NC{axes}"
    if layout is None:
        return Layout(last, axes, True, True)
    if not isinstance(layout, str):
        raise TypeError(f"{function}: layout must be a string such as {last!r}, got {layout!r}")
    name = {"CHANNELS_LAST": last, "CHANNELS_FIRST": first}.get(layout.upper(), layout.upper())
    if name not in (last, first, last[1:], first[1:]):
        raise ValueError(
            f"{function}: layout must be {last!r}, {first!r}, 'channels_last' or 'channels_first', or"
            f" {last[1:]!r} or {first[1:]!r} for one sample; got {layout!r}"
        )
    return Layout(name, axes, name.endswith("C"), name.startswith("N"))


def parse_kernel_layout(function, name, layout):
    """The order of the axes of a kernel for data of a layout.

    Parameters
    ----------
    function : str
    name : str or None
        ``"HWIO"``, ``"OIHW"`` or ``"OHWI"`` (for other ranks without ``H`` or with ``D``); None is
        ``"HWIO"`` for channels-last data and ``"OIHW"`` for channels-first data.
    layout : Layout

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If `name` is not a string.
    ValueError
        If there is no such layout.
    """
    axes = layout.axes
    names = (f"{axes}IO", f"OI{axes}", f"O{axes}I")
    if name is None:
        return names[0] if layout.channels_last else names[1]
    if not isinstance(name, str):
        raise TypeError(f"{function}: kernel_layout must be a string such as {names[0]!r}, got {name!r}")
    if name.upper() not in names:
        raise ValueError(
            f"{function}: kernel_layout must be {names[0]!r} (Keras), {names[1]!r} (PyTorch, ONNX)"
            f" or {names[2]!r}; got {name!r}"
        )
    return name.upper()


def kernel_order(name):
    """The transposition that brings a kernel of that layout to output, input, window axes."""
    axes = name.replace("O", "").replace("I", "")
    return tuple(name.index(axis) for axis in "OI" + axes)
