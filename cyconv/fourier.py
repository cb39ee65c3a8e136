"""Convolution by Fourier transforms of tiles, for windows so large that even that pays.

The input is cut into tiles that overlap by a window less a step (overlap-save).  A tile is transformed,
multiplied with the transformed weights at each frequency, summed over channels, and transformed back;
what wraps around the ends of a tile is left out.

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

from cyconv import activations, isa
from cyconv._ext.convolution import Convolution as Direct

_SIGNAL = 1 << 20
"""Outputs of a signal of any length, for the choice of its tile."""

_MOST_POINTS = 1 << 20
"""Inputs of a tile, unless its window takes more."""

_MOST_BYTES = 1 << 24
"""Spectra of tiles that are multiplied together, unless one tile takes more."""

_TOGETHER = 4
"""Channels of a tile that are transformed by one call."""

_TILES, _FREQUENCIES = 8, 256
"""Tiles whose channels are summed together, and frequencies of one call."""

_SERIAL_POINTS = 1 << 16
"""Transformed points below which starting threads costs more than they save."""

_WIDER = (1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 8, 12, 16, 32)
"""How much wider than the window tiles are tried."""

_LARGEST = 1e300
"""What products must not come near."""


class Tiling(NamedTuple):
    """How a convolution is cut into tiles, and what it is expected to cost in cycles of one core."""

    inputs: tuple  # of a tile, along each axis
    outputs: tuple
    count: tuple
    cycles: float

    @property
    def real(self):
        """The axis that is transformed first, as real numbers."""
        return max((a for a in range(3) if self.inputs[a] > 1), default=2)

    @property
    def spectrum(self):
        """Frequencies along each axis."""
        return tuple(n // 2 + 1 if a == self.real else n for a, n in enumerate(self.inputs))


@functools.lru_cache(maxsize=1024)
def _fast(n):
    """The next product of 2, 3 and 5, whose transforms are fastest."""
    best = 1 << (n - 1).bit_length()
    fives = 1
    while fives < best:
        odd = fives
        while odd < best:
            best = min(best, odd << (-(-n // odd) - 1).bit_length())
            odd *= 3
        fives *= 5
    return best


def _tilings(case):
    """All that are tried."""
    reach = [(k - 1) * d + 1 for k, d in zip(case.kernel, case.dilation, strict=True)]
    needed = [(n - 1) * s + r for n, s, r in zip(case.out, case.stride, reach, strict=True)]
    for wider in _WIDER:
        tile = tuple(
            _fast(min(math.ceil(wider * r), n)) if r > 1 else 1 for r, n in zip(reach, needed, strict=True)
        )
        outputs = tuple((t - r) // s + 1 for t, r, s in zip(tile, reach, case.stride, strict=True))
        count = tuple(-(-n // m) for n, m in zip(case.out, outputs, strict=True))
        yield Tiling(tile, outputs, count, _cycles(case, tile, math.prod(count)))


def _cycles(case, tile, tiles):
    """Transforms of channels and filters of each tile, products, and the transforms of the weights, once."""
    points = math.prod(tile)
    transform = 30000 + points * (3 + 0.55 * math.log2(points))
    pairs = case.groups * case.ic * case.oc
    if case.ic == 1:
        product = pairs * points * 0.6
    else:  # the spectra of the weights come from memory for each block of tiles, those of channels are turned around
        product = pairs * points * (2 + 8 / min(tiles, _TILES)) + case.groups * (case.ic + case.oc) * points * 6
    return tiles * (case.groups * (case.ic + case.oc) * transform + product) + pairs * transform


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
    first, *others = _tilings(case)
    return min((first, *(t for t in others if math.prod(t.inputs) <= _MOST_POINTS)), key=lambda t: t.cycles)


def _tiling_of_call(case):
    """The same, for a signal by its kernel alone: it may still be coming in."""
    if case.size[:2] != (1, 1) or case.out[:2] != (1, 1):
        return tiling(case)
    outputs = tiling(case._replace(out=(1, 1, _SIGNAL)))
    reach = (case.kernel[2] - 1) * case.dilation[2] + 1
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
    return 16 * case.groups * case.ic * case.oc * math.prod(_tiling_of_call(case).spectrum)


class Packed(NamedTuple):
    """Transformed weights, and what is known of the weights."""

    spectra: np.ndarray  # (filters, *frequencies), or (groups, frequencies, channels, filters) to multiply matrices
    bias: np.ndarray | None
    finite: bool
    whole: bool
    norm: float  # the largest of a filter
    direct: "_Lazily"


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
        self._others = [a for a in range(3) if self._tiling.inputs[a] > 1 and a != self._tiling.real]
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
        return 16 * c.groups * c.ic * c.oc * math.prod(self._tiling.spectrum) + 8 * c.groups * c.oc

    @property
    def _summed(self):
        """Whether channels are summed, by products of matrices."""
        return self._case.ic > 1

    @property
    def _tiles_at_once(self):
        """Tiles of a sample whose spectra are there together."""
        c = self._case
        each = 16 * c.groups * (c.ic + c.oc) * math.prod(self._tiling.spectrum)
        return min(max(_MOST_BYTES // each, 1), _TILES, math.prod(self._tiling.count))

    def workspace_bytes(self, threads):
        """Memory of a call: for each thread some channels of a tile, their spectra, and products; and spectra."""
        c, t = self._case, self._tiling
        frequencies = math.prod(t.spectrum)
        each = (10 * math.prod(t.inputs) + 32 * frequencies) * min(_TOGETHER, c.groups * max(c.ic, c.oc))
        shared = 16 * c.groups * (c.ic + c.oc) * frequencies * self._tiles_at_once if self._summed else 0
        return each * threads + shared

    def pack(self, w, bias, threads):
        """Transforms weights of axes (O, I/groups, D, H, W), and keeps a bias of (O,) or None."""
        c, t = self._case, self._tiling
        frequencies = math.prod(t.spectrum)
        spectra = np.empty((c.groups * c.oc, *t.spectrum), np.complex128)
        if self._summed:
            spectra = np.empty((c.groups, frequencies, c.ic, c.oc), np.complex128)
        places = tuple(slice(0, (k - 1) * d + 1, d) for k, d in zip(c.kernel, c.dilation, strict=True))

        def transform(o, scratch):
            scratch.real[...] = 0
            for i in range(0, c.ic, len(scratch.real)):
                n = min(len(scratch.real), c.ic - i)
                scratch.real[:n, *places] = w[o, i : i + n]
                spectrum = np.conjugate(self._forward(scratch, n), out=scratch.spectrum[:n])
                if self._summed:
                    spectra[o // c.oc, :, i : i + n, o % c.oc] = spectrum.reshape(n, frequencies).T
                else:
                    spectra[o] = spectrum[0]

        finite = bool(np.isfinite(w).all())
        whole = finite and bool((w == np.rint(w)).all())
        wide = w.astype(np.float64)
        norm = math.sqrt(np.einsum("oidhw,oidhw->o", wide, wide).max()) if finite else math.inf
        if finite:
            self._each(transform, range(c.groups * c.oc), threads, min(c.ic, _TOGETHER))
        direct = _Lazily(lambda: self._direct().pack(w, bias, threads))
        added = None if bias is None else bias.astype(np.float64).reshape(-1, 1, 1, 1)
        return Packed(spectra, added, finite, whole, norm, direct)

    def run(self, x, y, packed, threads, keep_scratch):
        """Convolves x into y, both of the layout's axes; False if y overlaps x.  No scratch is kept."""
        del keep_scratch
        if np.may_share_memory(x, y):
            return False
        if self._case.channels_last:
            x, y = np.moveaxis(x, -1, 1), np.moveaxis(y, -1, 1)
        tiles = list(itertools.product(range(x.shape[0]), *map(range, self._tiling.count)))
        work = self._sums if self._summed else self._products
        # Tiles of which a channel is beyond what transforms can do.
        beyond = set()
        work(x, y, packed, tiles, beyond, threads)
        for tile in sorted(beyond):
            self._again(x, y, packed, tile, threads)
        return True

    def _each(self, function, items, threads, channels):
        """Calls function(item, scratch) for all items, on several threads if that pays."""
        items = collections.deque(items)
        failed = []

        def work():
            try:
                with np.errstate(all="ignore"):
                    scratch = _Scratch(self._tiling, channels)
                    while items and not failed:
                        try:
                            item = items.popleft()
                        except IndexError:
                            return
                        function(item, scratch)
            except BaseException as error:
                failed.append(error)

        points = len(items) * channels * math.prod(self._tiling.inputs)
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
        """Filters that see one channel: from the input to the outputs tile by tile."""
        c = self._case
        each = min(c.groups, _TOGETHER)
        spectra = packed.spectra.reshape(c.groups, c.oc, *self._tiling.spectrum)

        def compute(item, scratch):
            tile, first = item
            n = min(each, c.groups - first)
            exact = self._load(x, packed, tile, first, n, scratch)
            if exact is None:
                beyond.add(tile)
                return
            self._forward(scratch, n)
            for o in range(c.oc):
                np.multiply(scratch.spectrum[:n], spectra[first : first + n, o], out=scratch.product[:n])
                filters = slice(first * c.oc + o, (first + n) * c.oc, c.oc)
                self._backward(y, packed, tile, filters, exact, scratch, n)

        self._each(compute, itertools.product(tiles, range(0, c.groups, each)), threads, each)

    def _sums(self, x, y, packed, tiles, beyond, threads):
        """Filters that see several channels: a product of matrices at each frequency, for some tiles of a sample."""
        c = self._case
        frequencies = math.prod(self._tiling.spectrum)
        most, a_sample = self._tiles_at_once, math.prod(self._tiling.count)
        inputs = np.empty((c.groups, frequencies, most, c.ic), np.complex128)
        outputs = np.empty((c.groups, frequencies, most, c.oc), np.complex128)
        each_in, each_out = min(c.ic, _TOGETHER), min(c.oc, _TOGETHER)
        for start in itertools.chain.from_iterable(
            range(n, n + a_sample, most) for n in range(0, len(tiles), a_sample)
        ):
            block = tiles[start : min(start + most, start - start % a_sample + a_sample)]
            inexact = set()

            def load(item, scratch, block=block, inexact=inexact):
                n, g, i = item
                m = min(each_in, c.ic - i)
                exact = self._load(x, packed, block[n], g * c.ic + i, m, scratch)
                if exact is None:
                    beyond.add(block[n])
                    inputs[g, :, n, i : i + m] = 0
                    return
                if not exact:
                    inexact.add(n)
                inputs[g, :, n, i : i + m] = self._forward(scratch, m).reshape(m, frequencies).T

            def multiply(item, scratch, n=len(block)):
                del scratch
                g, f = item
                some = slice(f, f + _FREQUENCIES)
                np.matmul(inputs[g, some, :n], packed.spectra[g, some], out=outputs[g, some, :n])

            def store(item, scratch, block=block, inexact=inexact):
                n, g, o = item
                if block[n] in beyond:
                    return
                m = min(each_out, c.oc - o)
                scratch.product.reshape(len(scratch.product), frequencies)[:m] = outputs[g, :, n, o : o + m].T
                filters = slice(g * c.oc + o, g * c.oc + o + m)
                self._backward(y, packed, block[n], filters, n not in inexact, scratch, m)

            places, groups = range(len(block)), range(c.groups)
            self._each(load, itertools.product(places, groups, range(0, c.ic, each_in)), threads, each_in)
            self._each(multiply, itertools.product(groups, range(0, frequencies, _FREQUENCIES)), threads, 1)
            self._each(store, itertools.product(places, groups, range(0, c.oc, each_out)), threads, each_out)

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
        spectrum = np.fft.rfft(scratch.real[:n], axis=1 + self._tiling.real, out=scratch.spectrum[:n])
        for a in self._others:
            np.fft.fft(spectrum, axis=1 + a, out=spectrum)
        return spectrum

    def _backward(self, y, packed, tile, filters, exact, scratch, n):
        """Transforms n products back, and writes the outputs that hold whole windows."""
        c, t = self._case, self._tiling
        sample, *at = tile
        places = [slice(k * m, min((k + 1) * m, size)) for k, m, size in zip(at, t.outputs, c.out, strict=True)]
        valid = [slice(0, (p.stop - p.start - 1) * s + 1, s) for p, s in zip(places, c.stride, strict=True)]
        product, values = scratch.product[:n], scratch.real[:n]
        for a in self._others:
            np.fft.ifft(product, axis=1 + a, out=product)
            some = (slice(None),) * (1 + a) + (valid[a],)
            product, values = product[some], values[some]
        np.fft.irfft(product, t.inputs[t.real], axis=1 + t.real, out=values)
        values = values[(slice(None),) * (1 + t.real) + (valid[t.real],)]
        if exact:
            np.rint(values, out=values)
            values += 0.0  # no negative zeros
        if packed.bias is not None:
            values += packed.bias[filters]
        if self._activate is not None:
            values = self._activate(values.astype(self._dtype))
        y[(sample, filters, *places)] = values

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


class _Scratch:
    """Memory of a thread: some channels of a tile, their spectra, and products."""

    def __init__(self, tiling, channels):
        self.real = np.empty((channels, *tiling.inputs))
        self.spectrum = np.empty((channels, *tiling.spectrum), np.complex128)
        self.product = np.empty_like(self.spectrum)


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
