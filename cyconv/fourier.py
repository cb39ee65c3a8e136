"""Convolution by Fourier transforms of tiles, for windows so large that even that pays.

The input is cut into tiles that overlap by a window less a step (overlap-save).  A tile is transformed,
multiplied with the transformed weights at each frequency, summed over channels, and transformed back;
what wraps around the ends of a tile is left out.  All of that is compiled.

All of it is in float64, for float32 too: errors are then far below a rounding of float32.  Where the
weights and a tile hold whole numbers and the bound of the errors is below a half, results are rounded
to whole numbers, which makes them exact.  Tiles with numbers that are not finite, or so large that
products might overflow, are computed directly.
"""

import collections
import functools
import math
import threading
from typing import NamedTuple

import numpy as np

from cyconv import activations, arrays, isa
from cyconv._ext.convolution import PAD_MODES
from cyconv._ext.convolution import Convolution as Direct
from cyconv._ext.fourier import Tiles

_SIGNAL, _LONG = 1 << 16, 1 << 20
"""Outputs of a signal of any length, for what it costs, and for the choice of its tile."""

_MOST_POINTS = 1 << 18
"""Inputs of a tile, unless a tile twice as wide as its window has more."""

_UNITS = 4
"""Tiles, or channels or filters of tiles, at least, so that several threads have something to do."""

_LEAST = (1, 2, 16)
"""What lengths of transforms are multiples of."""

_LEAST_RUN = 64
"""The same for a run of a signal, whose rows and columns are multiples of 8."""

_SHORT = (1, 12, 16)
"""Lengths of tiles where windows have one element: no more than what vectors need."""

_NEAR_BYTES = 1 << 19
"""Spectra that stay in the cache of a core."""

_CACHED_BYTES = 12 << 20
"""Spectra of a group's weights that stay in cache from tile to tile."""

_TOGETHER_BYTES = 4 << 20, 12 << 20
"""Spectra of tiles that are computed together, and of their products: a sixth of those of the weights,
but not less than the one and not more than the other."""

MOST_SPECTRA = 1 << 27
"""Bytes of transformed weights, if a tile with less is worth it."""

_WIDER = (1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 8, 12, 16, 32)
"""How much wider than the window tiles are tried."""

_KEPT = 2
"""Calls at once whose memory a plan keeps for the next ones."""

_BYTE, _REAL = np.dtype(np.uint8), np.dtype(np.float64)


class Tiling(NamedTuple):
    """How a convolution is cut into tiles, and what it is expected to cost in cycles of one core.

    A tile of a signal is two runs of it, which are transformed as matrices, row after row.
    """

    inputs: tuple  # of a tile, along each axis; of a signal, one, and rows and columns of a run
    outputs: tuple
    count: tuple
    shared: bool  # by all threads, or each thread has tiles of its own
    at_once: int  # tiles for which weights are read once
    filters: int  # that threads share
    cycles: float


@functools.lru_cache(maxsize=1024)
def _length(n, least):
    """The next length of transforms: `least` times a power of two, and times three or not."""
    return min(least * m << (-(-n // (least * m)) - 1).bit_length() for m in (1, 3))


def is_signal(case):
    """Whether input, output and windows are one row.

    Parameters
    ----------
    case : cyconv.algorithms.Case

    Returns
    -------
    bool
    """
    return case.size[:2] == case.out[:2] == case.kernel[:2] == (1, 1)


def _reach(case):
    """Inputs from the first to the last of a window."""
    return tuple((k - 1) * d + 1 for k, d in zip(case.kernel, case.dilation, strict=True))


def _tile(case, lengths):
    """The smallest tile with so many inputs along each axis, of a signal in each run; and its outputs."""
    reach = _reach(case)
    if is_signal(case):
        n = _length(lengths[2], _LEAST_RUN)
        rows = 1 << ((n & -n).bit_length() - 1) // 2
        return (1, rows, n // rows), (1, 1, 2 * ((n - reach[2]) // case.stride[2] + 1))
    tile = tuple(_length(n, least) for n, least in zip(lengths, _LEAST, strict=True))
    return tile, tuple((t - r) // s + 1 for t, r, s in zip(tile, reach, case.stride, strict=True))


def _needed(case):
    """Inputs that all windows meet, of a signal those of each half."""
    out = (1, 1, -(-case.out[2] // 2)) if is_signal(case) else case.out
    return tuple((n - 1) * s + r for n, s, r in zip(out, case.stride, _reach(case), strict=True))


def _tiled(case, lengths):
    """The tiling with the smallest tiles of so many inputs."""
    tile, outputs = _tile(case, lengths)
    count = tuple(-(-n // m) for n, m in zip(case.out, outputs, strict=True))
    shared, at_once, filters = _unit(case, tile)
    tiles = math.prod(count)
    cycles = _cycles(case, tile, tiles, shared, min(at_once, tiles))
    return Tiling(tile, outputs, count, shared, at_once, filters, cycles)


def _numbers(case, tile):
    """Of a channel's spectrum: of a picture's columns half the frequencies and one more, in vectors of eight."""
    return 2 * tile[0] * tile[2] * (tile[1] if is_signal(case) else (tile[1] // 2 + 8) // 8 * 8)


def _weights_bytes(case, tile):
    """Of the spectra of all weights."""
    return 8 * case.groups * case.ic * case.oc * _numbers(case, tile)


def _unit(case, tile):
    """Whether threads share all tiles, for how many the weights are read at once, and the filters that are shared.

    The spectra of tiles that are computed at once are read once for all filters that are shared.
    """
    spectrum, weights = 8 * _numbers(case, tile), _weights_bytes(case, tile) // case.groups
    room = sorted((*_TOGETHER_BYTES, weights // 6))[1] // spectrum
    if weights > _CACHED_BYTES:
        filters = min(case.oc, (math.isqrt(room) // 4 + 1) * 4)
        return True, max(room // (case.ic + filters), 1), filters
    # Tiles of a core and their products with a block of filters stay near; more than six would hardly save any more.
    near = _NEAR_BYTES // (case.ic + 4) // spectrum
    at_once = min(max(near, 1), 6) if weights > _NEAR_BYTES else 1
    return False, at_once, min(case.oc, max(room // at_once - case.ic, 4) // 4 * 4)


def _tilings(case):
    """All that are tried."""
    reach, needed = _reach(case), _needed(case)
    for wider in _WIDER:
        lengths = (math.ceil(wider * r) if r > 1 else short for r, short in zip(reach, _SHORT, strict=True))
        yield _tiled(case, tuple(map(min, lengths, needed)))


def _cycles(case, tile, tiles, shared, at_once):
    """Channels that are loaded and transformed, products, filters that are transformed back and stored.

    Functions transform the weights in each call, plans once for all: the geometric mean of the two.
    """
    points, numbers = math.prod(tile), _numbers(case, tile)
    if is_signal(case):
        points *= 2
    lanes = 64 / (case.lanes * case.item)
    pairs, channels = case.groups * case.ic * case.oc, case.groups * (case.ic + case.oc)
    transform = (0.12 * points * math.log2(points) + 1.6 * numbers) * lanes
    apart = 0.4 * points if case.channels_last and channels > 2 else 0  # other channels lie between pixels
    if shared:  # spectra come from farther away
        transform, apart, product = 1.4 * transform, 5 * apart, 0.15 * lanes + 0.6 / at_once
    else:
        product = 0.07 * lanes + 0.16 / at_once
    units = tiles * case.groups * max(case.ic, case.oc)  # whose channels and filters threads divide
    run = max(_UNITS / units, 1) * tiles * (channels * (transform + apart) + pairs * product * numbers)
    return math.sqrt(run * (run + 1.5 * pairs * transform))


def tiling(case):
    """How a convolution is cut into tiles.

    Parameters
    ----------
    case : cyconv.algorithms.Case

    Returns
    -------
    Tiling
        The one of least cost whose tiles are not too large, nor, if possible, the transformed weights.
    """
    wide = [2 * r if r > 1 else short for r, short in zip(_reach(case), _SHORT, strict=True)]
    window = math.prod(_tile(case, wide)[0])
    most = max(_MOST_POINTS // max(case.ic // 2, 1), window)  # channels are there at once
    return min(
        (t for t in _tilings(case) if math.prod(t.inputs) <= most),
        key=lambda t: (_weights_bytes(case, t.inputs) > MOST_SPECTRA, t.cycles),
    )


def cost(case):
    """What a convolution is expected to cost.

    Parameters
    ----------
    case : cyconv.algorithms.Case

    Returns
    -------
    float
        Cycles of one core.
    """
    if not is_signal(case):
        return tiling(case).cycles
    long = case._replace(out=(1, 1, case.length or _SIGNAL))
    return _tiling_of_call(long).cycles * case.pixels / long.pixels


def _tiling_of_call(case):
    """The same, for a signal by its kernel alone: it may still be coming in."""
    if not is_signal(case):
        return tiling(case)
    run = math.prod(tiling(case._replace(out=(1, 1, _LONG))).inputs)
    return _tiled(case, (1, 1, min(run, _needed(case)[2])))


def spectra_bytes(case):
    """Memory of the transformed weights.

    Parameters
    ----------
    case : cyconv.algorithms.Case

    Returns
    -------
    int
    """
    return _weights_bytes(case, _tiling_of_call(case).inputs)


def _tiles(case, t):
    """The compiled convolution."""
    return Tiles(
        isa.kernels("float64").table(), case.channels_last, case.groups, case.ic, case.oc, case.size, case.out,
        case.kernel, case.stride, case.dilation, case.before, PAD_MODES[case.pad_mode], is_signal(case),
        t.inputs, t.outputs, t.count, t.shared, t.at_once, t.filters,
    )  # fmt: skip


class Packed(NamedTuple):
    """Transformed weights, what is known of the weights, and memory that calls of a plan leave to the next."""

    spectra: np.ndarray | None
    bias: np.ndarray | None
    finite: bool  # if not, there are no spectra
    whole: bool
    norm: float  # the largest of a filter
    direct: "_Lazily"
    scratch: collections.deque


class _Lazily:
    """Something that is made when it is first asked for."""

    def __init__(self, make):
        self._make = make
        self._lock = threading.Lock()
        self._made = None

    def __call__(self):
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


class Convolution:
    """One convolution's tiles, as `cyconv._ext.convolution.Convolution` for the other algorithms.

    Parameters
    ----------
    case : cyconv.algorithms.Case
    dtype : numpy.dtype
    activation : str or None
    """

    def __init__(self, case, dtype, activation):
        self._case = case
        self._dtype = dtype
        self._tiling = t = _tiling_of_call(case)
        self._activate = activations.APPLY.get(activation)
        self._tiles = _tiles(case, t)
        self._tiles.prepare()
        # What the windows of a tile meet.
        self._met = tuple((n - 1) * s + r for n, s, r in zip(t.outputs, case.stride, _reach(case), strict=True))
        self._direct = _Lazily(
            lambda: Direct(
                isa.kernels(dtype.name).table(), "direct", False, 1, case.groups, case.ic, case.oc,
                self._met, t.outputs, case.kernel, case.stride, case.dilation, (0, 0, 0), "constant", activation,
            )
        )  # fmt: skip

    @property
    def packed_bytes(self):
        """Bytes of transformed weights and bias."""
        c = self._case
        return c.groups * c.oc * (c.ic * self._tiles.spectrum_bytes + 8)

    def workspace_bytes(self, threads):
        """Memory of a call, at most: tiles of a channel, the spectra of all channels, and products."""
        return self._tiles.most_bytes(threads)

    def pack(self, w, bias, threads):
        """Transforms weights of axes (O, I/groups, D, H, W), and keeps a bias of (O,) or None."""
        c = self._case
        spectra, norm, whole, finite = None, math.inf, False, bool(np.isfinite(w).all())
        if finite:
            norm = max(math.sqrt(np.einsum("idhw,idhw->", f, f, dtype=np.float64)) for f in w)
            whole = all(np.array_equal(f, np.rint(f)) for f in w)
            size = c.groups * c.oc * c.ic * self._tiles.spectrum_bytes
            spectra = arrays.empty((size // 8,), _REAL, size, lambda: f"cyconv: no memory for {size} bytes of spectra")
            self._tiles.pack(w, spectra, threads)
        added = None if bias is None else bias.astype(np.float64)
        direct = _Lazily(lambda: self._direct().pack(w, bias, threads))
        return Packed(spectra, added, finite, whole, norm, direct, collections.deque(maxlen=_KEPT))

    def run(self, x, y, packed, threads, keep_scratch):
        """Convolves x into y, both of the layout's axes; False if y may overlap x."""
        c = self._case
        beyond = np.empty((x.shape[0], *self._tiling.count, c.groups), np.bool_)
        size = self._tiles.memory_bytes(beyond.size // c.groups, threads)
        memory = _taken(packed.scratch) if keep_scratch else None
        if memory is None or memory.size < size:
            memory = arrays.empty((size,), _BYTE, size, lambda: f"cyconv: no memory for {size} bytes of scratch")
        flags = beyond.reshape(-1).view(np.uint8)
        done = self._tiles.run(x, y, packed.spectra, packed.bias, packed.whole, packed.norm, memory, flags, threads)
        if keep_scratch:
            packed.scratch.append(memory)
        if not done:
            return False
        if self._activate is not None:
            for sample in y:
                with np.errstate(all="ignore"):
                    sample[...] = self._activate(sample)
        if c.channels_last:
            x, y = np.moveaxis(x, -1, 1), np.moveaxis(y, -1, 1)
        for tile in np.argwhere(beyond.any(-1)).tolist():
            self._again(x, y, packed, tile, threads)
        return True

    def _again(self, x, y, packed, tile, threads):
        """Computes a tile directly: what is not finite stays where it belongs."""
        c, t = self._case, self._tiling
        inputs = np.empty((1, c.groups * c.ic, *self._met), self._dtype)
        outputs = np.empty((1, c.groups * c.oc, *t.outputs), self._dtype)
        self._gather(x, tile, inputs[0])
        self._direct().run(inputs, outputs, packed.direct(), threads, False)
        sample, *at = tile
        places = [slice(k * m, min((k + 1) * m, size)) for k, m, size in zip(at, t.outputs, c.out, strict=True)]
        there = [slice(0, p.stop - p.start) for p in places]
        y[(sample, slice(None), *places)] = outputs[(0, slice(None), *there)]

    def _gather(self, x, tile, to):
        """Copies what the windows of a tile meet, padded, and zeros behind the last one."""
        c = self._case
        sample, *at = tile
        source, places, indices = [slice(None)], [slice(None)], []
        for a in range(3):
            first = at[a] * self._tiling.outputs[a] * c.stride[a] - c.before[a]
            last = (c.out[a] - 1) * c.stride[a] - c.before[a] + (c.kernel[a] - 1) * c.dilation[a] + 1
            last = min(first + self._met[a], last)
            inside = slice(max(first, 0), max(min(last, c.size[a]), first, 0))
            if c.pad_mode == "constant" or (first >= 0 and last <= c.size[a]):
                source.append(inside)
                places.append(slice(inside.start - first, inside.stop - first))
            else:
                source.append(slice(None))
                places.append(slice(0, last - first))
                indices.append((a + 1, _sources(np.arange(first, last), c.size[a], c.pad_mode)))
        values = x[sample][tuple(source)]
        for axis, index in indices:
            values = values.take(index, axis)
        to[...] = 0
        to[tuple(places)] = values


def _taken(some):
    """The first of a deque, None if it is empty; other threads may take from it as well."""
    try:
        return some.popleft()
    except IndexError:
        return None


def _sources(at, n, pad_mode):
    """The inputs that positions outside of the input mean."""
    if pad_mode == "edge":
        return at.clip(0, n - 1)
    if pad_mode == "wrap":
        return at % n
    last = n - 1 if pad_mode == "symmetric" else n - 2  # the first of the next turn is n, or n - 2
    turn = 2 * n if pad_mode == "symmetric" else max(2 * n - 2, 1)
    at = at % turn
    return np.where(at < n, at, last + n - at)
