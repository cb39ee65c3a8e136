# What a pooling is, in integers, and the windows of its outputs.  No element type appears here.
# Axes are always depth, height, width.  A pixel is what lies side by side at one place of the
# picture: all channels (channels-last), or one element (channels-first, where each channel is
# a picture of its own).
from geometry cimport Array, ceil_div
from kernel_table cimport Fold, FoldKind, KernelTable

cdef enum Count:                    # what the sum of a window is divided by
    NOTHING
    ELEMENTS                        # its elements in the input
    CELLS                           # and those in the padding
    GIVEN                           # a number

ctypedef void (*load_function)(const char* x, Py_ssize_t x_pixel, Py_ssize_t x_channel, char* to,
                               Py_ssize_t pixels, Py_ssize_t channels, double power) noexcept nogil
ctypedef void (*store_function)(const char* source, char* y, Py_ssize_t y_pixel, Py_ssize_t y_channel,
                                Py_ssize_t pixels, Py_ssize_t channels, double power) noexcept nogil

cdef struct PoolGeometry:
    Py_ssize_t batch
    Py_ssize_t channels
    Py_ssize_t size[3]
    Py_ssize_t out[3]
    Py_ssize_t kernel[3]            # adaptive: the longest window
    Py_ssize_t stride[3]
    Py_ssize_t dilation[3]
    Py_ssize_t before[3]
    Py_ssize_t after[3]
    bint adaptive[3]                # windows from i*size/out to (i + 1)*size/out, rounded outwards

cdef struct Cut:                    # of outputs into boxes, see pool_boxes.pxd
    Py_ssize_t outputs[3]           # of a box, along each axis
    Py_ssize_t taps[3]              # of a window that are taken at once
    Py_ssize_t channels             # of a pixel
    Py_ssize_t bytes                # of one buffer
    Py_ssize_t buffers

cdef struct PoolJob:                # one call: read by all threads, written by none
    PoolGeometry g
    const KernelTable* kernels
    FoldKind kind
    Count count
    double divisor
    double power                    # of an Lp norm; 0 for none
    Array x                         # its `batch` goes from picture to picture if there is one channel
    Array y
    Array indices                   # of int64; without data if nobody asked
    Py_ssize_t pictures             # samples, or channels of all samples
    Py_ssize_t sample_pictures      # pictures of one sample
    Py_ssize_t pixel                # elements of a pixel
    bint far                        # x is too large to come from a cache,
    bint around                     # and y to stay there until it is read: it goes to memory at once
    bint slide                      # windows slide along the lanes, see pool_slide.pxd
    bint lines                      # folded down rows, then along them, see pool_lines.pxd
    bint shared                     # neighbouring windows share columns of pixels, see pool_columns.pxd
    bint direct                     # read and written where they are, see pool_direct.pxd
    bint across                     #   and windows are wider than a vector
    bint flat                       #   and neighbouring outputs read neighbouring elements
    bint narrow                     # read where they are, and widened
    bint same                       # x and y have the kernels' type
    bint widened                    # they are float32, but the kernels' type is float64
    bint spare                      # sums have far more digits than x, so that their order does not matter
    load_function load
    store_function store
    char lowest[8]                  # the element that changes no maximum, or no sum
    Cut cut
    Py_ssize_t boxes[3]
    Py_ssize_t channel_boxes
    Py_ssize_t items                # rows of outputs (where x lies) or boxes, and how many make a unit
    Py_ssize_t unit_items
    Py_ssize_t columns              # where x lies: a unit's outputs of a row, and channels
    Py_ssize_t column_parts
    Py_ssize_t channels
    Py_ssize_t channel_parts
    Py_ssize_t units
    Py_ssize_t stretched            # of which threads have stretches; the others are taken one by one
    Py_ssize_t scratch_bytes
    char* scratch


cdef struct RowUnit:                # of windows that are read where they lie: rows of outputs, or a part of one
    Py_ssize_t row
    Py_ssize_t end
    Py_ssize_t column
    Py_ssize_t columns
    Py_ssize_t channel
    Py_ssize_t channels


cdef inline RowUnit row_unit(const PoolJob* job, Py_ssize_t unit) noexcept nogil:
    cdef Py_ssize_t part = unit % (job.column_parts * job.channel_parts)
    cdef RowUnit u
    u.row = unit // (job.column_parts * job.channel_parts) * job.unit_items
    u.end = min(u.row + job.unit_items, job.items)
    u.column = part // job.channel_parts * job.columns
    u.columns = min(job.columns, job.g.out[2] - u.column)
    u.channel = part % job.channel_parts * job.channels
    u.channels = min(job.channels, job.pixel - u.channel)
    return u


cdef struct Window:                 # elements of the input, along one axis
    Py_ssize_t first
    Py_ssize_t taps
    Py_ssize_t cells                # and of the padding


cdef inline Window window(const PoolGeometry* g, Py_ssize_t a, Py_ssize_t o) noexcept nogil:
    """The window of output o along axis a."""
    cdef Window w
    cdef Py_ssize_t start, last, skipped = 0, d = g.dilation[a]
    if g.adaptive[a]:
        w.first = o * g.size[a] // g.out[a]
        w.taps = ceil_div((o + 1) * g.size[a], g.out[a]) - w.first
        w.cells = w.taps
        return w
    start = o * g.stride[a] - g.before[a]
    if start < 0:
        skipped = ceil_div(-start, d)
    last = g.kernel[a]
    if start + (last - 1) * d >= g.size[a]:
        last = (g.size[a] - 1 - start) // d + 1
    w.first = start + skipped * d
    w.taps = last - skipped
    w.cells = g.kernel[a]
    if start + (w.cells - 1) * d >= g.size[a] + g.after[a]:
        w.cells = (g.size[a] + g.after[a] - 1 - start) // d + 1
    return w


cdef inline void whole_windows(const PoolGeometry* g, Py_ssize_t a, Py_ssize_t* lo, Py_ssize_t* hi) noexcept nogil:
    """Outputs [lo, hi) have all their elements in the input, and lie evenly."""
    cdef Py_ssize_t reach = g.size[a] - 1 + g.before[a] - (g.kernel[a] - 1) * g.dilation[a]
    lo[0] = hi[0] = 0
    if g.adaptive[a] or reach < 0:
        return
    lo[0] = min(ceil_div(g.before[a], g.stride[a]), g.out[a])
    hi[0] = max(min(reach // g.stride[a] + 1, g.out[a]), lo[0])


cdef inline Py_ssize_t rows_of_window(const PoolJob* job, const Window* wd, const Window* wh,
                                      Py_ssize_t* at) noexcept nogil:
    """Distances of a window's rows from its first; their number."""
    cdef Py_ssize_t d, h, n = 0
    for d in range(wd.taps):
        for h in range(wh.taps):
            at[n] = d * job.g.dilation[0] * job.x.axis[0] + h * job.g.dilation[1] * job.x.axis[1]
            n += 1
    return n


cdef inline double divisor_along(const PoolJob* job, const Window* w) noexcept nogil:
    """The factor of this axis in what a sum is divided by."""
    if job.count == ELEMENTS:
        return <double> w.taps
    return <double> w.cells if job.count == CELLS else 1.0


cdef inline Py_ssize_t picture(const Array* a, const PoolJob* job, Py_ssize_t n) noexcept nogil:
    """Bytes from an array's first element to picture n."""
    return n // job.sample_pictures * a.batch + n % job.sample_pictures * a.channel
