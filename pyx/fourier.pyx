"""The compiled half of convolution by Fourier transforms: tiles.

The input is cut into tiles that overlap (overlap-save).  A tile is loaded as float64, transformed, multiplied with the
transformed weights, summed over channels and transformed back.  Its columns are transformed two by two, the one half of
them as real and the other as imaginary parts, each vector a few columns; then frequencies become lanes, and rows and
depths are transformed.  Frequencies stay in the order in which the passes leave them.

A unit is a few tiles of a group's channels, for which its weights are read once.  Where these stay in cache, threads
divide the units.  Those that are left when all threads have had equally many, and all units where weights come from
memory, the threads compute together: they divide the channels, then the lines of frequencies, then the filters.

A tile of a signal is two runs of it, the one as real and the other as imaginary parts.  The rows of a tile, one behind
the other, are a run: transforms of the columns, then twiddles, and then transforms of the rows are that of the run.
"""
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython.parallel cimport prange, threadid
from libc.math cimport M_PI, cos, log2, sin, sqrt
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from arrays cimport aligned, forked, opened, overlap
from geometry cimport Array, Geometry, PadMode, ceil_div, source_index
from kernel_table cimport FEW_CHANNELS, LINE, FourierAxis, FourierTurn, KernelTable, Spectra

cdef enum:
    MAX_LANES = 8                   # of a vector of float64
    ROWS_AHEAD = 4                  # of the one that is loaded, of which another is fetched
    DIVIDED_POINTS = 1 << 14        # of all channels of a tile, from which threads divide them
    UNITS = 3                       # for each thread, if there are as many tiles

cdef double LARGEST = 1e300         # what products must not come near
cdef double WHOLE = 6755399441055744.0      # 1.5 * 2^52: added and taken off again, it rounds to whole numbers

ctypedef fused real:
    float
    double


cdef struct Tile:                   # a channel or a filter of it
    Py_ssize_t n                    # its sample, and places along each axis
    Py_ssize_t at[3]
    double squares[MAX_LANES]       # the sum of those of what was loaded, in parts
    bint whole                      # and whether that was whole numbers
    char* rows


cdef struct Loaded:                 # what is known of a channel of a tile
    double squares
    bint whole


cdef struct Unit:                   # tiles of a group
    Py_ssize_t first
    Py_ssize_t group
    Spectra spectra
    Loaded* loaded                  # of each channel of each tile
    char* rows                      # of a tile, one thread's after another
    unsigned char* beyond           # of all tiles and groups


cdef struct Weights:
    const char* spectra
    const double* bias
    bint whole                      # whether they are whole numbers
    double norm                     # the largest of a filter


cdef class Tiles:
    """One convolution's tiles.

    Parameters
    ----------
    table : capsule
        The kernels of float64, from ``cyconv.isa``.
    channels_last : bool
    groups, ic, oc : int
        Groups, and channels of a group.
    size, out, kernel, stride, dilation, before : sequence of three int
        Per axis (depth, height, width).
    pad_mode : int
        As in `cyconv._ext.convolution.PAD_MODES`.
    signal : bool
        Whether depth and height are one, and a tile is two runs of the width.
    inputs : sequence of three int
        Of a tile, along each axis, without prime factors but 2 and 3; those of a row are a multiple of 16, and those
        of a column are even.  Of a signal: one, and rows and columns of a run, multiples of 8.
    outputs, count : sequence of three int
        Of a tile, and tiles, along each axis.  Of a signal's tile they are even, a half for each run.
    shared : bool
        Whether threads compute all units together.
    tiles : int
        Of a unit, at most.
    filters : int
        Of a unit that threads compute together, whose products are there at once: a multiple of four, or all.
    """
    cdef Geometry g
    cdef const KernelTable* kernels
    cdef bint channels_last
    cdef bint signal
    cdef Py_ssize_t inputs[3]
    cdef Py_ssize_t outputs[3]
    cdef Py_ssize_t count[3]
    cdef FourierAxis axes[3]
    cdef void* memory[3]
    cdef double* twiddles           # of a signal, between columns and rows
    cdef Py_ssize_t half            # of the elements of a row: real parts, or imaginary ones
    cdef Py_ssize_t row             # bytes from one row of a tile to the next
    cdef Py_ssize_t rows            # bytes of the rows of a tile
    cdef Py_ssize_t lines           # of frequencies
    cdef Py_ssize_t line            # bytes from the line of one channel to that of the next
    cdef Py_ssize_t imaginary       # bytes from real to imaginary parts of a line
    cdef Py_ssize_t vectors         # of frequencies in a line
    cdef bint shared
    cdef Py_ssize_t tiles           # of a unit, at most
    cdef Py_ssize_t filters         # that threads compute together
    cdef Py_ssize_t block           # of filters whose weights lie side by side
    cdef readonly Py_ssize_t spectrum_bytes     # of a channel's weights

    def __init__(self, table, bint channels_last, Py_ssize_t groups, Py_ssize_t ic, Py_ssize_t oc,
                 size, out, kernel, stride, dilation, before, int pad_mode, bint signal, inputs, outputs, count,
                 bint shared, Py_ssize_t tiles, Py_ssize_t filters):
        cdef Py_ssize_t a, frequencies
        self.kernels = <const KernelTable*> PyCapsule_GetPointer(table, "cyconv.KernelTable")
        self.channels_last = channels_last
        self.g.groups, self.g.ic, self.g.oc = groups, ic, oc
        self.g.pad_mode = <PadMode> pad_mode
        for a in range(3):
            self.g.size[a], self.g.out[a], self.g.kernel[a] = size[a], out[a], kernel[a]
            self.g.stride[a], self.g.dilation[a], self.g.before[a] = stride[a], dilation[a], before[a]
            self.inputs[a], self.outputs[a], self.count[a] = inputs[a], outputs[a], count[a]
        self.signal, self.shared, self.tiles, self.filters = signal, shared, tiles, filters
        self.half = self.inputs[2] if signal else self.inputs[2] // 2
        frequencies = self.inputs[1] if signal else self.inputs[1] // 2 + 1
        self.row = in_different_sets(2 * self.half * 8)
        self.imaginary = (frequencies + 7) // 8 * LINE
        self.line = 2 * self.imaginary
        self.vectors = self.imaginary // (8 * self.kernels.lanes)
        self.rows = self.inputs[0] * self.inputs[1] * self.row
        self.lines = self.inputs[0] * self.inputs[2]
        self.block = 1 if ic < FEW_CHANNELS else self.kernels.spectra_filters
        self.spectrum_bytes = self.lines * 2 * self.imaginary

    def __dealloc__(self):
        cdef int a
        for a in range(3):
            free(self.memory[a])
        free(self.twiddles)

    def prepare(self):
        """Computes what transforms need, once; before, the tiles can only tell their sizes."""
        cdef Py_ssize_t a
        for a in range(3):
            self.set_axis(a)
        if self.signal:
            self.set_twiddles()

    cdef int set_twiddles(self) except -1:
        """Frequency k of column c turns by c*k of all points; rows are in the order of places."""
        cdef Py_ssize_t points = self.inputs[1] * self.inputs[2], k, c
        cdef double* row
        cdef double turned[2]
        self.twiddles = <double*> malloc(2 * points * sizeof(double))
        if self.twiddles == NULL:
            raise MemoryError(f"cyconv: no memory for transforms of {points} points")
        for k in range(self.inputs[1]):
            row = self.twiddles + self.axes[1].places[k] * 2 * self.half
            for c in range(self.half):
                set_twiddle(turned, k * c, points)
                row[c], row[c + self.half] = turned[0], turned[1]
        return 0

    cdef int set_axis(self, Py_ssize_t a) except -1:
        """Passes, twiddles and places of an axis."""
        cdef FourierAxis* axis = &self.axes[a]
        cdef Py_ssize_t n = self.inputs[a], block = n, rest = n, twos = 0, terms = 0
        cdef Py_ssize_t p, j, k, part, place, frequency
        cdef Py_ssize_t* places
        cdef double* twiddles
        axis.points, axis.passes = n, 0
        while rest % 3 == 0:
            axis.radix[axis.passes] = 3
            axis.passes += 1
            rest //= 3
        while rest > 1:
            rest //= 2
            twos += 1
        while twos > 0:
            # By eights, but for two fours rather than an eight and a two.
            k = 3 if twos == 3 or twos > 4 else 2 if twos % 2 == 0 else 1
            axis.radix[axis.passes] = 1 << k
            axis.passes += 1
            twos -= k
        for p in range(axis.passes):
            terms += 2 * (axis.radix[p] - 1) * (block // axis.radix[p])
            block //= axis.radix[p]
        self.memory[a] = malloc(terms * sizeof(double) + n * sizeof(Py_ssize_t))
        if self.memory[a] == NULL:
            raise MemoryError(f"cyconv: no memory for transforms of {n} points")
        places = <Py_ssize_t*> self.memory[a]
        twiddles = <double*> (places + n)
        axis.places = places
        block = n
        for p in range(axis.passes):
            axis.twiddles[p] = twiddles
            part = block // axis.radix[p]
            for j in range(part):
                for k in range(1, axis.radix[p]):
                    set_twiddle(twiddles, j * k, block)
                    twiddles += 2
            block = part
        for j in range(n):
            place, frequency, block = 0, j, n
            for p in range(axis.passes):
                block //= axis.radix[p]
                place += frequency % axis.radix[p] * block
                frequency //= axis.radix[p]
            places[j] = place
        return 0

    cdef Py_ssize_t side_by_side(self, Py_ssize_t channels) noexcept nogil:
        """Bytes from the lines of so many channels to the next."""
        return in_different_sets(channels * self.line)

    def pack(self, const real[:, :, :, :, :] w, double[::1] spectra, Py_ssize_t threads):
        """Spectra of weights of axes (O, I/groups, D, H, W), ready to be multiplied with those of tiles."""
        cdef Py_ssize_t pairs = w.shape[0] * w.shape[1], n
        cdef Py_ssize_t own = self.rows + self.lines * self.side_by_side(1)
        cdef char* memory
        cdef char* to = <char*> &spectra[0]
        threads = 1 if forked() else min(threads, pairs)
        memory = <char*> malloc(own * threads + LINE)
        if memory == NULL:
            raise MemoryError(f"cyconv: no memory for {own * threads} bytes of scratch")
        with nogil:
            if threads > 1:
                for n in prange(pairs, schedule="dynamic", num_threads=threads):
                    self.pack_one(w, n, on_line(memory) + threadid() * own, to)
            else:
                for n in range(pairs):
                    self.pack_one(w, n, on_line(memory), to)
        free(memory)

    cdef void pack_one(self, const real[:, :, :, :, :] w, Py_ssize_t n, char* rows, char* to) noexcept nogil:
        """A channel of a filter, the n-th of all, as multiply_spectra takes it."""
        cdef Py_ssize_t ic = w.shape[1], i = n // w.shape[0], o = n % w.shape[0]
        cdef Py_ssize_t f = o % self.g.oc, place = f % self.block, filters = min(self.g.oc - f + place, self.block)
        cdef Py_ssize_t pair = 2 * self.kernels.lanes * 8       # real and imaginary parts of a vector
        cdef Py_ssize_t deep = (w.shape[2] - 1) * self.g.dilation[0] + 1
        cdef Py_ssize_t wide = (w.shape[4] - 1) * self.g.dilation[2] + 1
        cdef Py_ssize_t line = self.side_by_side(1), plane = self.inputs[2] * line, d, h, v, at
        cdef char* spectrum = rows + self.rows
        cdef double* row
        # The way back adds a factor of all points; real columns brought apart are twice what they should be, and so
        # are both spectra that are multiplied.
        cdef double scale = 1.0 / ((1.0 if self.signal else 4.0) * self.inputs[0] * self.inputs[1] * self.inputs[2])
        memset(rows, 0, deep * self.inputs[1] * self.row)
        for d in range(w.shape[2]):
            for h in range(w.shape[3]):
                for v in range(w.shape[4]):
                    at = v * self.g.dilation[2]
                    row = <double*> (rows + (d * self.g.dilation[0] * self.inputs[1] + h * self.g.dilation[1]
                                             + (at // self.half if self.signal else 0)) * self.row)
                    row[at % self.half if self.signal else at] = w[o, i, d, h, v]
        memset(spectrum + deep * plane, 0, (self.inputs[0] - deep) * plane)
        self.forward(rows, spectrum, line, deep, wide)
        self.kernels.pack_spectrum(spectrum, self.lines, line, self.imaginary, scale,
                                   to + (o - place) * ic * self.spectrum_bytes + (i * filters + place) * pair,
                                   ic * filters * pair)

    cdef FourierTurn turn(self, Py_ssize_t d, char* rows, char* spectrum, Py_ssize_t line) noexcept nogil:
        """Between rows and lines of depth d."""
        cdef FourierTurn t
        t.axis, t.half, t.twiddles = &self.axes[1], self.half, self.twiddles
        t.rows, t.row = rows + d * self.inputs[1] * self.row, self.row
        t.lines, t.line, t.imaginary = spectrum + d * self.inputs[2] * line, line, self.imaginary
        return t

    cdef void forward(self, char* rows, char* spectrum, Py_ssize_t line, Py_ssize_t deep,
                      Py_ssize_t wide) noexcept nogil:
        """Of rows that are zero beyond some depth, where lines are too, and beyond some width."""
        cdef Py_ssize_t d, plane = self.inputs[2] * line
        cdef Py_ssize_t columns = ceil_div(min(wide, self.half), self.kernels.lanes)
        cdef FourierTurn t
        for d in range(deep):
            t = self.turn(d, rows, spectrum, line)
            self.kernels.fourier_forward(&self.axes[1], t.rows, self.row, self.half * 8, columns)
            self.kernels.fourier_to_lines[self.signal](&t)
            self.kernels.fourier_forward(&self.axes[2], t.lines, line, self.imaginary, self.vectors)
        if self.inputs[0] > 1:
            for d in range(self.inputs[2]):
                self.kernels.fourier_forward(&self.axes[0], spectrum + d * line, plane, self.imaginary, self.vectors)

    cdef void backward(self, char* spectrum, char* rows, Py_ssize_t line) noexcept nogil:
        cdef Py_ssize_t d, plane = self.inputs[2] * line
        cdef FourierTurn t
        if self.inputs[0] > 1:
            for d in range(self.inputs[2]):
                self.kernels.fourier_backward(&self.axes[0], spectrum + d * line, plane, self.imaginary, self.vectors)
        for d in range(self.inputs[0]):
            t = self.turn(d, rows, spectrum, line)
            self.kernels.fourier_backward(&self.axes[2], t.lines, line, self.imaginary, self.vectors)
            self.kernels.fourier_to_rows[self.signal](&t)
            self.kernels.fourier_backward(&self.axes[1], t.rows, self.row, self.half * 8,
                                          self.half // self.kernels.lanes)

    cdef Py_ssize_t at_once(self, Py_ssize_t tiles, Py_ssize_t threads) noexcept nogil:
        """Of so many tiles those of a unit."""
        cdef Py_ssize_t most = self.tiles
        if not self.shared:
            most = max(min(most, tiles * self.g.groups // (UNITS * threads)), 1)
        return ceil_div(tiles, ceil_div(tiles, most))

    cdef Py_ssize_t divided(self, Py_ssize_t units, Py_ssize_t threads) noexcept nogil:
        """Units that all threads compute together, the last ones."""
        cdef Py_ssize_t channels = self.g.ic + self.g.oc
        if self.shared:
            return units
        if channels == 2 or channels * self.inputs[0] * self.inputs[1] * self.inputs[2] < DIVIDED_POINTS:
            return 0
        return units % threads

    cdef Py_ssize_t spectra_of(self, Py_ssize_t tiles, Py_ssize_t filters) noexcept nogil:
        """Bytes of the spectra of tiles and of their products, and of what is known of channels."""
        cdef Py_ssize_t lines = self.side_by_side(self.g.ic)
        if self.g.oc > 1:
            lines += self.side_by_side(filters)
        return tiles * self.lines * lines + self.loaded_bytes(tiles)

    cdef Py_ssize_t loaded_bytes(self, Py_ssize_t tiles) noexcept nogil:
        return ceil_div(tiles * self.g.ic * <Py_ssize_t> sizeof(Loaded), LINE) * LINE

    def memory_bytes(self, Py_ssize_t tiles, Py_ssize_t threads):
        """What a call needs for so many tiles."""
        cdef Py_ssize_t at_once = self.at_once(tiles, threads)
        cdef Py_ssize_t units = ceil_div(tiles, at_once) * self.g.groups, divided = self.divided(units, threads)
        cdef Py_ssize_t alone = self.spectra_of(at_once, min(self.block, self.g.oc)) + self.rows
        cdef Py_ssize_t together = self.spectra_of(at_once, self.filters) + threads * self.rows
        return max(min(threads, units - divided) * alone, together if divided > 0 else 0)

    def most_bytes(self, Py_ssize_t threads):
        """What a call needs at most."""
        return self.memory_bytes(self.tiles if self.shared else self.tiles * ((UNITS + 1) * threads - 1), threads)

    def run(self, const real[:, :, :, :, :] x, real[:, :, :, :, :] y, const double[::1] spectra,
            const double[::1] bias, bint whole, double norm, unsigned char[::1] memory, unsigned char[::1] beyond,
            Py_ssize_t threads):
        """Convolves x into y, of axes (N, D, H, W, C) or (N, C, D, H, W); False if they overlap or are not aligned.

        `whole` says that all weights are whole numbers, `norm` is the largest of a filter.  `memory` begins at a line
        of cache, and has `memory_bytes`.  `beyond` gets a flag for each tile, sample by sample, and group: whether it
        holds numbers that transforms cannot take, and is left out.
        """
        cdef Array from_ = opened(<char*> &x[0, 0, 0, 0, 0], x.strides, self.channels_last)
        cdef Array to = opened(<char*> &y[0, 0, 0, 0, 0], y.strides, self.channels_last)
        cdef Py_ssize_t groups = self.g.groups, tiles = beyond.shape[0] // groups
        cdef Py_ssize_t at_once = self.at_once(tiles, threads), units = ceil_div(tiles, at_once) * groups
        cdef Py_ssize_t alone = units - self.divided(units, threads), n
        cdef Py_ssize_t filters = min(self.block, self.g.oc), own = self.spectra_of(at_once, filters) + self.rows
        cdef char* scratch = <char*> &memory[0]
        cdef Weights w
        if overlap(<const char*> &x[0, 0, 0, 0, 0], x.shape, x.strides,
                   <const char*> &y[0, 0, 0, 0, 0], y.shape, y.strides, sizeof(real), sizeof(real)):
            return False
        if not (aligned(&from_, sizeof(real)) and aligned(&to, sizeof(real))):
            return False
        w.spectra, w.bias = <const char*> &spectra[0], &bias[0] if bias is not None else NULL
        w.whole, w.norm = whole, norm
        threads = 1 if forked() else threads
        with nogil:
            if min(threads, alone) > 1:
                for n in prange(alone, schedule="dynamic", num_threads=min(threads, alone)):
                    self.run_unit(<real*> NULL, &from_, &to, n, tiles, at_once, filters, &w,
                                  scratch + threadid() * own, &beyond[0], 1)
            else:
                for n in range(alone):
                    self.run_unit(<real*> NULL, &from_, &to, n, tiles, at_once, filters, &w, scratch, &beyond[0], 1)
            for n in range(alone, units):
                self.run_unit(<real*> NULL, &from_, &to, n, tiles, at_once, self.filters, &w, scratch, &beyond[0],
                              threads)
        return True

    cdef void run_unit(self, real* _, const Array* x, const Array* y, Py_ssize_t n, Py_ssize_t tiles,
                       Py_ssize_t at_once, Py_ssize_t at_most, const Weights* w, char* memory, unsigned char* beyond,
                       Py_ssize_t threads) noexcept nogil:
        """A unit, by so many threads: some of all tiles at once, and so many filters at most."""
        cdef Py_ssize_t ic = self.g.ic, oc = self.g.oc, channels, first, filters, parts, good = 0
        cdef Unit u
        cdef Spectra* s = &u.spectra
        u.first, u.group, u.beyond = n // self.g.groups * at_once, n % self.g.groups, beyond
        s.tiles, s.channels, s.vectors, s.imaginary = min(at_once, tiles - u.first), ic, self.vectors, self.imaginary
        s.line, s.block, s.w_filter = self.line, self.block, ic * self.spectrum_bytes
        s.x, s.x_lines = memory, self.side_by_side(ic)
        s.x_tile = self.lines * s.x_lines
        s.y, s.y_lines = memory, s.x_lines      # of one filter, in the place of the first channel
        memory += s.tiles * s.x_tile
        if oc > 1:
            s.y, s.y_lines = memory, self.side_by_side(at_most)
            memory += s.tiles * self.lines * s.y_lines
        s.y_tile = self.lines * s.y_lines
        u.loaded = <Loaded*> memory
        u.rows = memory + self.loaded_bytes(s.tiles)
        channels = s.tiles * ic
        if threads > 1:
            for n in prange(channels, schedule="dynamic", num_threads=min(threads, channels)):
                self.load_channel(<real*> NULL, x, &u, n, w, threadid())
        else:
            for n in range(channels):
                self.load_channel(<real*> NULL, x, &u, n, w, 0)
        for n in range(s.tiles):
            good += self.bounded(&u, n, w)
        if good == 0:
            return
        first = 0
        while first < oc:
            s.filters = min(at_most, oc - first)
            s.w = w.spectra + (u.group * oc + first) * s.w_filter
            filters = s.tiles * s.filters
            if threads > 1:
                parts = min(threads, self.lines)
                for n in prange(parts, schedule="static", num_threads=parts):
                    self.kernels.multiply_spectra(s, self.lines * n // parts, self.lines * (n + 1) // parts)
                for n in prange(filters, schedule="dynamic", num_threads=min(threads, filters)):
                    self.store_filter(<real*> NULL, y, &u, n, first, w, threadid())
            else:
                self.kernels.multiply_spectra(s, 0, self.lines)
                for n in range(filters):
                    self.store_filter(<real*> NULL, y, &u, n, first, w, 0)
            first += s.filters

    cdef Tile tile_of(self, Py_ssize_t n, char* rows) noexcept nogil:
        cdef Tile t
        memset(&t, 0, sizeof(Tile))
        t.at[2], n = n % self.count[2], n // self.count[2]
        t.at[1], n = n % self.count[1], n // self.count[1]
        t.at[0], t.n = n % self.count[0], n // self.count[0]
        t.rows = rows
        return t

    cdef void load_channel(self, real* _, const Array* x, Unit* u, Py_ssize_t n, const Weights* w,
                           Py_ssize_t thread) noexcept nogil:
        """Transforms a channel of a tile, the n-th of all, and notes what it is like."""
        cdef const Spectra* s = &u.spectra
        cdef Py_ssize_t i = n % self.g.ic, tile = n // self.g.ic, lane
        cdef Tile t = self.tile_of(u.first + tile, u.rows + thread * self.rows)
        t.whole = w.whole
        self.load(<real*> NULL, x, &t, u.group * self.g.ic + i)
        self.forward(t.rows, <char*> s.x + tile * s.x_tile + i * s.line, s.x_lines, self.inputs[0], self.half)
        u.loaded[n].squares, u.loaded[n].whole = 0, t.whole
        for lane in range(MAX_LANES):
            u.loaded[n].squares += t.squares[lane]

    cdef bint bounded(self, Unit* u, Py_ssize_t tile, const Weights* w) noexcept nogil:
        """Whether transforms can take a tile; what it notes of the first channel is then so of all outputs."""
        cdef double points = <double> self.inputs[0] * self.inputs[1] * self.inputs[2], bound = 0
        cdef Loaded* loaded = u.loaded + tile * self.g.ic
        cdef bint whole = True, bounded
        cdef Py_ssize_t i
        for i in range(self.g.ic):
            bound += loaded[i].squares
            whole = whole and loaded[i].whole
        bound = sqrt(bound) * w.norm * self.g.ic
        # Twice the bound of Percival (2003) for transforms of powers of two, and the sum over channels.
        loaded.whole = whole and (26 * log2(2 * points) + 4 * self.g.ic) * bound < 4503599627370496.0       # 2^52
        bounded = bound * points < LARGEST
        u.beyond[(u.first + tile) * self.g.groups + u.group] = not bounded
        return bounded

    cdef void store_filter(self, real* _, const Array* y, const Unit* u, Py_ssize_t n, Py_ssize_t first,
                           const Weights* w, Py_ssize_t thread) noexcept nogil:
        """A filter's outputs of a tile, the n-th of all that were multiplied; but not of one that is beyond."""
        cdef const Spectra* s = &u.spectra
        cdef Py_ssize_t f = n % s.filters, tile = n // s.filters, filter_ = u.group * self.g.oc + first + f
        cdef Tile t = self.tile_of(u.first + tile, u.rows + thread * self.rows)
        if u.beyond[(u.first + tile) * self.g.groups + u.group]:
            return
        self.backward(s.y + tile * s.y_tile + f * s.line, t.rows, s.y_lines)
        self.store(<real*> NULL, y, &t, filter_, 0 if w.bias == NULL else w.bias[filter_],
                   u.loaded[tile * self.g.ic].whole)

    cdef void load(self, real* _, const Array* x, Tile* t, Py_ssize_t channel) noexcept nogil:
        """A tile of a channel, as float64, with padding, and zeros behind its last window."""
        cdef const Geometry* g = &self.g
        cdef const char* picture = x.data + t.n * x.batch + channel * x.channel
        cdef Py_ssize_t first[3]
        cdef Py_ssize_t used[3]
        cdef Py_ssize_t a, d, h, depth, height, at
        cdef char* row
        for a in range(3):
            first[a] = t.at[a] * self.outputs[a] * g.stride[a] - g.before[a]
            used[a] = (g.out[a] - 1) * g.stride[a] - g.before[a] + (g.kernel[a] - 1) * g.dilation[a] + 1 - first[a]
        for d in range(self.inputs[0]):
            depth = source_index(first[0] + d, g.size[0], g.pad_mode) if d < used[0] else -1
            for h in range(self.inputs[1]):
                row = t.rows + (d * self.inputs[1] + h) * self.row
                if self.signal:
                    for a in range(2):
                        at = h * self.half + a * (self.outputs[2] // 2) * g.stride[2]
                        self.load_row(<real*> NULL, x, picture, first[2] + at, used[2] - at, self.half * x.axis[2],
                                      row + a * self.half * 8, t)
                    continue
                height = source_index(first[1] + h, g.size[1], g.pad_mode) if h < used[1] else -1
                if depth < 0 or height < 0:
                    memset(row, 0, 2 * self.half * 8)
                else:
                    self.load_row(<real*> NULL, x, picture + depth * x.axis[0] + height * x.axis[1], first[2], used[2],
                                  x.axis[1], row, t)

    cdef void load_row(self, real* _, const Array* x, const char* source, Py_ssize_t first, Py_ssize_t used,
                       Py_ssize_t next_, char* to, Tile* t) noexcept nogil:
        """What a row of a tile has of a row of the input, and zeros behind what is used; bytes to the next one."""
        cdef const Geometry* g = &self.g
        cdef Py_ssize_t n = self.half if self.signal else self.inputs[2], v, lo, hi
        cdef double* row = <double*> to
        used = min(max(used, 0), n)
        lo = min(max(-first, 0), used)
        hi = max(min(g.size[2] - first, used), lo)
        if x.axis[2] == sizeof(real):
            self.kernels.load_reals(source + (first + lo) * x.axis[2], sizeof(real) == 4, ROWS_AHEAD * next_,
                                    <char*> (row + lo), hi - lo, t.squares)
        else:
            load_apart(<const real*> NULL, source + (first + lo) * x.axis[2], x.axis[2], row + lo, hi - lo, t)
        for v in range(lo):
            row[v] = column(<const real*> NULL, source, first + v, x, g, t)
        for v in range(hi, used):
            row[v] = column(<const real*> NULL, source, first + v, x, g, t)
        if t.whole:
            t.whole = are_whole(row, used)
        memset(row + used, 0, (n - used) * 8)

    cdef void store(self, real* _, const Array* y, const Tile* t, Py_ssize_t filter_, double bias,
                    bint whole) noexcept nogil:
        """The outputs of a tile that hold whole windows."""
        cdef const Geometry* g = &self.g
        cdef Py_ssize_t n[3]
        cdef Py_ssize_t a, d, h, run, first, end, stop
        cdef const char* row
        cdef char* to = y.data + t.n * y.batch + filter_ * y.channel
        for a in range(3):
            n[a] = min(self.outputs[a], g.out[a] - t.at[a] * self.outputs[a])
            to += t.at[a] * self.outputs[a] * y.axis[a]
        if not self.signal:
            for d in range(n[0]):
                for h in range(n[1]):
                    row = t.rows + (d * g.stride[0] * self.inputs[1] + h * g.stride[1]) * self.row
                    self.store_row(<real*> NULL, y, row, to + d * y.axis[0] + h * y.axis[1], n[2], bias, whole)
            return
        for run in range(2):
            first, h, stop = 0, 0, min(self.outputs[2] // 2, n[2])
            while first < stop:
                end = min(((h + 1) * self.half - 1) // g.stride[2] + 1, stop)       # of those that begin in row h
                row = t.rows + h * self.row + (run * self.half + first * g.stride[2] - h * self.half) * 8
                self.store_row(<real*> NULL, y, row, to + first * y.axis[2], end - first, bias, whole)
                first = end
                h += 1
            to += stop * y.axis[2]
            n[2] -= stop

    cdef void store_row(self, real* _, const Array* y, const char* row, char* to, Py_ssize_t n, double bias,
                        bint whole) noexcept nogil:
        """Every stride-th element of a row, n of them."""
        cdef Py_ssize_t stride = self.g.stride[2]
        if stride == 1 and y.axis[2] == sizeof(real) and not whole:
            self.kernels.store_reals(row, bias, sizeof(real) == 4, to, n)
        else:
            store_columns(<real*> NULL, <const double*> row, stride, to, y.axis[2], n, bias, whole)


cdef inline Py_ssize_t in_different_sets(Py_ssize_t n) noexcept nogil:
    """Bytes from one row to the next: odd numbers of lines of cache, which then lie in different sets."""
    return (n // LINE | 1) * LINE


cdef inline char* on_line(char* memory) noexcept nogil:
    return memory + LINE - <Py_ssize_t> memory % LINE


cdef void set_twiddle(double* to, Py_ssize_t turns, Py_ssize_t n) noexcept nogil:
    """exp(-2 pi i turns / n), from an angle of an eighth of a turn at most."""
    cdef Py_ssize_t eighths = 8 * (turns % n) // n
    cdef Py_ssize_t rest = turns % n * 8 - eighths * n      # of an eighth, in n-ths
    cdef double angle, c, s
    if eighths % 2 == 1:
        rest = n - rest
    angle = M_PI / 4 * (<double> rest / n)
    c, s = cos(angle), sin(angle)
    if (eighths + 1) // 2 % 2 == 1:
        c, s = s, c
    to[0] = -c if 2 <= eighths < 6 else c
    to[1] = s if eighths >= 4 else -s


cdef inline double column(const real* _, const char* row, Py_ssize_t at, const Array* x, const Geometry* g,
                          Tile* t) noexcept nogil:
    """An element of a row, or of its padding."""
    cdef Py_ssize_t source = source_index(at, g.size[2], g.pad_mode)
    cdef double value = 0
    if source >= 0:
        value = (<const real*> (row + source * x.axis[2]))[0]
    t.squares[0] += value * value
    return value


cdef inline void load_apart(const real* _, const char* x, Py_ssize_t step, double* to, Py_ssize_t n,
                            Tile* t) noexcept nogil:
    """Elements that do not lie side by side."""
    cdef Py_ssize_t v = 0
    cdef double a, b
    cdef double squares[2]
    squares[0] = squares[1] = 0
    while v + 2 <= n:
        a, b = (<const real*> x)[0], (<const real*> (x + step))[0]
        to[v], to[v + 1] = a, b
        squares[0] += a * a
        squares[1] += b * b
        x += 2 * step
        v += 2
    if v < n:
        to[v] = (<const real*> x)[0]
        squares[0] += to[v] * to[v]
    t.squares[0] += squares[0] + squares[1]


cdef inline bint are_whole(const double* row, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t v, odd = 0
    cdef double u
    for v in range(n):
        u = row[v] + WHOLE
        odd |= u - WHOLE != row[v]
    return odd == 0


cdef inline void store_columns(real* _, const double* row, Py_ssize_t stride, char* to, Py_ssize_t step, Py_ssize_t n,
                               double bias, bint whole) noexcept nogil:
    cdef Py_ssize_t v
    cdef double u
    if whole:
        for v in range(n):
            u = row[v * stride] + WHOLE
            (<real*> (to + v * step))[0] = <real> (u - WHOLE + bias)       # and no negative zeros
    else:
        for v in range(n):
            (<real*> (to + v * step))[0] = <real> (row[v * stride] + bias)
