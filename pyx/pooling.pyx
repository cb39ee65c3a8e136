"""The compiled half of pooling: doors for every type, division of work, threads.

A Pooling is made once from integers.  Its doors, `maximum` and `average`, open arrays as typed
memoryviews, choose between the ways of computing (pool_*.pxd), cut the output into units and
let the threads work through them.
"""
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from arrays cimport aligned, follows, forked, opened, overlap
from geometry cimport FAR_BYTES, ceil_div
from kernel_table cimport MAX_STRIDE, MAX_TAPS, MAXIMUM, MAXIMUM_NUMBER, SUM, KernelTable
from pool_boxes cimport FIRST_LEVEL, boxes_unit, levels_of
from pool_columns cimport columns_scratch, columns_unit, shares_columns, sharing_pays
from pool_direct cimport direct_scratch, direct_unit
from pool_job cimport (CELLS, ELEMENTS, GIVEN, NOTHING, Cut, PoolGeometry, PoolJob, load_function,
                       store_function)
from pool_lines cimport fit_lines, lines_scratch, lines_unit
from pool_rows cimport element, load_row, store_row
from pool_slide cimport cut_bands, slide_scratch, slide_unit
from stretches cimport begin_stretches, next_unit, store_fence, stretches_bytes

cdef enum:
    FEW_TAPS = 16                   # windows of so many elements are always folded directly; rows, if they slide
    MANY_TAPS = 1 << 16             # and of more, never; across, rows of them
    SMALL_BOX = 1 << 15             # bytes of a box for short windows: part of the first-level cache
    BOXES = 1 << 20                 # bytes of all buffers, for long ones: the second-level cache
    UNITS_PER_THREAD = 8            # at most, so that a thread that is held up costs little
    UNIT_BYTES = 1 << 17            # of the input, so that few units are left over
    SERIAL_BYTES = 3 << 16          # read by windows; below, waking threads costs more than they save
    LEAST_CHANNELS = 4              # vectors of channels that are not divided further

KINDS = {"propagate": MAXIMUM, "ignore": MAXIMUM_NUMBER, "sum": SUM}
COUNTS = {None: NOTHING, "elements": ELEMENTS, "cells": CELLS, "given": GIVEN}

ctypedef fused real:
    float
    double


cdef class Pooling:
    """One pooling's geometry, for one element type of kernels, layout and instruction set.

    Parameters
    ----------
    table : capsule
        The kernels, from ``cyconv.isa``.
    floating : bool
        Whether their type is floating point.
    kind : str
        ``"propagate"`` or ``"ignore"`` (NaN in maxima), or ``"sum"``.
    channels_last : bool
    batch, channels : int
    size, out, kernel, stride, dilation, before, after : sequence of three int
        Per axis (depth, height, width).
    adaptive : sequence of three bool
        Axes along which windows go from i*size/out to (i + 1)*size/out.
    count : str or None
        What sums are divided by: nothing, ``"elements"``, ``"cells"`` (padding too) or ``"given"``.
    divisor : float
        For ``"given"``.
    power : float
        Of an Lp norm; 0 for none.
    indices : bool
        Whether maxima come with their places.
    """
    cdef PoolGeometry g
    cdef const KernelTable* kernels
    cdef bint floating
    cdef bint channels_last
    cdef bint indices
    cdef PoolJob pattern            # what all calls have in common

    def __init__(self, table, bint floating, str kind, bint channels_last, Py_ssize_t batch, Py_ssize_t channels,
                 size, out, kernel, stride, dilation, before, after, adaptive, count, double divisor, double power,
                 bint indices):
        cdef Py_ssize_t a
        cdef PoolJob* job = &self.pattern
        cdef PoolGeometry* g = &job.g
        memset(job, 0, sizeof(PoolJob))
        self.kernels = <const KernelTable*> PyCapsule_GetPointer(table, "cyconv.KernelTable")
        self.floating, self.channels_last, self.indices = floating, channels_last, indices
        g.batch, g.channels = batch, channels
        for a in range(3):
            g.size[a], g.out[a], g.kernel[a] = size[a], out[a], kernel[a]
            g.stride[a], g.dilation[a] = stride[a], dilation[a]
            g.before[a], g.after[a], g.adaptive[a] = before[a], after[a], adaptive[a]
        job.kernels = self.kernels
        job.kind = KINDS[kind]
        if job.kind == MAXIMUM_NUMBER and not floating:
            job.kind = MAXIMUM      # integers have no NaN
        job.count = COUNTS[count]
        job.divisor = divisor if job.count == GIVEN else 1
        job.power = power
        self.set_lowest()

    cdef void set_lowest(self) noexcept:
        cdef PoolJob* job = &self.pattern
        cdef double value = 0
        cdef float narrow
        cdef int32_t least = <int32_t> (1 << 31)
        cdef int64_t wide_least = <int64_t> (<unsigned long long> 1 << 63)
        if job.kind == SUM:
            memset(job.lowest, 0, 8)
        elif not self.floating:
            if self.kernels.item == 4:
                memcpy(job.lowest, &least, 4)
            else:
                memcpy(job.lowest, &wide_least, 8)
        else:
            value = float("nan") if job.kind == MAXIMUM_NUMBER else -float("inf")
            narrow = <float> value
            if self.kernels.item == 4:
                memcpy(job.lowest, &narrow, 4)
            else:
                memcpy(job.lowest, &value, 8)

    cdef bint open(self, PoolJob* job, char* x, const Py_ssize_t* x_shape, const Py_ssize_t* x_strides,
                   Py_ssize_t x_item, char* y, const Py_ssize_t* y_shape, const Py_ssize_t* y_strides,
                   Py_ssize_t y_item) noexcept:
        """Addresses and strides of both arrays; False if they overlap or one is not aligned."""
        job.x = opened(x, x_strides, self.channels_last)
        job.y = opened(y, y_strides, self.channels_last)
        return (not overlap(x, x_shape, x_strides, y, y_shape, y_strides, x_item, y_item)
                and aligned(&job.x, x_item) and aligned(&job.y, y_item))

    def maximum(self, const element[:, :, :, :, :] x, element[:, :, :, :, :] y, Py_ssize_t threads, indices=None):
        """Maxima of x into y, and their places into `indices` if they are asked for.

        x and y have axes (N, D, H, W, C) or (N, C, D, H, W).  False if y must be a new array, or x a copy.
        """
        cdef PoolJob job = self.pattern
        cdef int64_t[:, :, :, :, :] places
        if not self.open(&job, <char*> &x[0, 0, 0, 0, 0], x.shape, x.strides, sizeof(element),
                         <char*> &y[0, 0, 0, 0, 0], y.shape, y.strides, sizeof(element)):
            return False
        if self.indices:
            places = indices
            job.indices = opened(<char*> &places[0, 0, 0, 0, 0], places.strides, self.channels_last)
        if element is float or element is double:
            job.same = sizeof(element) == self.kernels.item
            if self.kernels.item == 4:
                job.load = <load_function> load_row[element, float]
                job.store = <store_function> store_row[float, element]
            else:
                job.load = <load_function> load_row[element, double]
                job.store = <store_function> store_row[double, element]
        else:
            job.same = element is int32_t and self.kernels.item == 4 or element is int64_t and self.kernels.item == 8
            if self.kernels.item == 4:
                job.load = <load_function> load_row[element, int32_t]
                job.store = <store_function> store_row[int32_t, element]
            else:
                job.load = <load_function> load_row[element, int64_t]
                job.store = <store_function> store_row[int64_t, element]
        self.run(&job, threads)
        return True

    def average(self, const element[:, :, :, :, :] x, real[:, :, :, :, :] y, Py_ssize_t threads):
        """Averages, or Lp norms, of x into y: as `maximum`."""
        cdef PoolJob job = self.pattern
        if not self.open(&job, <char*> &x[0, 0, 0, 0, 0], x.shape, x.strides, sizeof(element),
                         <char*> &y[0, 0, 0, 0, 0], y.shape, y.strides, sizeof(real)):
            return False
        if element is float and real is float:
            job.same = self.kernels.item == 4 and job.power == 0
            job.widened = self.kernels.item == 8 and job.power == 0
        elif element is double and real is double:
            job.same = self.kernels.item == 8 and job.power == 0
        job.spare = sizeof(element) < 8 == self.kernels.item and job.power == 0
        if self.kernels.item == 4:
            job.load = <load_function> load_row[element, float]
            job.store = <store_function> store_row[float, real]
        else:
            job.load = <load_function> load_row[element, double]
            job.store = <store_function> store_row[double, real]
        self.run(&job, threads)
        return True

    cdef int run(self, PoolJob* job, Py_ssize_t threads) except -1:
        cdef char* scratch = NULL
        cdef Py_ssize_t all_bytes, all_outputs, memory, units
        all_bytes = (job.g.batch * job.g.channels * job.g.size[0] * job.g.size[1] * job.g.size[2]
                     * (4 if job.widened else self.kernels.item))
        job.far = all_bytes >= 2 * FAR_BYTES        # less is often still in the last-level cache
        all_outputs = job.g.batch * job.g.channels * job.g.out[0] * job.g.out[1] * job.g.out[2]
        job.around = job.far and all_outputs >= FAR_BYTES // self.kernels.item
        view_as_pictures(job, self.channels_last)
        choose(job)
        if forked() or bytes_read(job) < SERIAL_BYTES:
            threads = 1
        units = 1
        if threads > 1:
            units = threads * min(max(all_bytes // (threads * UNIT_BYTES), 1), UNITS_PER_THREAD)
        if job.slide:
            cut_bands(job)
            divide_boxes(job, units)
            job.scratch_bytes = slide_scratch(job)
        elif job.lines:
            divide_rows(job, units)
            job.scratch_bytes = lines_scratch(job)
        elif job.shared:
            divide_rows(job, units)
            job.scratch_bytes = columns_scratch(job)
        elif job.direct:
            divide_rows(job, units)
            job.scratch_bytes = direct_scratch(job)
        else:
            cut_boxes(job, self.indices)
            divide_boxes(job, units)
            job.scratch_bytes = job.cut.bytes * job.cut.buffers
        job.scratch_bytes = ceil_div(job.scratch_bytes, 64) * 64
        threads = min(threads, job.units)
        job.stretched = 0 if job.far else job.units         # no cache keeps what is far from call to call
        memory = job.scratch_bytes * threads + stretches_bytes(threads) + 64
        scratch = <char*> malloc(memory)
        if scratch == NULL:
            raise MemoryError(f"cyconv: no memory for {memory} bytes of scratch")
        job.scratch = scratch + 64 - <Py_ssize_t> scratch % 64
        with nogil:
            work(job, threads)
        free(scratch)
        return 0


cdef void work(const PoolJob* job, Py_ssize_t threads) noexcept nogil:
    cdef Py_ssize_t unit, thread
    if threads == 1:
        for unit in range(job.units):
            do_unit(job, unit, 0)
        return
    begin_stretches(job.scratch + threads * job.scratch_bytes, job.stretched, threads)
    for thread in prange(threads, schedule="static", num_threads=threads):
        share(job, threads, thread)


cdef void share(const PoolJob* job, Py_ssize_t threads, Py_ssize_t thread) noexcept nogil:
    """The work of one of several threads."""
    cdef PoolJob own = job[0]           # copied at once: its lines come from another processor
    cdef char* stretches = own.scratch + threads * own.scratch_bytes
    cdef Py_ssize_t unit = next_unit(stretches, own.stretched, own.units, threads, thread)
    while unit >= 0:
        do_unit(&own, unit, thread)
        unit = next_unit(stretches, own.stretched, own.units, threads, thread)


cdef void do_unit(const PoolJob* job, Py_ssize_t unit, Py_ssize_t thread) noexcept nogil:
    if job.slide:
        slide_unit(job, unit, job.scratch + thread * job.scratch_bytes)
    elif job.lines:
        lines_unit(job, unit, job.scratch + thread * job.scratch_bytes)
    elif job.shared:
        columns_unit(job, unit, job.scratch + thread * job.scratch_bytes)
    elif job.direct:
        direct_unit(job, unit, job.scratch + thread * job.scratch_bytes)
    else:
        boxes_unit(job, unit, job.scratch + thread * job.scratch_bytes)
    if job.around:
        store_fence()


cdef void view_as_pictures(PoolJob* job, bint channels_last) noexcept:
    """Channels-first, every channel is a picture with pixels of one element.

    Windows that hold a whole picture are one long row; and pictures of one row are the rows of
    one picture, pictures of one depth its depths, so that the kernels see many at once.
    """
    cdef PoolGeometry* g = &job.g
    cdef Py_ssize_t a
    if channels_last:
        job.pictures, job.sample_pictures, job.pixel = g.batch, 1, g.channels
    else:
        job.pictures, job.sample_pictures, job.pixel = g.batch * g.channels, g.channels, 1
    for a in range(1, -1, -1):
        if not (whole(g, 2) and whole(g, a) and (g.size[a] == 1 or follows(&job.x, job.x.axis[a], g.size[2]))):
            break
        if job.indices.data == NULL or g.size[a] == 1:
            g.size[2] *= g.size[a]
            g.kernel[2] = g.size[2]
            g.size[a] = g.kernel[a] = 1
    if job.pixel == 1 and job.indices.data == NULL:
        if one_row(g, 1):
            rows_from(job, 1, job.sample_pictures, job.x.channel, job.y.channel)
            job.pictures //= job.sample_pictures
            job.sample_pictures = 1
            if one_row(g, 0):
                rows_from(job, 0, job.pictures, job.x.batch, job.y.batch)
                job.pictures = 1
        elif one_row(g, 0):
            rows_from(job, 0, job.sample_pictures, job.x.channel, job.y.channel)
            job.pictures //= job.sample_pictures
            job.sample_pictures = 1


cdef inline bint whole(const PoolGeometry* g, Py_ssize_t a) noexcept:
    """Whether the only window along an axis is all of it."""
    return g.out[a] == 1 and g.kernel[a] == g.size[a] and g.before[a] == 0 and g.after[a] == 0 and g.dilation[a] == 1


cdef inline bint one_row(const PoolGeometry* g, Py_ssize_t a) noexcept:
    return g.size[a] == 1 and g.out[a] == 1 and g.kernel[a] == 1 and g.before[a] == 0 and g.after[a] == 0


cdef inline void rows_from(PoolJob* job, Py_ssize_t a, Py_ssize_t n, Py_ssize_t x_step, Py_ssize_t y_step) noexcept:
    job.g.size[a] = job.g.out[a] = n
    job.g.stride[a] = 1
    job.g.adaptive[a] = False
    job.x.axis[a], job.y.axis[a] = x_step, y_step


cdef void choose(PoolJob* job) noexcept:
    """With sliding windows, by lines or columns that windows share, directly, or through boxes."""
    cdef PoolGeometry* g = &job.g
    cdef Py_ssize_t item = 4 if job.widened else job.kernels.item
    cdef Py_ssize_t pixel = job.pixel * item
    cdef Py_ssize_t a
    cdef double taps = 1, steps = 1         # no product is too large
    for a in range(3):
        taps *= g.kernel[a]
        steps *= g.kernel[a] if g.out[a] == 1 else min(g.stride[a], g.kernel[a])
    job.slide = (job.same and job.pixel == 1 and job.indices.data == NULL and job.power == 0
                 and g.out[2] > 1 and not g.adaptive[2] and g.dilation[2] == 1
                 and g.stride[2] <= MAX_STRIDE and g.kernel[2] <= MAX_TAPS
                 and job.x.axis[2] == item and job.y.axis[2] == item
                 and g.kernel[2] - g.stride[2] <= job.kernels.lanes
                 and taps <= MANY_TAPS and g.kernel[0] * g.kernel[1] <= FEW_TAPS)
    job.lines = not job.slide and fit_lines(job)
    job.shared = (not job.lines and (job.same or job.widened) and job.indices.data == NULL and job.power == 0
                  and 2 * job.pixel >= job.kernels.lanes and job.x.channel == item and job.y.channel == item
                  and shares_columns(g) and (taps > FEW_TAPS or sharing_pays(job)))
    job.flat = (g.stride[2] == 1 or g.out[2] == 1) and job.x.axis[2] == pixel and job.y.axis[2] == pixel
    job.direct = (not job.lines and not job.shared and (job.same or job.widened) and job.indices.data == NULL
                  and job.power == 0 and (job.pixel == 1 or (job.x.channel == item and job.y.channel == item))
                  and (taps <= FEW_TAPS or taps <= 2 * steps))
    job.across = False
    if job.direct and 2 * job.pixel < job.kernels.lanes:
        # Pixels shorter than vectors: rows of them must lie together, or rows of a window.
        job.across = (job.pixel == 1 and (g.out[2] == 1 or 2 * g.kernel[2] >= job.kernels.lanes) and g.dilation[2] == 1
                      and (g.out[2] == 1 or g.stride[2] >= g.kernel[2]) and g.before[2] == 0
                      and (g.out[2] - 1) * g.stride[2] + g.kernel[2] <= g.size[2]
                      and not g.adaptive[2] and job.x.axis[2] == item)
        job.direct = job.across or (job.flat and g.before[2] == 0 and not g.adaptive[2]
                                    and g.out[2] - 1 + (g.kernel[2] - 1) * g.dilation[2] < g.size[2])
    if (taps / g.kernel[2] if job.across else taps) > MANY_TAPS:
        job.direct = job.across = False
    job.flat = job.flat and job.direct and not job.across
    job.narrow = job.widened and (job.lines or job.shared or job.direct)


cdef double bytes_read(const PoolJob* job) noexcept:
    """By all windows, counted as often as they are read; boxes share what windows have in common."""
    cdef const PoolGeometry* g = &job.g
    cdef double read = <double> job.pictures * job.pixel * (4 if job.widened else job.kernels.item)
    cdef double taps = 1
    cdef Py_ssize_t a
    for a in range(3):
        read *= g.out[a]
        taps *= g.kernel[a]
    return read * (taps if job.slide or job.lines or job.direct else min(taps, FEW_TAPS))


cdef void divide_rows(PoolJob* job, Py_ssize_t wanted) noexcept:
    """Where x and y lie: rows of outputs into units; where there are few rows, parts of rows."""
    cdef PoolGeometry* g = &job.g
    cdef Py_ssize_t least = job.pixel if job.lines else LEAST_CHANNELS * job.kernels.lanes
    job.items = job.pictures * g.out[0] * g.out[1]
    job.unit_items = max(job.items // wanted, 1)
    job.columns, job.channels = g.out[2], job.pixel
    if job.items < wanted:
        wanted = ceil_div(wanted, job.items)
        job.columns = ceil_div(g.out[2], min(wanted, g.out[2]))
        wanted = ceil_div(wanted, ceil_div(g.out[2], job.columns))
        job.channels = max(ceil_div(ceil_div(job.pixel, wanted), least) * least, least)
        job.channels = min(job.channels, job.pixel)
        if job.columns < g.out[2]:
            job.columns = max(job.columns, ceil_div(least, job.pixel))
    if job.flat and job.channels < job.pixel:
        job.flat = g.out[2] == 1
    job.column_parts = ceil_div(g.out[2], job.columns)
    job.channel_parts = ceil_div(job.pixel, job.channels)
    job.units = ceil_div(job.items, job.unit_items) * job.column_parts * job.channel_parts


cdef inline Py_ssize_t span(const PoolGeometry* g, const Cut* c, Py_ssize_t a) noexcept:
    """Input elements of a box along an axis."""
    return (c.outputs[a] - 1) * g.stride[a] + (c.taps[a] - 1) * g.dilation[a] + 1


cdef inline Py_ssize_t volume(const PoolGeometry* g, const Cut* c) noexcept:
    """Of a box, or more than any box has."""
    cdef Py_ssize_t a, n = c.channels
    for a in range(3):
        n *= min(span(g, c, a), BOXES)
        n = min(n, BOXES)
    return n


cdef void cut_boxes(PoolJob* job, bint indices) noexcept:
    """How much of the output a box holds, and how much of a window, if not all.

    It depends on the geometry and the kernels alone, and so do the order of sums and results.
    """
    cdef const PoolGeometry* g = &job.g
    cdef Cut* c = &job.cut
    cdef Py_ssize_t item = job.kernels.item * (2 if indices else 1)
    cdef Py_ssize_t a, best, levels, limit, before
    cdef double waste, most
    c.channels = job.pixel
    if job.pixel > LEAST_CHANNELS * job.kernels.lanes:
        c.channels = LEAST_CHANNELS * job.kernels.lanes
    levels = 0
    for a in range(3):
        c.outputs[a], c.taps[a] = 1, g.kernel[a]
        levels = max(levels, levels_of(g.kernel[a]))
    c.buffers = FIRST_LEVEL + min(max(levels, 1), 10)
    limit = SMALL_BOX // item if levels == 0 else BOXES // c.buffers // item
    while volume(g, c) > limit:
        best = 0
        for a in range(1, 3):
            if span(g, c, a) > span(g, c, best):
                best = a
        c.taps[best] = ceil_div(c.taps[best], 2)
    # Longer along the axis where a box reads most that its neighbour reads too; full rows first.
    while True:
        best = -1
        most = 0
        for a in range(2, -1, -1):
            before = c.outputs[a]
            if before == g.out[a] or g.adaptive[a]:
                continue
            waste = <double> span(g, c, a) / (before * g.stride[a])
            if a == 2 and before * c.channels < 2 * LEAST_CHANNELS * job.kernels.lanes:
                waste = BOXES
            c.outputs[a] = min(2 * before, g.out[a])
            if waste > most and volume(g, c) <= limit:
                best, most = a, waste
            c.outputs[a] = before
        if best < 0:
            break
        c.outputs[best] = min(2 * c.outputs[best], g.out[best])
    c.bytes = max(volume(g, c), c.outputs[0] * c.outputs[1] * c.outputs[2] * c.channels)
    c.bytes = ceil_div(c.bytes * job.kernels.item, 64) * 64 * (2 if indices else 1)


cdef void divide_boxes(PoolJob* job, Py_ssize_t wanted) noexcept:
    cdef Py_ssize_t a
    job.channel_boxes = ceil_div(job.pixel, job.cut.channels)
    job.items = job.pictures * job.channel_boxes
    for a in range(3):
        job.boxes[a] = ceil_div(job.g.out[a], job.cut.outputs[a])
        job.items *= job.boxes[a]
    job.units = min(job.items, wanted)
