"""Docstrings of functions that differ in the number of window axes: one text, filled in for each."""

import sys

_CAUSAL = """  ``"causal"`` puts
    ``(kernel - 1) * dilation`` in front and nothing behind: outputs look back only, if padding holds
    zeros or ``"edge"``."""


def _listed(items, word):
    *most, last = items
    return f"{', '.join(most)} {word} {last}" if most else last


def _shape(*axes):
    return f"({', '.join(axes)})"


def _standard(ndim, picture, pixel, axes):
    """The pieces of `documented` for a number of window axes."""
    names = "DHW"[-ndim:]
    kernel, output = [f"K{a}" for a in names], [f"O{a}" for a in names]
    last, first = f"N{names}C", f"NC{names}"
    comma = "," if ndim == 1 else ""
    letters = list(zip("ijk", "uvt", strict=True))[:ndim]
    return {
        "n": ndim,
        "axes": axes,
        "along": _listed(names, "and"),
        "picture": picture,
        "pictures": f"{picture}s",
        "pixels": f"{pixel}s",
        "last": last,
        "first": first,
        "last_of_one": last[1:],
        "first_of_one": first[1:],
        "hwio": f"{names}IO",
        "oihw": f"OI{names}",
        "ohwi": f"O{names}I",
        "x_shapes": _listed([_shape(*a) for a in (last, first, last[1:], first[1:])], "or"),
        "y_shapes": f"{_shape('N', *output, 'O')} or {_shape('N', 'O', *output)}, or without N",
        "pooled_shapes": f"{_shape('N', *output, 'C')} or {_shape('N', 'C', *output)}, or without N",
        "w_shapes": _listed(
            [_shape(*kernel, "C/groups", "O"), _shape("O", "C/groups", *kernel), _shape("O", *kernel, "C/groups")], "or"
        ),
        "ints": f"int or ({', '.join(['int'] * ndim)}{comma})",
        "pads": f"str, int, ({', '.join(['int'] * ndim)}{comma}) or ({', '.join(['(int, int)'] * ndim)}{comma})",
        "places": ", ".join(i for i, _ in letters),
        "taps": ", ".join(u for _, u in letters),
        "reads": ", ".join(f"{i} s - p + {u} d" for i, u in letters),
        "causal": _CAUSAL if ndim == 1 else "",
    }


_STANDARD = {
    1: _standard(1, "signal", "element", "one axis"),
    2: _standard(2, "picture", "pixel", "two axes"),
    3: _standard(3, "volume", "voxel", "three axes"),
}


def documented(template, ndim, **pieces):
    """Gives a function the docstring that a template of its family makes.

    Parameters
    ----------
    template : str
        A docstring without indentation, with fields as `str.format` has them (braces that stay are
        doubled).  Fields for every family are ``n`` (the number of window axes), ``axes`` (the same
        in words), ``along``, ``picture``, ``pictures``, ``pixels``; names of layouts: ``last``,
        ``first``, ``last_of_one``, ``first_of_one``, ``hwio``, ``oihw``, ``ohwi``; shapes in all
        layouts: ``x_shapes``, ``w_shapes``, ``y_shapes`` (O channels), ``pooled_shapes`` (C
        channels); types of arguments for each axis: ``ints``, ``pads``; for formulas: ``places``,
        ``taps``, and ``reads``, the places of the input under a window; and ``causal``, which says
        what that padding is if there is one axis.
    ndim : int
        1, 2 or 3.
    **pieces : str
        Fields of this function alone.

    Returns
    -------
    callable
        A decorator, which returns the function itself.  It does nothing where Python runs without
        docstrings (``-OO``).

    Raises
    ------
    KeyError
        If the template has a field that is not given.

    Examples
    --------
    >>> from cyconv.docstrings import documented
    >>> @documented("Sums {pictures} of shape {x_shapes} along {along}.{more}", 2, more="  Slowly.")
    ... def sum2d(x): ...
    >>> sum2d.__doc__
    'Sums pictures of shape (N, H, W, C), (N, C, H, W), (H, W, C) or (C, H, W) along H and W.  Slowly.'
    """

    def document(function):
        if sys.flags.optimize < 2:
            function.__doc__ = template.format(**_STANDARD[ndim], **pieces)
        return function

    return document
