# Groups of few channels, channels-first: the planes of a block of lanes are turned, so that channels become
# neighbours in scratch memory.
#
#     x   | plane 0 | plane 1 | ...   --turned-->   pixels of all lanes   --tiles-->   outputs   --turned-->   y
#
# A unit is a block of lanes and a band of rows, or all rows of some depths, whose pixels stay in the second-level
# cache.  They are computed as channels-last: tiles read them in place.  Rows of planes that follow each other are
# turned together, so that squares of few pixels are left over once in a band; but where tiles cannot leave out what
# is outside of the input, each row gets its padding.
from libc.string cimport memset

from geometry cimport CONSTANT, Geometry, Job, ceil_div
from grouped cimport (UNITS_PER_THREAD, band_scratch, even_tiles, far_arrays, first_channel, first_filter,
                      in_place_unit, leaves_out_edges, seen_channels, strip_columns)
from kernel_table cimport Gather

cdef enum:
    TURNED_BYTES = 1 << 18          # of a unit's pixels in scratch memory
    LEAST_ROWS = 8                  # of a band that is cut for threads: rows at its ends are turned twice


cdef inline bint cut_planes(Job* job, Py_ssize_t threads) noexcept nogil:
    """Units whose planes are turned, if that can be."""
    cdef const Geometry* g = &job.g
    cdef Job own = job[0]
    cdef Py_ssize_t rows = g.out[1], depths = g.out[0], item = job.kernels.item, units, plane
    job.turned = job.bare = job.falling = False
    if not job.scattered or job.spreading or g.pad_mode != CONSTANT or not job.skip_padding:
        return False
    turn(job, &own)
    job.bare = leaves_out_edges(&own)
    while turned_bytes(job, depths, rows) > TURNED_BYTES and depths * rows > 1:
        if depths > 1:
            depths = ceil_div(depths, 2)
        else:
            rows = ceil_div(rows, 2)
    if turned_bytes(job, depths, rows) > TURNED_BYTES:
        return False
    units = g.batch * ceil_div(g.out[0], depths) * job.blocks.count
    while threads > 1 and units * ceil_div(g.out[1], rows) < UNITS_PER_THREAD * threads and rows >= 2 * LEAST_ROWS:
        rows = ceil_div(rows, 2)
    # Bands of equal height leave no rest, nor do depths.
    job.rectangle[0], job.rectangle[1] = ceil_div(g.out[1], ceil_div(g.out[1], rows)), g.out[2]
    job.depths = ceil_div(g.out[0], ceil_div(g.out[0], depths))
    job.tile_pixels = even_tiles(job, g.out[2])
    job.interior[0], job.interior[1] = 0, g.out[2]
    job.near_blocks = job.pass_blocks = job.part_blocks = 1
    job.parts = job.blocks.count
    job.units = units * ceil_div(g.out[1], job.rectangle[0])
    # Planes of the next unit that lie as this one's in scratch memory are fetched while tiles read these.
    plane = g.size[0] * g.size[1] * g.size[2] * item
    job.far = (job.bare and job.x.axis[2] == item and job.x.channel == plane and depths == g.out[0]
               and job.rectangle[0] == g.out[1] and far_arrays(job))
    job.in_place = job.turned = True
    job.by_rows = False
    return True


cdef inline Py_ssize_t turned_bytes(const Job* job, Py_ssize_t depths, Py_ssize_t rows) noexcept nogil:
    """Of the pixels that some rows of outputs read, and of theirs."""
    return source_bytes(job, depths, rows) + depths * rows * job.g.out[2] * job.kernels.lanes * job.kernels.item


cdef inline Py_ssize_t source_bytes(const Job* job, Py_ssize_t depths, Py_ssize_t rows) noexcept nogil:
    cdef const Geometry* g = &job.g
    return (min(span(g, 0, depths), g.size[0]) * min(span(g, 1, rows), g.size[1]) * turned_columns(job)
            * job.kernels.lanes * job.kernels.item)


cdef inline Py_ssize_t span(const Geometry* g, Py_ssize_t a, Py_ssize_t n) noexcept nogil:
    """Inputs from the first that n outputs read along an axis to the last."""
    return (n - 1) * g.stride[a] + (g.kernel[a] - 1) * g.dilation[a] + 1


cdef inline Py_ssize_t turned_columns(const Job* job) noexcept nogil:
    """Pixels of a row: of the input, or what outputs read, padding included."""
    return job.g.size[2] if job.bare else strip_columns(&job.g, job.g.out[2])


cdef inline Py_ssize_t planes_scratch(const Job* job) noexcept nogil:
    """What tiles need, and the pixels of a unit."""
    return band_scratch(job) + turned_bytes(job, job.depths, job.rectangle[0]) + 64


cdef inline void turn(const Job* job, Job* own) noexcept nogil:
    """The same convolution with neighbouring channels, in whole vectors of them."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, pixel = job.kernels.lanes * item
    own.scattered = False
    if not job.bare:
        own.g.size[2], own.g.before[2] = turned_columns(job), 0
    own.g.oc = job.blocks.count * job.kernels.lanes
    own.x.channel = own.y.channel = item
    own.x.axis[2] = own.y.axis[2] = pixel
    own.x.axis[1], own.y.axis[1] = turned_columns(job) * pixel, g.out[2] * pixel
    own.x.axis[0], own.y.axis[0] = g.size[1] * own.x.axis[1], job.rectangle[0] * own.y.axis[1]
    own.x.batch = own.y.batch = 0


cdef inline void planes_unit(const Job* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t lanes = job.kernels.lanes, item = job.kernels.item, pixel = lanes * item
    cdef Py_ssize_t down = ceil_div(g.out[1], job.rectangle[0]), deep = ceil_div(g.out[0], job.depths)
    cdef Py_ssize_t q = unit // (deep * down) % job.parts, n = unit // (deep * down * job.parts)
    cdef Py_ssize_t od = unit % deep * job.depths, oh = unit // deep % down * job.rectangle[0]
    cdef Py_ssize_t depths = min(job.depths, g.out[0] - od), rows = min(job.rectangle[0], g.out[1] - oh)
    cdef Py_ssize_t channel = first_channel(job, q), filter = first_filter(g.oc, lanes, q)
    cdef Py_ssize_t id, ih, id_end, ih_end, d
    cdef const char* planes = job.x.data + n * job.x.batch + channel * job.x.channel
    cdef char* x = scratch + band_scratch(job)
    cdef char* y
    cdef Job own = job[0]
    x += 64 - <Py_ssize_t> x % 64
    y = x + source_bytes(job, job.depths, job.rectangle[0])
    turn(job, &own)
    id, id_end = met(g, 0, od, depths)
    ih, ih_end = met(g, 1, oh, rows)
    own.x.axis[0] = (ih_end - ih) * own.x.axis[1]
    for d in range(id, id_end):
        turn_pixels(job, planes + d * job.x.axis[0] + ih * job.x.axis[1], seen_channels(job), ih_end - ih,
                    x + (d - id) * own.x.axis[0])
    # All begin where those of all blocks would.
    own.x.data = x - id * own.x.axis[0] - ih * own.x.axis[1] - first_channel(&own, q) * item
    own.y.data = y - od * own.y.axis[0] - oh * own.y.axis[1] - q * pixel
    own.bias = job.bias + (filter - q * lanes) * item
    own.next_unit = planes + lanes * job.x.channel - x
    in_place_unit(&own, unit, scratch)
    for d in range(depths):
        turn_back(job, y + d * own.y.axis[0], min(lanes, g.oc), rows,
                  job.y.data + n * job.y.batch + (od + d) * job.y.axis[0] + oh * job.y.axis[1]
                  + filter * job.y.channel)


cdef inline (Py_ssize_t, Py_ssize_t) met(const Geometry* g, Py_ssize_t a, Py_ssize_t first,
                                         Py_ssize_t n) noexcept nogil:
    """The first input that n outputs from `first` on may read along an axis, and the one behind the last."""
    cdef Py_ssize_t start = first * g.stride[a] - g.before[a], end = start + span(g, a, n)
    start = min(max(start, 0), g.size[a])
    return start, max(min(end, g.size[a]), start)


cdef inline void turn_pixels(const Job* job, const char* x, Py_ssize_t channels, Py_ssize_t rows,
                             char* to) noexcept nogil:
    """Rows of some planes, as pixels of a vector."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t pixel = job.kernels.lanes * job.kernels.item, columns = turned_columns(job), h
    cdef Py_ssize_t left = 0 if job.bare else min(max(g.before[2], 0), columns)
    cdef Py_ssize_t right = g.size[2] if job.bare else max(min(g.size[2] + g.before[2], columns), left)
    cdef Gather t
    t.to_row, t.to_column = pixel, 0
    t.source_row, t.source_lane, t.source_column = job.x.axis[2], job.x.channel, 0
    t.columns, t.rows, t.lanes = 1, right - left, channels
    if job.bare and job.x.axis[1] == columns * job.x.axis[2]:
        t.rows, rows = rows * columns, min(rows, 1)
    for h in range(rows):
        t.source = x + h * job.x.axis[1] + (0 if job.bare else left - g.before[2]) * job.x.axis[2]
        t.to = to + left * pixel
        job.kernels.gather(&t)
        memset(to, 0, left * pixel)
        memset(to + right * pixel, 0, (columns - right) * pixel)
        to += columns * pixel


cdef inline void turn_back(const Job* job, const char* source, Py_ssize_t channels, Py_ssize_t rows,
                           char* y) noexcept nogil:
    cdef Py_ssize_t item = job.kernels.item, pixel = job.kernels.lanes * item, columns = job.g.out[2], h
    cdef Gather t
    t.to_row, t.to_column = job.y.channel, 0
    t.source_row, t.source_lane, t.source_column = item, pixel, 0
    t.columns, t.rows, t.lanes = 1, channels, columns
    if job.y.axis[1] == columns * item:
        t.lanes, rows = rows * columns, 1
    for h in range(rows):
        t.source = source + h * columns * pixel
        t.to = y + h * job.y.axis[1]
        job.kernels.gather(&t)
