"""Files of weights: ``.npz`` always, ``.safetensors`` where that package is installed."""

import os

import numpy as np

_NAMES = 5


def write(path, arrays):
    """Writes arrays to a file, which is replaced only when everything is written.

    Parameters
    ----------
    path : str or os.PathLike
        Ends with ``.npz`` or ``.safetensors``.
    arrays : dict
        By name.

    Raises
    ------
    ValueError
        If the file has another ending.
    ImportError
        If it is ``.safetensors`` and that package is not installed.
    OSError
        If it cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from cyconv import weights
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "weights.npz")
    ...     weights.write(path, {"conv2d/bias": np.zeros(2)})
    ...     weights.read(path)
    {'conv2d/bias': array([0., 0.])}
    """
    path, save, _ = _format("save_weights", path)
    unfinished = f"{path}.{os.getpid()}.part"
    try:
        save(unfinished, arrays)
        os.replace(unfinished, path)
    finally:
        if os.path.exists(unfinished):
            os.remove(unfinished)


def read(path):
    """Reads the arrays of a file.

    Parameters
    ----------
    path : str or os.PathLike
        Ends with ``.npz`` or ``.safetensors``.

    Returns
    -------
    dict
        Arrays by name.

    Raises
    ------
    ValueError
        If the file has another ending, or is not what its ending says.
    ImportError
        If it is ``.safetensors`` and that package is not installed.
    OSError
        If it cannot be read.
    """
    path, _, load = _format("load_weights", path)
    return load(path)


def match(label, expected, given):
    """Checks that names of arrays are those that are expected.

    Parameters
    ----------
    label : str
        Whose weights they are.
    expected, given : collection of str

    Raises
    ------
    ValueError
        If one is missing, or there is another one.
    """
    missing, others = [n for n in expected if n not in given], [n for n in given if n not in expected]
    if missing or others:
        raise ValueError(
            f"{label}: the file must hold one array for each weight; it has {_some(missing) or 'all of them'} not,"
            f" and {_some(others) or 'nothing'} too many; save weights of a model with the same layers and names"
        )


def _some(names):
    """The first names, in quotes."""
    return ", ".join(map(repr, names[:_NAMES])) + (f" and {len(names) - _NAMES} more" if len(names) > _NAMES else "")


def _format(function, path):
    """The path as text, and the functions that write and read such a file."""
    path = os.fspath(path)
    for ending, functions in _FORMATS.items():
        if path.endswith(ending):
            return path, *functions
    raise ValueError(f"{function}: the name of the file must end with {' or '.join(_FORMATS)}, got {path!r}")


def _save_npz(path, arrays):
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def _load_npz(path):
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except Exception as error:
            raise ValueError(f"load_weights: {path!r} cannot be read as .npz: {error}") from error


def _safetensors():
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "files that end with .safetensors need the package safetensors, which is not installed;"
            " install it with `pip install safetensors`, or use .npz"
        ) from error
    return safetensors.numpy


def _save_safetensors(path, arrays):
    _safetensors().save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def _load_safetensors(path):
    package = _safetensors()
    if not os.path.exists(path):
        raise FileNotFoundError(f"load_weights: there is no file {path!r}")
    try:
        return package.load_file(path)
    except Exception as error:
        raise ValueError(f"load_weights: {path!r} cannot be read as .safetensors: {error}") from error


_FORMATS = {".npz": (_save_npz, _load_npz), ".safetensors": (_save_safetensors, _load_safetensors)}
