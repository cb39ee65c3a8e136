"""The compiled half of a convolution: packed weights, division of work, threads.

A Convolution is made once from integers and then holds no data.  `pack` brings weights into
the order in which the kernels read them; `run` opens the arrays as typed memoryviews, cuts the
output into units and lets the threads work through them.  Nothing here depends on the element
type but the doors, `pack` and `run`; nothing depends on the layout but what the drivers,
channels_last.pxd, channels_first.pxd, grouped.pxd, stencil.pxd, separable.pxd and the two of Winograd, do with a unit.
"""
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy, memset

cimport cython
cimport openmp

from arrays cimport aligned, follows, forked, opened, overlap
from channels_first cimport FEW, channels_first_scratch, channels_first_unit
from channels_last cimport channels_last_scratch, channels_last_unit, collide, cut_rows
from fast_fir cimport ROOM, fast_fir_levels, point_taps, points_of, takes, taps_before
from grouped cimport STRIP as GROUPED_STRIP
from grouped cimport (choose_tiles, cut_rectangles, cut_row_bands, first_filter, grouped_scratch, grouped_unit,
                      in_place_unit, near_channels)
from grouped_planes cimport cut_planes, planes_scratch, planes_unit
from row_stencil cimport takes_rows
from separable cimport cut_separable, few_blocks, separable_scratch, separable_unit
from stencil cimport STRIP as STENCIL_STRIP
from stencil cimport cut_blocks, held_planes, merge_rows, stencil_scratch, stencil_unit, stored_once
from stretches cimport begin_stretches, next_unit, store_fence, stretches_bytes
from strip cimport joined_groups
from geometry cimport (CONSTANT, EDGE, FAR_BYTES, MAX_BANDS, REFLECT, SYMMETRIC, WRAP, Array, Blocks, Chunk, Geometry,
                       Job, Lines, PadMode, block_width, ceil_div, inside, kernel_rows, tap_term)
from kernel_table cimport CLAMP, LEAKY_RELU, LINE, LINEAR, MAX_TURNS, SIGMOID, TANH, KernelTable, WeightTransform
from winograd cimport (BLOCK_BYTES, MOST_BYTES, POINTS, copy_tile, cut_tiles, direct_tile, flags_of, late_weights,
                       plane_terms, tile_array, winograd_scratch, winograd_unit)
from winograd_1d cimport (FUSED_BYTES, LINE_FILTERS, LINE_PART, LINE_POINTS, WHOLE_CHANNELS, cut_lines, direct_line,
                          line_groups, line_outputs, line_tap, line_weight, lines_flags, lines_scratch, lines_unit)

cdef extern from *:
    const long _OPENMP

ctypedef fused real:
    float
    double
    int32_t
    int64_t

cdef enum:
    PANEL_BYTES = 1 << 19           # vector operands of a chunk: half of a usual second-level cache
    SCATTERED = 4                   # a tile's widths of channels that make scattering cheap
    PANELS_BYTES = 1 << 17          # short panels together: longer stretches of each output plane
    MIXED_WEIGHTS = 1 << 19         # of all groups, for some tiles of each to follow each other,
    MIXED_BYTES = 1 << 17           # whose outputs are so many bytes at most
    BAND = 8                        # output columns, the least of a band
    STREAMED_BYTES = 1 << 22        # weights that no second-level cache holds
    AHEAD = 1 << 12                 # bytes of them that are fetched ahead
    UNITS_PER_THREAD = 16           # so that a thread that is held up costs little
    PART_FILTERS = 4                # of stencils, at least, where they are divided among threads
    FEW_SITES = 8                   # of lines that leave register tiles half empty
    COMPARED_BYTES = 1 << 19        # weights that a thread compares
    SERIAL_MACS = 300000            # below, waking threads costs more than they save
    COPIED = 10                     # and a stencil's inputs take as long as so many multiply-adds
    SERIAL_ITEMS = 20000            # and below so many weights to pack
    WINOGRAD_TAPS = 25              # that Winograd's algorithm transforms,
    MAX_LANES = 16                  #   of a vector of filters

cdef enum Algorithm:
    DIRECT
    GROUPED
    WINOGRAD
    LINES
    STENCIL

ALGORITHMS = {"direct": DIRECT, "grouped": GROUPED, "winograd": WINOGRAD, "winograd_1d": LINES,
              "stencil": STENCIL, "fast_fir": STENCIL, "separable": STENCIL}
# Bytes that the choice of an algorithm depends on: of a strip, of Winograd's blocks, the most of these, and of
# weights whose sums stay in registers.
STRIPS = {"grouped": GROUPED_STRIP, "stencil": STENCIL_STRIP}
WINOGRAD_BLOCKS = BLOCK_BYTES, MOST_BYTES
FUSED_WEIGHTS = FUSED_BYTES
# Fewer channels than these have whole points.
WHOLE_LINES = WHOLE_CHANNELS
# Channels of a pixel that are cheap to be brought apart, and together.
TURNS = MAX_TURNS
PAD_MODES = {"constant": CONSTANT, "edge": EDGE, "reflect": REFLECT,
             "symmetric": SYMMETRIC, "wrap": WRAP}
ACTIVATIONS = {None: LINEAR, "relu": CLAMP, "relu6": CLAMP, "leaky_relu": LEAKY_RELU,
               "sigmoid": SIGMOID, "tanh": TANH}


def fast_fir(Py_ssize_t taps):
    """Levels of fast FIR for a kernel of so many rows, and the kernel rows of each of its sums."""
    cdef Py_ssize_t levels = fast_fir_levels(taps), point
    return levels, [point_taps(levels, taps, point) for point in range(points_of(levels))]


def lines(kernel, stride, dilation, out):
    """How Winograd's algorithm along one axis serves a kernel best.

    Parameters
    ----------
    kernel, stride, dilation, out : sequence of three int

    Returns
    -------
    axis : int
        Of the tiles; -1 if along no axis two taps meet inputs that lie a stride apart.
    m : int
        Outputs of a tile.
    groups : int
        Groups of taps, of all turns of a stride: products of a tile are 6 times as many.
    sites : int
        Tiles along the axis.
    """
    cdef Py_ssize_t m, groups, phases, sites, taps
    best, least = (-1, 0, 0, 0), 1
    for a in (1, 0, 2):
        taps = ceil_div(kernel[a], stride[a])
        if taps < 2 or (stride[a] > 1 and dilation[a] > 1):
            continue
        m, groups = line_outputs(taps), line_groups(taps) * stride[a]
        phases = min(dilation[a], out[a])
        sites = phases * ceil_div(ceil_div(out[a], phases), m)
        products = LINE_POINTS * groups * sites / (kernel[a] * out[a])
        if best[0] < 0 or products < least:
            best, least = (a, m, groups, sites), products
    return best


def rows_apart(Py_ssize_t ic, Py_ssize_t oc, kernel, stride, dilation, Py_ssize_t lanes):
    """Whether a stencil takes strided rows apart where they lie, if they are contiguous.

    Parameters
    ----------
    ic, oc : int
    kernel, stride, dilation : sequence of three int
    lanes : int
        Of a vector.
    """
    cdef Geometry g
    g.ic, g.oc = ic, oc
    for a in range(3):
        g.kernel[a], g.stride[a], g.dilation[a] = kernel[a], stride[a], dilation[a]
    return takes_rows(&g, lanes)


def joined(Py_ssize_t groups, Py_ssize_t ic, Py_ssize_t oc, Py_ssize_t depth, Py_ssize_t planes):
    """Groups that share a strip of a stencil, channels-last.

    Parameters
    ----------
    groups, ic, oc : int
        Groups, and input and output channels of each.
    depth : int
        Of the kernel.
    planes : int
        That a strip can hold.
    """
    cdef Geometry g
    g.groups, g.ic, g.oc, g.kernel[0] = groups, ic, oc, depth
    return joined_groups(&g, planes)


def held(out, kernel, stride, dilation, Py_ssize_t lanes, Py_ssize_t nv, Py_ssize_t rows, Py_ssize_t item):
    """Planes of what a tile of a stencil reads that half a strip holds; 0 if they are too large.

    Parameters
    ----------
    out, kernel, stride, dilation : sequence of three int
    lanes, nv, rows : int
        Of a vector, and vectors and rows of a tile.
    item : int
        Bytes of an element.
    """
    cdef Geometry g
    cdef KernelTable tile
    for a in range(3):
        g.out[a], g.kernel[a], g.stride[a], g.dilation[a] = out[a], kernel[a], stride[a], dilation[a]
    tile.lanes, tile.nv, tile.stencil_rows, tile.item = lanes, nv, rows, item
    return held_planes(&g, &tile)


def pickable(Py_ssize_t ic, Py_ssize_t oc, Py_ssize_t lanes):
    """Whether lanes can pick the channels of their groups from one vector.

    Parameters
    ----------
    ic, oc : int
        Input and output channels of a group.
    lanes : int
        Of a vector.
    """
    return near_channels(ic, oc, lanes)


def small_map(Py_ssize_t ic, Py_ssize_t oc, out, Py_ssize_t lanes, Py_ssize_t nv):
    """Whether the lanes of a direct convolution of one sample are channels, channels-first too.

    Parameters
    ----------
    ic, oc : int
        Input and output channels of a group.
    out : sequence of three int
    lanes, nv : int
        Of a vector, and vectors of a tile.
    """
    cdef Geometry g
    g.batch, g.ic, g.oc = 1, ic, oc
    for a in range(3):
        g.out[a] = out[a]
    return fills_few_lanes(&g, lanes, nv)


def openmp_runtime():
    """The OpenMP specification that this was compiled for, and the runtime's processors."""
    return f"specification {_OPENMP}, {openmp.omp_get_num_procs()} processors"


def bytes_to_line(const unsigned char[::1] memory):
    """Bytes from the start of `memory` to the next line of cache, where vectors are stored fastest."""
    return (LINE - <Py_ssize_t> &memory[0] % LINE) % LINE


def same_bytes(const unsigned char[::1] a, const unsigned char[::1] b, Py_ssize_t threads):
    """Whether two arrays of equally many bytes are equal, compared by several threads if that pays."""
    cdef Py_ssize_t parts = min(ceil_div(a.shape[0], COMPARED_BYTES), threads) if not forked() else 1
    cdef Py_ssize_t step = ceil_div(a.shape[0], max(parts, 1)), n, different = 0
    with nogil:
        if parts > 1:
            for n in prange(parts, schedule="static", num_threads=parts):
                different += memcmp(&a[0] + n * step, &b[0] + n * step, min(step, a.shape[0] - n * step)) != 0
        elif a.shape[0] > 0:
            different = memcmp(&a[0], &b[0], a.shape[0]) != 0
    return different == 0


cdef class Packed:
    """Weights and bias in the order of the kernels, and scratch memory for one call at a time."""
    cdef char* weights
    cdef char* bias
    cdef readonly bint finite       # all weights
    cdef object given               # Winograd's: weights and bias as they came,
    cdef Packed exact               #   and packed for tiles that are computed directly, once there are any
    cdef char* scratch
    cdef Py_ssize_t scratch_bytes
    cdef int scratch_taken

    def __dealloc__(self):
        free(self.weights)
        free(self.scratch)

    cdef char* take_scratch(self, Py_ssize_t n) noexcept:
        """The kept scratch memory, or NULL while another thread has it.  Needs no lock: atomic."""
        if take(&self.scratch_taken):
            return NULL
        if self.scratch_bytes < n:
            free(self.scratch)
            self.scratch = <char*> malloc(n)
            self.scratch_bytes = n if self.scratch != NULL else 0
        if self.scratch == NULL:
            give(&self.scratch_taken)
        return self.scratch


cdef extern from *:
    """
    #include <stdlib.h>
    #include <sys/mman.h>
    #define CYCONV_HUGE ((Py_ssize_t)1 << 21)
    /* Memory on lines of cache; if large, on huge pages: fewer to be asked for, and to be found. */
    static char *cyconv_lines(Py_ssize_t n)
    {
        void *p = NULL;
        if (posix_memalign(&p, n < 2 * CYCONV_HUGE ? 64 : CYCONV_HUGE, n) != 0)
            return NULL;
    #ifdef MADV_HUGEPAGE
        if (n >= 2 * CYCONV_HUGE)
            madvise(p, n, MADV_HUGEPAGE);
    #endif
        return (char *)p;
    }
    """
    char* lines_of_cache "cyconv_lines"(Py_ssize_t n) nogil


cdef extern from *:
    """
    static int cyconv_take(int *flag) { return __atomic_exchange_n(flag, 1, __ATOMIC_ACQUIRE); }
    static void cyconv_give(int *flag) { __atomic_store_n(flag, 0, __ATOMIC_RELEASE); }
    """
    int take "cyconv_take"(int* flag) nogil
    void give "cyconv_give"(int* flag) nogil


cdef class Convolution:
    """One convolution's geometry, for one element type, layout and instruction set.

    Parameters
    ----------
    table : capsule
        The kernels, from ``cyconv.isa``.
    algorithm : str
        One that can serve, see ``cyconv.algorithms``.
    channels_last : bool
    groups, ic, oc : int
        Groups, and input and output channels of each.
    size, out, kernel, stride, dilation, before : sequence of three int
        Per axis (depth, height, width): input and output extents, kernel extents, strides,
        dilations, and the padding in front.
    pad_mode : str
    activation : str or None
    """
    cdef Geometry g
    cdef const KernelTable* kernels
    cdef Algorithm algorithm
    cdef bint channels_last
    cdef bint channel_lanes         # lanes are output channels, not pixels
    cdef Py_ssize_t group_filters   # grouped: filters of a group
    cdef Py_ssize_t levels          # stencil: of fast FIR, or 0;
    cdef bint separable             #   whether weights are factors of each axis,
    cdef Geometry factors           #   which stand one behind the other: of width, height and depth
    cdef bint late                  # Winograd's: whether weights are transformed while they are multiplied,
    cdef Convolution exact          #   and the direct convolution of a tile
    cdef Py_ssize_t axes[3]         # order of the axes
    cdef Lines lines
    cdef Py_ssize_t taps            # lines: of a turn of the stride along the axis of the tiles,
    cdef double points[6][5]        #   and what those of a group are multiplied with
    cdef Py_ssize_t planes          #   packed planes of weights; otherwise 1
    cdef Chunk* chunks
    cdef Py_ssize_t n_chunks
    cdef Blocks blocks
    cdef Py_ssize_t activation
    cdef Py_ssize_t limits

    def __init__(self, table, str algorithm, bint channels_last, Py_ssize_t batch, Py_ssize_t groups,
                 Py_ssize_t ic, Py_ssize_t oc, size, out, kernel, stride, dilation, before,
                 str pad_mode, activation):
        cdef Py_ssize_t a
        self.algorithm = <Algorithm> <int> ALGORITHMS[algorithm]
        self.kernels = <const KernelTable*> PyCapsule_GetPointer(table, "cyconv.KernelTable")
        self.channels_last = channels_last
        self.g.batch, self.g.groups, self.g.ic, self.g.oc = batch, groups, ic, oc
        for a in range(3):
            self.g.size[a], self.g.out[a] = size[a], out[a]
            self.g.kernel[a], self.g.stride[a] = kernel[a], stride[a]
            self.g.dilation[a], self.g.before[a] = dilation[a], before[a]
            self.axes[a] = a
        self.g.pad_mode = <PadMode> <int> PAD_MODES[pad_mode]
        self.planes = 1
        if self.algorithm == LINES:
            self.set_lines(kernel, stride, dilation, out)
        self.channel_lanes = self.algorithm != STENCIL and not self.lines.channels_first and (
            channels_last or self.algorithm != DIRECT or fills_few_lanes(&self.g, self.kernels.lanes, self.kernels.nv))
        if self.algorithm == GROUPED:
            self.group_filters = oc
            self.g.groups, self.g.oc = 1, groups * oc
        self.levels = fast_fir_levels(self.g.kernel[1]) if algorithm == "fast_fir" else 0
        self.separable = algorithm == "separable"
        self.factors = self.g
        self.factors.kernel[2] = sum(kernel)
        self.factors.kernel[0] = self.factors.kernel[1] = 1
        self.activation = ACTIVATIONS[activation]
        self.limits = {"relu": 1, "relu6": 2}.get(activation, 0)
        self.late = self.algorithm == WINOGRAD and late_weights(&self.g, self.kernels)
        self.cut_channels()
        self.cut_sum()
        if self.algorithm == WINOGRAD or self.algorithm == LINES:
            tile, steps = [1, 1, 1], list(stride)
            for a in range(1, 3) if self.algorithm == WINOGRAD else (self.axes[self.lines.axis],):
                tile[a] = min(out[a], self.lines.m if self.algorithm == LINES else 7 - self.g.kernel[1])
                steps[a] *= dilation[a]
            self.exact = Convolution(table, "direct", channels_last, 1, groups, ic, oc, size, tile, kernel,
                                     steps, dilation, before, pad_mode, activation)

    def __dealloc__(self):
        free(self.chunks)

    cdef int set_lines(self, kernel, stride, dilation, out) except -1:
        """Axes in an order in which the last has many sites, and the convolution of one plane of them."""
        cdef Geometry g = self.g
        cdef Py_ssize_t a, axis, sites, point, slot
        axis, self.lines.m, groups, sites = lines(kernel, stride, dilation, out)
        others = [a for a in range(3) if a != axis]
        others.sort(key=lambda a: out[a])
        last = out[others[1]] < sites
        if not self.channels_last:      # rows are transposed: their pixels stay neighbours, unless they are few
            others.sort()
            last = axis == 2 and (last or sites >= FEW_SITES)
        order = [*others, axis] if last else [others[0], axis, others[1]]
        self.lines.axis = order.index(axis)
        for a in range(3):
            self.axes[a] = order[a]
            self.g.size[a], self.g.out[a] = g.size[order[a]], g.out[order[a]]
            self.g.kernel[a], self.g.stride[a] = g.kernel[order[a]], g.stride[order[a]]
            self.g.dilation[a], self.g.before[a] = g.dilation[order[a]], g.before[order[a]]
        self.lines.inner = self.g
        self.lines.inner.batch = self.lines.inner.groups = 1
        self.lines.inner.pad_mode = CONSTANT
        for a in range(3):
            self.lines.inner.before[a] = 0
        self.lines.inner.kernel[self.lines.axis] = groups
        self.lines.inner.dilation[self.lines.axis] = 1
        self.lines.whole = self.g.ic < WHOLE_CHANNELS
        self.lines.fused = (LINE_POINTS * self.terms_of(&self.lines.inner) * self.kernels.lanes * self.kernels.nv
                            * self.kernels.item <= FUSED_BYTES)
        # Lanes are pixels of a row if there are enough of them, and they are neighbours.
        self.lines.channels_first = (self.lines.fused and not self.channels_last and self.lines.axis == 1
                                     and order[2] == 2 and self.g.out[2] >= self.kernels.lanes)
        self.planes = LINE_POINTS
        self.taps = ceil_div(kernel[axis], stride[axis])
        for point in range(LINE_POINTS):
            for slot in range(7 - self.lines.m):
                self.points[point][slot] = line_weight(self.taps, slot, point, self.lines.whole)
        return 0

    cdef const Geometry* summed(self) noexcept nogil:
        """The convolution whose weights are packed."""
        return &self.lines.inner if self.algorithm == LINES else &self.factors if self.separable else &self.g

    cdef Py_ssize_t terms_of(self, const Geometry* g) noexcept nogil:
        """Of the sum of an output."""
        return self.g.ic * kernel_rows(g) * g.kernel[2]

    cdef void cut_channels(self) noexcept:
        """Output channels into blocks: of vectors (lanes are channels) or of tile rows."""
        cdef Blocks* b = &self.blocks
        cdef Py_ssize_t width = self.kernels.lanes * (1 if self.algorithm == GROUPED else self.kernels.nv)
        cdef Py_ssize_t oc = self.g.oc
        if self.channel_lanes:
            b.step = width
            b.count = ceil_div(oc, b.step)
            b.tail = oc - (b.count - 1) * b.step
            b.tail = self.kernels.lanes if b.tail <= self.kernels.lanes else width
            b.bias_items = (b.count - 1) * b.step + b.tail
        elif self.algorithm == STENCIL:
            b.step = b.tail = 1
            b.count = oc
            b.bias_items = oc + (2 if self.levels > 0 else self.separable)      # fast FIR: the gain, and zero
        else:
            b.step = ceil_div(oc, ceil_div(oc, self.kernels.mr))
            if self.lines.channels_first:
                b.step = min(LINE_FILTERS, oc)
            b.count = ceil_div(oc, b.step)
            b.tail = oc - (b.count - 1) * b.step
            b.bias_items = oc * self.kernels.lanes
        b.columns_first = (not self.channel_lanes and not self.lines.channels_first
                           and (self.g.ic < FEW or self.algorithm == STENCIL))
        b.terms = self.terms_of(self.summed())
        if self.algorithm == WINOGRAD:
            b.terms = self.terms_of(&self.g) if self.late else POINTS * plane_terms(&self.g)
        if self.levels > 0:
            b.terms = (self.g.ic * self.g.kernel[0] * self.g.kernel[2]
                       * taps_before(self.levels, self.g.kernel[1], points_of(self.levels)))
        b.group_items = b.terms * ((b.count - 1) * b.step + b.tail)

    cdef int cut_sum(self) except -1:
        """The sum into chunks: whole kernel rows if they fit, else parts of rows, else of channels."""
        cdef Py_ssize_t width = self.kernels.lanes * self.kernels.nv * self.kernels.item
        cdef Py_ssize_t limit = (PANEL_BYTES // width if self.algorithm == DIRECT
                                 else LINE_PART if self.algorithm == LINES and not self.lines.fused
                                 else self.blocks.terms)
        cdef Py_ssize_t all_rows = kernel_rows(self.summed()), all_columns = self.summed().kernel[2]
        cdef Py_ssize_t parts = ceil_div(self.g.ic, limit)
        cdef Py_ssize_t channels = ceil_div(self.g.ic, parts)
        cdef Py_ssize_t columns = even_part(all_columns, limit // channels)
        cdef Py_ssize_t rows = even_part(all_rows, limit // (channels * columns))
        cdef Py_ssize_t n = (parts * ceil_div(all_columns, columns) * ceil_div(all_rows, rows))
        cdef Py_ssize_t c, r, k, before = 0
        cdef Chunk* chunk
        self.chunks = <Chunk*> malloc(n * sizeof(Chunk))
        if self.chunks == NULL:
            raise MemoryError(f"cyconv: no memory for the {n} parts of the sum")
        for c in range(0, self.g.ic, channels):
            for r in range(0, all_rows, rows):
                for k in range(0, all_columns, columns):
                    chunk = &self.chunks[self.n_chunks]
                    chunk.channel, chunk.channels = c, min(channels, self.g.ic - c)
                    chunk.row, chunk.rows = r, min(rows, all_rows - r)
                    chunk.column, chunk.columns = k, min(columns, all_columns - k)
                    chunk.terms = chunk.channels * chunk.rows * chunk.columns
                    chunk.before = before
                    before += chunk.terms
                    self.n_chunks += 1
        return 0

    @property
    def packed_bytes(self):
        """Bytes of packed weights and bias."""
        cdef Py_ssize_t zeros = self.blocks.bias_items if self.algorithm == LINES else 0
        return (self.g.groups * (self.planes * self.blocks.group_items + self.blocks.bias_items)
                + zeros) * self.kernels.item

    def pack(self, const real[:, :, :, :, :] w, const real[:] bias, Py_ssize_t threads):
        """Weights of axes (O, I/groups, D, H, W) and bias of (O,) or None, in kernel order."""
        cdef Packed packed = Packed.__new__(Packed)
        cdef Py_ssize_t items = self.planes * self.g.groups * self.blocks.group_items
        cdef Py_ssize_t blocks = self.planes * self.g.groups * self.blocks.count
        cdef Py_ssize_t n, infinite = 0
        cdef real* to
        packed.weights = lines_of_cache(self.packed_bytes)
        if packed.weights == NULL:
            raise MemoryError(f"cyconv: no memory for {self.packed_bytes} bytes of packed weights")
        packed.bias = packed.weights + items * self.kernels.item
        to = <real*> packed.weights
        with nogil:
            threads = min(threads, blocks)
            if threads > 1 and items > SERIAL_ITEMS and not forked():
                for n in prange(blocks, schedule="static", num_threads=threads):
                    infinite += self.pack_block(w, n, to)
            else:
                for n in range(blocks):
                    infinite += self.pack_block(w, n, to)
            self.pack_bias(bias, <real*> packed.bias)
            if self.levels > 0:
                self.pack_gain(to, <real*> packed.bias)
        packed.finite = infinite == 0
        if self.exact is not None:
            packed.given = (w.base, None if bias is None else bias.base)
        return packed

    cdef Py_ssize_t pack_block(self, const real[:, :, :, :, :] w, Py_ssize_t n, real* to) noexcept nogil:
        """Packs block n (of all planes and groups); 1 if a weight is not finite."""
        cdef Py_ssize_t plane = n // (self.g.groups * self.blocks.count)
        cdef Py_ssize_t group = n // self.blocks.count % self.g.groups, q = n % self.blocks.count
        cdef Py_ssize_t width = block_width(&self.blocks, q)
        cdef Py_ssize_t first = q * self.blocks.step
        cdef Py_ssize_t o, filled
        cdef Py_ssize_t c, r, k, i, j, d, h, kernel_height = self.summed().kernel[1]
        cdef const Chunk* chunk
        cdef real weight
        cdef real* tap
        cdef bint infinite = False
        if self.algorithm == GROUPED:
            first = first_filter(self.g.oc, self.kernels.lanes, q)
        o = group * self.g.oc + first
        filled = min(width, self.g.oc - first)
        to += (plane * self.g.groups + group) * self.blocks.group_items + q * self.blocks.step * self.blocks.terms
        if self.algorithm == WINOGRAD:
            return self.transform_block(w, o, filled, width, to)
        for c in range(self.n_chunks):
            chunk = &self.chunks[c]
            for r in range(chunk.row, chunk.row + chunk.rows):
                d, h = r // kernel_height, r % kernel_height
                for k in range(chunk.column, chunk.column + chunk.columns):
                    tap = to + tap_term(&self.blocks, chunk, r - chunk.row, k - chunk.column) * width
                    for i in range(chunk.channel, chunk.channel + chunk.channels):
                        for j in range(filled):
                            if self.algorithm == LINES:
                                weight = self.line_sum(w, o + j, i, d, h, k, plane)
                            else:
                                weight = w[o + j, i, d, h, k]
                            tap[j] = weight
                            infinite |= weight - weight != 0
                        for j in range(filled, width):
                            tap[j] = 0
                        tap += width
            to += chunk.terms * width
        if self.levels > 0:
            self.pack_points(w, o, to)
        return infinite

    cdef real line_sum(self, const real[:, :, :, :, :] w, Py_ssize_t o, Py_ssize_t i, Py_ssize_t d, Py_ssize_t h,
                       Py_ssize_t k, Py_ssize_t point) noexcept nogil:
        """The weight of a group of taps for one point, in float64, rounded once."""
        cdef Py_ssize_t t = self.lines.axis, tap, n, group = 0, slot = 0, a
        cdef Py_ssize_t at[3]
        cdef const char* p = <const char*> &w[o, i, 0, 0, 0]
        cdef double total = 0
        at[0], at[1], at[2] = d, h, k
        for a in range(3):
            if a != t:
                p += at[a] * w.strides[2 + self.axes[a]]
        # Groups and turns take turns; a group's first taps but those of the first are the last of the one before.
        for n in range(self.taps):
            line_tap(self.taps, n, &group, &slot)
            tap = n * self.g.stride[t] + at[t] % self.g.stride[t]
            if group == at[t] // self.g.stride[t] and tap < self.g.kernel[t]:
                total += self.points[point][slot] * <double> (<const real*> (p + tap * w.strides[2 + self.axes[t]]))[0]
        return <real> total

    cdef void pack_points(self, const real[:, :, :, :, :] w, Py_ssize_t o, real* to) noexcept nogil:
        """Weights of a filter for each sum of fast FIR: columns, depths, rows and channels."""
        cdef Py_ssize_t taps = self.g.kernel[1], phases = 1 << self.levels, point, k, d, r, i, phase
        cdef double weight
        for point in range(points_of(self.levels)):
            for k in range(self.g.kernel[2]):
                for d in range(self.g.kernel[0]):
                    for r in range(point_taps(self.levels, taps, point)):
                        for i in range(self.g.ic):
                            weight = 0
                            for phase in range(min(phases, taps - r * phases)):
                                if takes(self.levels, point, phase):
                                    weight += w[o, i, d, r * phases + phase, k]
                            to[0] = <real> weight
                            to += 1

    cdef void pack_gain(self, const real* weights, real* bias) noexcept nogil:
        """Behind each group's bias: a number whose products with inputs are finite only if all sums are; and zero."""
        cdef Py_ssize_t plain = self.g.ic * kernel_rows(&self.g) * self.g.kernel[2], _group, _o, n
        cdef double total, most
        for _group in range(self.g.groups):
            most = 1                            # differences may overflow too
            for _o in range(self.g.oc):
                total = 0
                for n in range(plain):
                    total += abs(<double> weights[n])
                weights += self.blocks.terms
                if not total <= most:
                    most = total
            bias[self.g.oc] = <real> (ROOM * most)
            bias[self.g.oc + 1] = 0
            bias += self.blocks.bias_items

    cdef Py_ssize_t transform_block(self, const real[:, :, :, :, :] w, Py_ssize_t o, Py_ssize_t filled,
                                    Py_ssize_t width, real* to) noexcept nogil:
        """The same for Winograd: in each of 36 planes the block's weights of each depth and channel.

        Late ones are packed as they are, vector by vector, but transformed all the same to see whether that overflows.
        """
        cdef Py_ssize_t taps = self.g.kernel[1], lanes = self.kernels.lanes, plane = plane_terms(&self.g) * width
        cdef Py_ssize_t v, term, n
        cdef bint infinite = False
        cdef real given[WINOGRAD_TAPS * MAX_LANES]
        cdef real transformed[POINTS * MAX_LANES]
        cdef real* taken = given
        cdef WeightTransform t
        t.taps = taps
        t.to, t.to_plane = <char*> transformed, lanes * sizeof(real)
        for v in range(width // lanes):
            for term in range(self.g.kernel[0] * self.g.ic):
                if self.late:
                    taken, to = to, to + taps * taps * lanes
                self.take_taps(w, o + v * lanes, max(min(filled - v * lanes, lanes), 0), term, taken)
                t.weights = <const char*> taken
                self.kernels.transform_weights(&t)
                for n in range(POINTS * lanes):
                    infinite |= transformed[n] - transformed[n] != 0
                for n in range(0 if self.late else POINTS):
                    memcpy(to + n * plane + term * width + v * lanes, transformed + n * lanes, t.to_plane)
        return infinite

    cdef void take_taps(self, const real[:, :, :, :, :] w, Py_ssize_t o, Py_ssize_t filters, Py_ssize_t term,
                        real* to) noexcept nogil:
        """A vector of filters' weights for each tap of a channel and depth; behind the last filter zeros."""
        cdef Py_ssize_t i = term % self.g.ic, d = term // self.g.ic, y, x, j
        for y in range(self.g.kernel[1]):
            for x in range(self.g.kernel[2]):
                for j in range(filters):
                    to[j] = w[o + j, i, d, y, x]
                for j in range(filters, self.kernels.lanes):
                    to[j] = 0
                to += self.kernels.lanes

    cdef void pack_bias(self, const real[:] bias, real* to) noexcept nogil:
        """The bias of each lane, or a vector for each channel; lines: and zeros."""
        cdef Py_ssize_t copies = 1 if self.channel_lanes or self.algorithm == STENCIL else self.kernels.lanes
        cdef Py_ssize_t group, o, j
        memset(to, 0, (self.g.groups + (self.algorithm == LINES)) * self.blocks.bias_items * sizeof(real))
        if bias is None:
            return
        for group in range(self.g.groups):
            for o in range(self.g.oc):
                for j in range(copies):
                    to[group * self.blocks.bias_items + o * copies + j] = bias[group * self.g.oc + o]

    def run(self, const real[:, :, :, :, :] x, real[:, :, :, :, :] y, Packed packed, Py_ssize_t threads,
            bint keep_scratch):
        """Convolves x into y, both of the layout's axes; False if that needs copies.

        It does if y overlaps x or has gaps where kernels write vectors, or one is not aligned.

        x and y have axes (N, D, H, W, C) or (N, C, D, H, W).  `keep_scratch` keeps the scratch
        memory with the packed weights for the next call.
        """
        cdef Job job
        cdef char* scratch = NULL
        cdef bint kept = False
        cdef Py_ssize_t memory, flags
        cdef Packed exact
        job.x = opened(<char*> &x[0, 0, 0, 0, 0], x.strides, self.channels_last)
        job.y = opened(<char*> &y[0, 0, 0, 0, 0], y.strides, self.channels_last)
        self.turn(&job.x)
        self.turn(&job.y)
        if overlap(<const char*> &x[0, 0, 0, 0, 0], x.shape, x.strides,
                   <const char*> &y[0, 0, 0, 0, 0], y.shape, y.strides, sizeof(real), sizeof(real)):
            return False
        if not (self.writable_in_place(&job.y) and aligned(&job.x, sizeof(real))
                and aligned(&job.y, sizeof(real))):
            return False
        threads = 1 if forked() else self.useful(threads)
        self.set_up(&job, &self.g, packed, threads)
        threads = min(threads, job.units)
        flags = ceil_div(self.flags(&job), 64) * 64
        memory = flags + job.scratch_bytes * threads + stretches_bytes(threads) + 64
        if keep_scratch:
            scratch = packed.take_scratch(memory)
            kept = scratch != NULL
        if scratch == NULL:
            scratch = <char*> malloc(memory)
        if scratch == NULL:
            raise MemoryError(f"cyconv: no memory for {memory} bytes of scratch")
        job.flags = scratch + 64 - <Py_ssize_t> scratch % 64
        job.scratch = job.flags + flags
        memset(job.flags, 0, flags)
        with nogil:
            self.work(&job, threads)
        try:
            if flags > 0 and memchr(job.flags, 1, flags) != NULL:
                with cython.critical_section(packed):
                    exact = packed.exact
                if exact is None:
                    exact = self.exact.pack(*packed.given, threads)
                    with cython.critical_section(packed):
                        packed.exact = exact
                self.work_flagged(&job, exact, threads)
        finally:
            if kept:
                give(&packed.scratch_taken)
            else:
                free(scratch)
        return True

    def workspace_bytes(self, Py_ssize_t threads):
        """Scratch memory of a call with contiguous arrays."""
        cdef Job job
        memset(&job, 0, sizeof(Job))
        if self.algorithm == GROUPED:
            job.x.channel, job.x.axis[2] = self.kernels.item, self.g.oc * self.kernels.item
        elif self.algorithm == STENCIL:
            job.x.axis[2] = (self.g.groups * self.g.ic if self.channels_last else 1) * self.kernels.item
        job.x.axis[1] = self.g.size[2] * job.x.axis[2]
        threads = self.useful(threads)
        self.set_up(&job, &self.g, None, threads)
        threads = min(threads, job.units)
        return job.scratch_bytes * threads + stretches_bytes(threads) + self.flags(&job)

    cdef Py_ssize_t useful(self, Py_ssize_t threads) noexcept nogil:
        """So many threads, or one if waking the others costs more than they save."""
        cdef double macs = <double> self.g.batch * self.g.groups * outputs(&self.g) * self.blocks.terms
        if self.algorithm == LINES:
            macs *= LINE_POINTS / 2     # and the transforms
        if self.algorithm == GROUPED:
            macs *= 2                   # each takes twice as long as others
        if self.algorithm == STENCIL:
            macs += COPIED * <double> self.g.batch * self.g.groups * self.g.ic * (
                self.g.size[0] * self.g.size[1] * self.g.size[2])
        return threads if macs >= SERIAL_MACS else 1

    cdef void turn(self, Array* array) noexcept nogil:
        """Axes of an array into their order."""
        cdef Array given = array[0]
        cdef Py_ssize_t a
        for a in range(3):
            array.axis[a] = given.axis[self.axes[a]]

    cdef Py_ssize_t flags(self, const Job* job) noexcept nogil:
        """Tiles of Winograd's algorithms."""
        return flags_of(job) if self.algorithm == WINOGRAD else lines_flags(job) if self.algorithm == LINES else 0

    cdef bint writable_in_place(self, const Array* y) noexcept nogil:
        """Kernels write vectors: of channels, or of pixels of a row."""
        cdef Py_ssize_t item = self.kernels.item, a
        if self.channels_last and (self.algorithm != STENCIL or self.g.groups * self.g.oc > 1):
            return y.channel == item or self.g.groups * self.g.oc == 1
        for a in range(3):
            if self.axes[a] == 2:
                return y.axis[a] == item or self.g.out[a] == 1

    cdef void set_up(self, Job* job, const Geometry* g, Packed packed, Py_ssize_t threads) noexcept nogil:
        """Everything that the threads read: tiles, units, scratch."""
        cdef Py_ssize_t operands, a
        cdef bint streamed
        job.g = g[0]
        job.kernels = self.kernels
        job.chunks = self.chunks
        job.n_chunks = self.n_chunks
        job.apart = self.algorithm == LINES
        job.blocks = self.blocks
        job.activation = self.activation
        job.limits = self.limits
        job.levels = self.levels
        job.lines = self.lines
        job.stretched = 0
        for a in range(3):
            job.axes[a] = self.axes[a]
        job.skip_padding = self.g.pad_mode == CONSTANT
        if packed is not None:
            job.weights, job.bias = packed.weights, packed.bias
            job.skip_padding = packed.finite and self.g.pad_mode == CONSTANT
        job.group_filters = self.group_filters
        job.scattered = self.channel_lanes and not self.channels_last
        if self.algorithm == STENCIL:
            job.scattered = self.channels_last and self.g.groups * self.g.oc > 1
        job.around = (self.algorithm != WINOGRAD and self.algorithm != LINES and not job.scattered
                      and self.n_chunks == 1 and self.activation <= CLAMP
                      and outputs(g) * g.batch * g.groups >= FAR_BYTES // self.kernels.item)
        job.joined = 1
        if self.algorithm == STENCIL and self.channels_last:
            job.joined = joined_groups(&self.g, held_planes(&self.g, self.kernels))
        job.together = self.channels_last and job.joined * self.g.ic > 1
        # Outputs of several groups share lines, which should be complete before they leave the cache.
        job.mixed = (self.channels_last and g.groups > 1
                     and g.groups * job.blocks.group_items * self.kernels.item <= MIXED_WEIGHTS)
        if self.algorithm == GROUPED:
            choose_tiles(job)
            if not cut_row_bands(job, threads) and not cut_planes(job, threads):
                cut_rectangles(job, threads)
            job.stretched = job.units
            job.scratch_bytes = ceil_div(planes_scratch(job) if job.turned else grouped_scratch(job), 64) * 64
            return
        if self.algorithm == WINOGRAD:
            cut_tiles(job, threads)
            divide(job, threads, True)
            job.scratch_bytes = ceil_div(winograd_scratch(job), 64) * 64
            return
        if self.algorithm == LINES:
            cut_lines(job, threads)
            divide(job, threads, True)
            job.scratch_bytes = ceil_div(lines_scratch(job), 64) * 64
            return
        if self.separable:
            cut_separable(job, threads)
            divide_filters(job, threads, few_blocks(job))
            job.stretched = job.units
            job.scratch_bytes = ceil_div(separable_scratch(job), 64) * 64
            return
        if self.algorithm == STENCIL:
            merge_rows(job)
            cut_blocks(job, threads)
            job.around = job.around and stored_once(job)
            divide_filters(job, threads, 1)
            job.stretched = job.units
            job.scratch_bytes = ceil_div(stencil_scratch(job), 64) * 64
            return
        merge_axes(job, self.channels_last)
        if self.channel_lanes:
            cut_rows(job)
            job.colliding = collide(job)
        else:
            job.tile_pixels = self.kernels.lanes * self.kernels.nv
            cut_bands(job)
            job.tiles = job.band_tiles[job.bands - 1]
            job.row_tiles = 0
            if self.blocks.columns_first and fills_rows(&job.g, self.kernels.lanes):
                job.row_tiles = ceil_div(job.g.out[2], job.tile_pixels)
                job.tiles = job.g.batch * job.g.out[0] * job.g.out[1] * job.row_tiles
            operands = job.tile_pixels * self.chunks[0].terms * self.kernels.item
            job.tiles_at_once = min(max(PANELS_BYTES // operands, 2), 16)
        streamed = self.channel_lanes and job.blocks.group_items * self.kernels.item > STREAMED_BYTES
        job.ahead = AHEAD if streamed else 0
        divide(job, threads, streamed)
        job.stretched = job.whole_units
        if self.channel_lanes:
            job.scratch_bytes = channels_last_scratch(job)
        else:
            job.scratch_bytes = channels_first_scratch(job)
        job.scratch_bytes = ceil_div(job.scratch_bytes, 64) * 64

    cdef void work(self, const Job* job, Py_ssize_t threads) noexcept nogil:
        cdef Py_ssize_t unit, thread
        cdef char* stretches = job.scratch + threads * job.scratch_bytes
        if threads == 1:
            for unit in range(job.units):
                self.do_unit(job, unit, 0)
            return
        begin_stretches(stretches, job.stretched, threads)
        for thread in prange(threads, schedule="static", num_threads=threads):
            unit = next_unit(stretches, job.stretched, job.units, threads, thread)
            while unit >= 0:
                self.do_unit(job, unit, thread)
                unit = next_unit(stretches, job.stretched, job.units, threads, thread)

    cdef int work_flagged(self, const Job* job, Packed packed, Py_ssize_t threads) except -1:
        """Computes the flagged tiles again, directly: what is not finite stays where it belongs."""
        cdef Py_ssize_t n, planes, rows, columns, memory = 0, flags = self.flags(job)
        cdef Convolution exact = self.exact
        cdef Geometry g = exact.g
        cdef Job tile
        cdef char* scratch
        tile.x, tile.y = job.x, job.y
        for planes in range(1, exact.g.out[0] + 1):
            for rows in range(1, exact.g.out[1] + 1):
                for columns in range(1, exact.g.out[2] + 1):
                    g.out[0], g.out[1], g.out[2] = planes, rows, columns
                    exact.set_up(&tile, &g, packed, 1)
                    memory = max(memory, tile.scratch_bytes)
        memory += ceil_div(self.tile_bytes(), 64) * 64
        scratch = <char*> malloc(memory * threads + 64)
        if scratch == NULL:
            raise MemoryError(f"cyconv: no memory for {memory * threads} bytes of scratch")
        with nogil:
            for n in prange(flags, schedule="dynamic", num_threads=threads):
                if job.flags[n]:
                    exact.do_tile(job, n, flags // job.g.groups, packed,
                                  scratch + 64 - <Py_ssize_t> scratch % 64 + threadid() * memory)
        free(scratch)
        return 0

    cdef Py_ssize_t tile_bytes(self) noexcept nogil:
        """Of the outputs of a tile."""
        return outputs(&self.exact.g) * self.kernels.item

    cdef void do_tile(self, const Job* job, Py_ssize_t flag, Py_ssize_t group_flags, Packed packed,
                      char* scratch) noexcept nogil:
        """Computes one tile of a Winograd job; `self` is the direct convolution of a tile."""
        cdef Geometry g = self.g
        cdef Array y
        cdef Job tile
        cdef Py_ssize_t unit, group = flag // group_flags
        cdef Py_ssize_t item = self.kernels.item
        cdef bint apart
        g.groups = 1
        if not (direct_line(job, flag, &g, &tile.x, &y) if job.lines.m > 0
                else direct_tile(job, flag, &g, &tile.x, &y)):
            return
        apart = not self.writable_in_place(&y)
        tile.y = tile_array(&g, scratch, item) if apart else y
        self.set_up(&tile, &g, packed, 1)
        tile.weights += group * self.blocks.group_items * item
        tile.bias += group * self.blocks.bias_items * item
        tile.scratch = scratch + ceil_div(outputs(&g) * item, 64) * 64
        for unit in range(tile.units):
            self.do_unit(&tile, unit, 0)
        if apart:
            copy_tile(job, &g, &tile.y, &y)

    cdef void do_unit(self, const Job* job, Py_ssize_t unit, Py_ssize_t thread) noexcept nogil:
        if self.algorithm == GROUPED:
            if job.turned:
                planes_unit(job, unit, job.scratch + thread * job.scratch_bytes)
            elif job.in_place:
                in_place_unit(job, unit, job.scratch + thread * job.scratch_bytes)
            else:
                grouped_unit(job, unit, job.scratch + thread * job.scratch_bytes)
        elif self.algorithm == WINOGRAD:
            winograd_unit(job, unit, job.scratch + thread * job.scratch_bytes)
        elif self.algorithm == LINES:
            lines_unit(job, unit, job.scratch + thread * job.scratch_bytes)
        elif self.separable:
            separable_unit(job, unit, job.scratch + thread * job.scratch_bytes)
        elif self.algorithm == STENCIL:
            stencil_unit(job, unit, job.scratch + thread * job.scratch_bytes)
        elif self.channel_lanes:
            channels_last_unit(job, unit, job.scratch + thread * job.scratch_bytes)
        else:
            channels_first_unit(job, unit, job.scratch + thread * job.scratch_bytes)
        if job.around:
            store_fence()


cdef inline Py_ssize_t outputs(const Geometry* g) noexcept nogil:
    """Of a sample and a group."""
    return g.oc * g.out[0] * g.out[1] * g.out[2]


cdef inline Py_ssize_t even_part(Py_ssize_t n, Py_ssize_t limit) noexcept nogil:
    """The largest part, if n is cut into as few nearly equal parts of at most `limit` as possible."""
    return ceil_div(n, ceil_div(n, min(max(limit, 1), n)))


cdef void merge_axes(Job* job, bint channels_last) noexcept nogil:
    """A convolution that looks at one pixel at a time sees rows, planes and samples as one long row."""
    cdef Geometry* g = &job.g
    cdef Py_ssize_t a
    for a in range(3):
        if g.kernel[a] != 1 or g.stride[a] != 1 or g.before[a] != 0 or g.out[a] != g.size[a]:
            return
    for a in range(1, -1, -1):
        if g.size[a] > 1 and not (follows(&job.x, job.x.axis[a], g.size[2])
                                  and follows(&job.y, job.y.axis[a], g.size[2])):
            return
        g.size[2] *= g.size[a]
        g.out[2] = g.size[2]
        g.size[a] = g.out[a] = 1
    if (channels_last and g.batch > 1 and follows(&job.x, job.x.batch, g.size[2])
            and follows(&job.y, job.y.batch, g.size[2])):
        g.size[2] *= g.batch
        g.out[2] = g.size[2]
        g.batch = 1


cdef bint fills_few_lanes(const Geometry* g, Py_ssize_t lanes, Py_ssize_t nv) noexcept:
    """Whether channels-first pixels leave many lanes empty, and channels would not."""
    cdef Py_ssize_t width = lanes * nv
    cdef Py_ssize_t pixels = g.batch * g.out[0] * g.out[1] * g.out[2]
    return (100 * pixels < 93 * ceil_div(pixels, width) * width and g.ic >= FEW
            and g.oc >= SCATTERED * width and (g.out[2] >= 4 or 4 * pixels < width))


cdef inline bint fills_rows(const Geometry* g, Py_ssize_t lanes) noexcept nogil:
    """Whether tiles that end with the row pay: they waste lanes, but can be read from strips."""
    cdef Py_ssize_t whole = ceil_div(g.out[2], lanes) * lanes
    cdef bint padded = g.before[2] > 0 or ((g.out[2] - 1) * g.stride[2] - g.before[2]
                                           + (g.kernel[2] - 1) * g.dilation[2] >= g.size[2])
    return 16 * g.out[2] >= 15 * whole or (padded and 2 * g.out[2] >= whole)


cdef void cut_bands(Job* job) noexcept nogil:
    """Output columns at which a column of the kernel enters or leaves the input, unless too close."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t k, i, n, edge, first = 0, tiles = 0
    cdef Py_ssize_t edges[2]
    job.bands = 0
    for k in range(2 * g.kernel[2] if job.skip_padding and g.dilation[2] > 1 else 0):
        inside(g, k // 2, 0, g.out[2], &edges[0], &edges[1])
        edge = edges[k % 2]
        if job.bands == MAX_BANDS - 1 or edge < BAND or edge > g.out[2] - BAND:
            continue
        i = job.bands
        while i > 0 and job.band_end[i - 1] > edge - BAND:
            i -= 1
        if i < job.bands and job.band_end[i] < edge + BAND:
            continue
        for n in range(job.bands, i, -1):
            job.band_end[n] = job.band_end[n - 1]
        job.band_end[i] = edge
        job.bands += 1
    job.band_end[job.bands] = g.out[2]
    job.bands += 1
    for i in range(job.bands):
        tiles += ceil_div(g.batch * g.out[0] * g.out[1] * (job.band_end[i] - first), job.tile_pixels)
        job.band_tiles[i] = tiles
        first = job.band_end[i]


cdef void divide_filters(Job* job, Py_ssize_t threads, Py_ssize_t few) noexcept nogil:
    """Stencils: blocks into units, and filters too where threads had none; each part copies blocks again.

    Fewer than `few` blocks are a unit only where all threads have one.
    """
    cdef Py_ssize_t filters = job.joined * job.g.oc
    job.unit_tiles = max(job.tiles // (UNITS_PER_THREAD * threads) if threads > 1 else job.tiles, 1)
    job.unit_tiles = max(job.unit_tiles, ceil_div(job.tiles, ceil_div(max(job.tiles // few, 1), threads) * threads))
    job.units = ceil_div(job.tiles, job.unit_tiles)
    job.parts = 1
    if job.units < threads:
        job.parts = max(min(ceil_div(threads, job.units), filters // PART_FILTERS), 1)
    job.part_blocks = ceil_div(filters, job.parts)
    job.parts = ceil_div(filters, job.part_blocks)
    job.units *= job.parts


cdef void divide(Job* job, Py_ssize_t threads, bint streamed) noexcept nogil:
    """Tiles into units: many tiles to a unit, but enough units to busy all threads alike.

    Where the last units do not suffice for all threads, they are divided by blocks of output
    channels.  The others are not, because each part prepares the same operands again.
    `streamed`: weights come from far away, and should serve as many tiles as possible.
    """
    cdef Py_ssize_t rounds = ceil_div(job.tiles, job.tiles_at_once)
    cdef Py_ssize_t groups = job.g.groups
    cdef Py_ssize_t all_units
    if threads == 1:
        job.unit_tiles = job.tiles
    elif streamed:
        job.unit_tiles = job.tiles_at_once
    elif rounds * groups >= UNITS_PER_THREAD * threads:
        job.unit_tiles = job.tiles_at_once * (rounds * groups // (UNITS_PER_THREAD * threads))
    else:
        job.unit_tiles = ceil_div(job.tiles, min(job.tiles, ceil_div(UNITS_PER_THREAD * threads, groups)))
    if job.mixed and not streamed:
        job.unit_tiles = min(job.unit_tiles, max(MIXED_BYTES // (job.tile_pixels * groups * job.g.oc
                                                                 * job.kernels.item), 1))
    job.unit_tiles = min(job.unit_tiles, job.tiles)
    job.tile_units = ceil_div(job.tiles, job.unit_tiles)
    job.tiles_at_once = min(job.tiles_at_once, job.unit_tiles)
    all_units = job.tile_units * groups
    job.whole_units = all_units - all_units % threads
    job.part_blocks = ceil_div(job.blocks.count, min(threads, job.blocks.count))
    job.parts = ceil_div(job.blocks.count, job.part_blocks)
    job.units = job.whole_units + (all_units - job.whole_units) * job.parts
