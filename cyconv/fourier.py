"""Convolution by Fourier transforms of tiles, for windows so large that even that pays.

The input is cut into tiles that overlap by a window less a step (overlap-save).  A tile is transformed,
multiplied with the transformed weights at each frequency, summed over channels, and transformed back;
what wraps around the ends of a tile is left out.

Tiles of pictures and volumes are compiled; those of signals are transformed by NumPy.

All of it is in float64, for float32 too: errors are then far below a rounding of float32.  Where the
weights and a tile hold whole numbers and the bound of the errors is below a half, results are rounded
to whole numbers, which makes them exact.  Tiles with numbers that are not finite, or so large that
products might overflow, are computed directly.
"""

import collections
import functools
import itertools
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

_MOST_BYTES = 1 << 24
"""Spectra of tiles that are multiplied together, unless one tile takes more."""

_TOGETHER = 1 << 17
"""Inputs of channels of a tile that are transformed by one call, if there are several."""

_ITEMS = 4
"""Calls at least, so that several threads have something to do."""

_CHANNELS, _PAIRS = 8, 64
"""Channels, and pairs of channels and filters, up to which they are summed one by one."""

_TILES, _FREQUENCIES = 8, 256
"""Tiles whose channels are summed together, and frequencies of one call."""

_SERIAL_POINTS = 1 << 16
"""Transformed points below which starting threads costs more than they save."""

_LEAST = (1, 2, 16)
"""What lengths of compiled transforms are multiples of."""

_SHORT = (1, 12, 16)
"""Lengths of tiles where windows have one element: no more than what vectors need."""

_NEAR_BYTES = 1 << 20
"""Spectra of weights that stay in the cache of a core."""

_WIDER = (1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 8, 12, 16, 32)
"""How much wider than the window tiles are tried."""

_KEPT = 2
"""Calls at once whose memory a plan keeps for the next ones."""

_BYTE, _REAL = np.dtype(np.uint8), np.dtype(np.float64)

_LARGEST = 1e300
"""What products must not come near."""


class Tiling(NamedTuple):
    """How a convolution is cut into tiles, and what it is expected to cost in cycles of one core."""

    inputs: tuple  # of a tile, along each axis
    outputs: tuple
    count: tuple
    cycles: float

    @property
    def frequencies(self):
        """Of a signal."""
        return self.inputs[2] // 2 + 1


@functools.lru_cache(maxsize=1024)
def _fast(n):
    """The next product of 2, 3 and 5, which NumPy transforms fastest."""
    best = 1 << (n - 1).bit_length()
    fives = 1
    while fives < best:
        odd = fives
        while odd < best:
            best = min(best, odd << (-(-n // odd) - 1).bit_length())
            odd *= 3
        fives *= 5
    return best


@functools.lru_cache(maxsize=1024)
def _compiled_length(n, least):
    """The next length of compiled transforms: `least` times a power of two, and times three or not."""
    return min(least * m << (-(-n // (least * m)) - 1).bit_length() for m in (1, 3))


def _is_signal(case):
    return case.size[:2] == case.out[:2] == (1, 1)


def _lengths(case, lengths):
    """The next lengths of transforms along each axis."""
    if _is_signal(case):
        return 1, 1, _fast(lengths[2])
    return tuple(_compiled_length(n, least) for n, least in zip(lengths, _LEAST, strict=True))


def _reach(case):
    """Inputs from the first to the last of a window."""
    return [(k - 1) * d + 1 for k, d in zip(case.kernel, case.dilation, strict=True)]


def _tilings(case):
    """All that are tried."""
    reach = _reach(case)
    needed = [(n - 1) * s + r for n, s, r in zip(case.out, case.stride, reach, strict=True)]
    cycles = _cycles if _is_signal(case) else _compiled_cycles
    for wider in _WIDER:
        lengths = [min(math.ceil(wider * r) if r > 1 else short, n)
                   for r, n, short in zip(reach, needed, _SHORT, strict=True)]  # fmt: skip
        tile = _lengths(case, lengths)
        outputs = tuple((t - r) // s + 1 for t, r, s in zip(tile, reach, case.stride, strict=True))
        count = tuple(-(-n // m) for n, m in zip(case.out, outputs, strict=True))
        yield Tiling(tile, outputs, count, cycles(case, tile, math.prod(count)))


def _compiled_cycles(case, tile, tiles):
    """Channels that are loaded and transformed, products, filters that are transformed back and stored."""
    points = math.prod(tile)
    points += points * 8 // tile[1]  # lines of half as many frequencies, and some more
    transform = points * (1.2 + 0.11 * math.log2(points)) * 64 / (case.lanes * case.item)
    if case.channels_last and case.groups * max(case.ic, case.oc) > 1:  # other channels lie between pixels
        transform += 0.9 * points
    pairs, channels = case.groups * case.ic * case.oc, case.groups * (case.ic + case.oc)
    product = pairs * points * (0.3 if 8 * pairs * points < _NEAR_BYTES else 1)
    return max(_ITEMS / (tiles * case.groups), 1) * tiles * (channels * transform + product) + pairs * transform


def _cycles(case, tile, tiles):
    """Transforms of channels and filters of each tile, products, and the transforms of the weights, once."""
    points = math.prod(tile)
    together = _together(case, tile, tiles)
    transform = 60000 / together + points * math.log2(points + 1) * 1.4  # threads take turns in calls of Python
    pairs, channels = case.groups * case.ic * case.oc, case.groups * (case.ic + case.oc)
    if case.channels_last:  # other channels lie between pixels
        transform += points * min(channels, 64) / 5 / together
    items = tiles * case.groups / together
    packing = pairs * transform
    if _as_matrices(case):  # spectra of weights are read for each block of tiles, and those of channels are turned
        product = pairs * points * (3 + 8 / min(tiles, _TILES)) + channels * points * 6
        items *= case.ic
        packing += pairs * points * 12
    else:
        product = pairs * (4 * points + 5000 if case.ic > 1 else points)
    return max(_ITEMS / items, 1) * tiles * (channels * transform + product) + packing


def _as_matrices(case):
    """Whether channels are many enough to be summed by products of matrices."""
    return case.ic > _CHANNELS or (case.ic > 1 and case.ic * case.oc > _PAIRS)


def _together(case, tile, tiles):
    """Channels, or groups if they are summed one by one, of a tile that are transformed by one call."""
    matrices = _as_matrices(case)
    some = case.ic if matrices else case.groups
    points = math.prod(tile) * (1 if matrices else case.ic)
    return max(min(_TOGETHER // points, tiles * case.groups * (case.ic if matrices else 1) // _ITEMS, some), 1)


def tiling(case):
    """How a convolution is cut into tiles.

    Parameters
    ----------
    case : cyconv.algorithms.Case

    Returns
    -------
    Tiling
        The one of least cost whose tiles are not too large.
    """
    wide = [2 * r if r > 1 else short for r, short in zip(_reach(case), _SHORT, strict=True)]
    window = math.prod(_lengths(case, wide))
    together = 1 if _is_signal(case) and _as_matrices(case) else max(case.ic // 2, 1)  # channels that are there at once
    most = max(_MOST_POINTS // together, window)
    return min((t for t in _tilings(case) if math.prod(t.inputs) <= most), key=lambda t: t.cycles)


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
    if not _is_signal(case):
        return tiling(case).cycles
    return tiling(case._replace(out=(1, 1, _SIGNAL))).cycles * case.pixels / _SIGNAL


def _tiling_of_call(case):
    """The same, for a signal by its kernel alone: it may still be coming in."""
    if not _is_signal(case):
        return tiling(case)
    outputs = tiling(case._replace(out=(1, 1, _LONG)))
    reach = _reach(case)[2]
    tile = min(outputs.inputs[2], _fast((case.out[2] - 1) * case.stride[2] + reach))
    steps = (tile - reach) // case.stride[2] + 1
    return Tiling((1, 1, tile), (1, 1, steps), (1, 1, -(-case.out[2] // steps)), 0)


def spectra_bytes(case):
    """Memory of the transformed weights.

    Parameters
    ----------
    case : cyconv.algorithms.Case

    Returns
    -------
    int
    """
    t = _tiling_of_call(case)
    one = 16 * t.frequencies if _is_signal(case) else _tiles(case, t).spectrum_bytes
    return case.groups * case.ic * case.oc * one


def _tiles(case, t):
    """The compiled convolution."""
    return Tiles(
        isa.kernels("float64").table(), case.channels_last, case.groups, case.ic, case.oc, case.size, case.out,
        case.kernel, case.stride, case.dilation, case.before, PAD_MODES[case.pad_mode], t.inputs, t.outputs, t.count,
    )  # fmt: skip


class Packed(NamedTuple):
    """Transformed weights, what is known of the weights, and memory that calls of a plan leave to the next."""

    spectra: np.ndarray  # of signals (groups, filters, channels, frequencies), or frequencies second
    bias: np.ndarray | None
    finite: bool
    whole: bool
    norm: float  # the largest of a filter
    direct: "_Lazily"
    scratch: collections.deque
    shared: collections.deque


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
        self._tiling = _tiling_of_call(case)
        self._activate = activations.APPLY.get(activation)
        self._compiled = None if _is_signal(case) else _tiles(case, self._tiling)
        self._frequencies = self._tiling.frequencies
        tiles = math.prod(self._tiling.count)
        self._matrices = _as_matrices(case)
        self._together = _together(case, self._tiling.inputs, tiles)
        # Channels of the input that a thread has at hand, and of the output.
        self._loaded = self._together * (1 if self._matrices else case.ic)
        most = max(_MOST_BYTES // (16 * case.groups * (case.ic + case.oc) * self._frequencies), 1)
        self._tiles = -(-tiles // -(-tiles // min(most, _TILES)))  # of a sample, whose spectra are there together
        self._direct = _Lazily(
            lambda: Direct(
                isa.kernels(dtype.name).table(), "direct", False, 1, case.groups, case.ic, case.oc,
                self._tiling.inputs, self._tiling.outputs, case.kernel, case.stride, case.dilation, (0, 0, 0),
                "constant", activation,
            )
        )  # fmt: skip

    @property
    def packed_bytes(self):
        """Bytes of transformed weights and bias."""
        c = self._case
        one = 16 * self._frequencies if self._compiled is None else self._compiled.spectrum_bytes
        return one * c.groups * c.ic * c.oc + 8 * c.groups * c.oc

    def workspace_bytes(self, threads):
        """Memory of a call: for each thread some channels of a tile, their spectra and products; and spectra."""
        c, t = self._case, self._tiling
        if self._compiled is not None:
            return self._compiled.tile_bytes * threads
        # Two copies of the input are made where it is rounded to see whether it is whole.
        each = (18 * math.prod(t.inputs) + 16 * self._frequencies) * self._loaded
        each += 32 * self._frequencies * self._together  # a product, and a term of the sum
        shared = 16 * c.groups * (c.ic + c.oc) * self._frequencies * self._tiles if self._matrices else 0
        return each * threads + shared

    def pack(self, w, bias, threads):
        """Transforms weights of axes (O, I/groups, D, H, W), and keeps a bias of (O,) or None."""
        finite = bool(np.isfinite(w).all())
        norm = math.inf
        if finite:
            norm = max(math.sqrt(np.einsum("idhw,idhw->", f, f, dtype=np.float64)) for f in w)
        whole = finite and all(np.array_equal(f, np.rint(f)) for f in w)
        spectra = self._spectra(w, threads) if finite else None
        added = None if bias is None else bias.astype(np.float64)
        direct = _Lazily(lambda: self._direct().pack(w, bias, threads))
        scratch = collections.deque(maxlen=_KEPT if self._compiled is not None else None)
        return Packed(spectra, added, finite, whole, norm, direct, scratch, collections.deque())

    def _spectra(self, w, threads):
        """The transformed weights."""
        c = self._case
        if self._compiled is not None:
            size = self._compiled.spectrum_bytes * c.groups * c.oc * c.ic
            spectra = arrays.empty((size // 8,), _REAL, size, lambda: f"cyconv: no memory for {size} bytes of spectra")
            self._compiled.pack(w, spectra, threads)
            return spectra
        order = (c.groups, *((self._frequencies, c.oc, c.ic) if self._matrices else (c.oc, c.ic, self._frequencies)))
        spectra = np.empty(order, np.complex128)
        places = tuple(slice(0, (k - 1) * d + 1, d) for k, d in zip(c.kernel, c.dilation, strict=True))

        def transform(item, scratch):
            o, i = item
            n = min(self._loaded, c.ic - i)
            scratch.real[...] = 0
            scratch.real[:n, *places] = w[o, i : i + n]
            spectrum = self._forward(scratch, n)
            np.conjugate(spectrum, out=spectrum)
            group, filter_ = divmod(o, c.oc)
            if self._matrices:
                spectra[group, :, filter_, i : i + n] = spectrum.T
            else:
                spectra[group, filter_, i : i + n] = spectrum

        items = itertools.product(range(c.groups * c.oc), range(0, c.ic, self._loaded))
        self._each(transform, items, threads, collections.deque())
        return spectra

    def run(self, x, y, packed, threads, keep_scratch):
        """Convolves x into y, both of the layout's axes; False if y may overlap x."""
        if self._compiled is not None:
            return self._run_compiled(x, y, packed, threads, keep_scratch)
        if np.may_share_memory(x, y):
            return False
        if not keep_scratch:
            packed = packed._replace(scratch=collections.deque(), shared=collections.deque())
        if self._case.channels_last:
            x, y = np.moveaxis(x, -1, 1), np.moveaxis(y, -1, 1)
        tiles = list(itertools.product(range(x.shape[0]), *map(range, self._tiling.count)))
        beyond = set()  # tiles with numbers that transforms cannot take
        work = self._sums if self._matrices else self._products
        work(x, y, packed, tiles, beyond, threads)
        while len(packed.scratch) > threads:  # other calls of the plan left theirs
            _taken(packed.scratch)
        for tile in sorted(beyond):
            self._again(x, y, packed, tile, threads)
        return True

    def _run_compiled(self, x, y, packed, threads, keep_scratch):
        beyond = np.empty((x.shape[0], *self._tiling.count, self._case.groups), np.bool_)
        size = self.workspace_bytes(min(threads, beyond.size))
        memory = _taken(packed.scratch) if keep_scratch else None
        if memory is None or memory.size < size:
            memory = arrays.empty((size,), _BYTE, size, lambda: f"cyconv: no memory for {size} bytes of scratch")
        flags = beyond.reshape(-1).view(np.uint8)
        done = self._compiled.run(
            x, y, packed.spectra, packed.bias, packed.whole, packed.norm, memory, flags, threads
        )  # fmt: skip
        if keep_scratch:
            packed.scratch.append(memory)
        if not done:
            return False
        if self._activate is not None:
            for sample in y:
                with np.errstate(all="ignore"):
                    sample[...] = self._activate(sample)
        if self._case.channels_last:
            x, y = np.moveaxis(x, -1, 1), np.moveaxis(y, -1, 1)
        for tile in np.argwhere(beyond.any(-1)).tolist():
            self._again(x, y, packed, tile, threads)
        return True

    def _each(self, function, items, threads, kept):
        """Calls function(item, scratch) for all items, on several threads if that pays."""
        items = collections.deque(items)
        failed = []

        def work():
            try:
                with np.errstate(all="ignore"):
                    scratch = _taken(kept) or _Scratch(self._tiling, self._loaded, self._together)
                    while not failed and (item := _taken(items)) is not None:
                        function(item, scratch)
                    kept.append(scratch)
            except BaseException as error:
                failed.append(error)

        points = len(items) * self._loaded * math.prod(self._tiling.inputs)
        others = min(threads, len(items)) - 1 if points > _SERIAL_POINTS else 0
        helpers = [threading.Thread(target=work, daemon=True) for _ in range(others)]
        for helper in helpers:
            helper.start()
        work()
        for helper in helpers:
            helper.join()
        if failed:
            raise failed[0]

    def _products(self, x, y, packed, tiles, beyond, threads):
        """Few channels and filters: from the input to the outputs tile by tile."""
        c = self._case

        def compute(item, scratch):
            tile, first = item
            n = min(self._together, c.groups - first)
            exact = self._load(x, packed, tile, first * c.ic, n * c.ic, scratch)
            if exact is None:
                beyond.add(tile)
                return
            spectrum = self._forward(scratch, n * c.ic).reshape(n, c.ic, self._frequencies)
            for o in range(c.oc):
                weights, product, term = packed.spectra[first : first + n, o], scratch.product[:n], scratch.term[:n]
                np.multiply(spectrum[:, 0], weights[:, 0], out=product)
                for i in range(1, c.ic):
                    np.add(product, np.multiply(spectrum[:, i], weights[:, i], out=term), out=product)
                filters = slice(first * c.oc + o, (first + n) * c.oc, c.oc)
                self._backward(y, packed, tile, filters, exact, scratch, n)

        self._each(compute, itertools.product(tiles, range(0, c.groups, self._together)), threads, packed.scratch)

    def _sums(self, x, y, packed, tiles, beyond, threads):
        """Many channels and filters: a product of matrices at each frequency, for some tiles of a sample."""
        c = self._case
        a_sample = math.prod(self._tiling.count)
        inputs, outputs = shared = _taken(packed.shared) or tuple(
            np.empty((c.groups, self._frequencies, self._tiles, n), np.complex128) for n in (c.ic, c.oc)
        )
        for sample in range(0, len(tiles), a_sample):
            for first in range(sample, sample + a_sample, self._tiles):
                block = tiles[first : min(first + self._tiles, sample + a_sample)]
                self._block(
                    x, y, packed, block, beyond, inputs[:, :, : len(block)], outputs[:, :, : len(block)], threads
                )
        if not packed.shared:
            packed.shared.append(shared)

    def _block(self, x, y, packed, block, beyond, inputs, outputs, threads):
        """The outputs of some tiles, whose spectra and products go to `inputs` and `outputs`."""
        c = self._case
        inexact = set()

        def load(item, scratch):
            tile, group, i = item
            n = min(self._together, c.ic - i)
            exact = self._load(x, packed, block[tile], group * c.ic + i, n, scratch)
            if exact is None:
                beyond.add(block[tile])
                return
            if not exact:
                inexact.add(tile)
            inputs[group, :, tile, i : i + n] = self._forward(scratch, n).T

        def multiply(item, _):
            group, some = item
            np.matmul(inputs[group, some], packed.spectra[group, some].swapaxes(1, 2), out=outputs[group, some])

        def store(item, scratch):
            tile, group, o = item
            if block[tile] in beyond:
                return
            n = min(self._together, c.oc - o)
            scratch.product[:n] = outputs[group, :, tile, o : o + n].T
            filters = slice(group * c.oc + o, group * c.oc + o + n)
            self._backward(y, packed, block[tile], filters, tile not in inexact, scratch, n)

        places, groups = range(len(block)), range(c.groups)
        parts = [slice(f, f + _FREQUENCIES) for f in range(0, self._frequencies, _FREQUENCIES)]
        for function, items in (
            (load, itertools.product(places, groups, range(0, c.ic, self._together))),
            (multiply, itertools.product(groups, parts)),
            (store, itertools.product(places, groups, range(0, c.oc, self._together))),
        ):
            self._each(function, items, threads, packed.scratch)

    def _load(self, x, packed, tile, first, n, scratch):
        """Copies channels of a tile; whether results must be rounded to whole numbers, None if it is beyond."""
        values = scratch.real[:n]
        self._gather(x, tile, slice(first, first + n), values)
        points = math.prod(self._tiling.inputs)
        bound = math.sqrt(np.einsum("cdhw,cdhw->", values, values)) * packed.norm * self._case.ic
        if not bound * points < _LARGEST:
            return None
        # Twice the bound of Percival (2003) for transforms of powers of two, and the sum over channels.
        error = (26 * math.log2(2 * points) + 4 * self._case.ic) * 2.0**-53 * bound
        return packed.whole and error < 0.5 and bool((values == np.rint(values)).all())

    def _gather(self, x, tile, channels, to):
        """Copies what a tile reads of some channels, padded."""
        c, t = self._case, self._tiling
        sample, *at = tile
        source, places, indices = [channels], [slice(None)], []
        for a in range(3):
            first = at[a] * t.outputs[a] * c.stride[a] - c.before[a]
            last = first + t.inputs[a]
            inside = slice(max(first, 0), min(max(last, 0), c.size[a]))
            # Beyond the last window, and under zeros, nothing is read.
            used = min(last, (c.out[a] - 1) * c.stride[a] - c.before[a] + (c.kernel[a] - 1) * c.dilation[a] + 1)
            if c.pad_mode == "constant" or (first >= 0 and used <= c.size[a]):
                source.append(inside)
                places.append(slice(inside.start - first, max(inside.stop, inside.start) - first))
            else:
                source.append(slice(None))
                places.append(slice(0, used - first))
                indices.append((a + 1, _sources(np.arange(first, used), c.size[a], c.pad_mode)))
        values = x[sample][tuple(source)]
        for axis, index in indices:
            values = values.take(index, axis)
        if values[0].size < to[0].size:
            to[...] = 0
        to[tuple(places)] = values

    def _forward(self, scratch, n):
        """Transforms n channels of a tile."""
        return np.fft.rfft(scratch.real[:n, 0, 0], out=scratch.spectrum[:n])

    def _backward(self, y, packed, tile, filters, exact, scratch, n):
        """Transforms n products back, and writes the outputs that hold whole windows."""
        c, t = self._case, self._tiling
        sample, _, _, at = tile
        place = slice(at * t.outputs[2], min((at + 1) * t.outputs[2], c.out[2]))
        valid = slice(0, (place.stop - place.start - 1) * c.stride[2] + 1, c.stride[2])
        values = scratch.real[:n, 0, 0]
        np.fft.irfft(scratch.product[:n], t.inputs[2], out=values)
        values = values[:, valid]
        if exact:
            np.rint(values, out=values)
            values += 0.0  # no negative zeros
        if packed.bias is not None:
            values += packed.bias[filters, None]
        if self._activate is not None:
            values = self._activate(values.astype(self._dtype))
        y[sample, filters, 0, 0, place] = values

    def _again(self, x, y, packed, tile, threads):
        """Computes a tile directly: what is not finite stays where it belongs."""
        c, t = self._case, self._tiling
        inputs = np.empty((1, c.groups * c.ic, *t.inputs), self._dtype)
        outputs = np.empty((1, c.groups * c.oc, *t.outputs), self._dtype)
        self._gather(x, tile, slice(None), inputs[0])
        self._direct().run(inputs, outputs, packed.direct(), threads, False)
        sample, *at = tile
        places = [slice(k * m, min((k + 1) * m, size)) for k, m, size in zip(at, t.outputs, c.out, strict=True)]
        there = [slice(0, p.stop - p.start) for p in places]
        y[(sample, slice(None), *places)] = outputs[(0, slice(None), *there)]


def _taken(some):
    """The first of a deque, None if it is empty; other threads may take from it as well."""
    try:
        return some.popleft()
    except IndexError:
        return None


class _Scratch:
    """Memory of a thread: some channels of a tile, their spectra, and products."""

    def __init__(self, tiling, loaded, stored):
        self.real = np.empty((loaded, *tiling.inputs))
        self.spectrum = np.empty((loaded, tiling.frequencies), np.complex128)
        self.product = np.empty((stored, tiling.frequencies), np.complex128)
        self.term = np.empty_like(self.product)  # of the sum over channels


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
