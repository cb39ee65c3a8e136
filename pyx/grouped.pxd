# Groups of few channels, in both layouts: the lanes of a tile are output channels of many groups.
# Each lane has inputs of its own, so both operands of a tile are vectors: weights, and pixels
# whose channels are spread so that each stands in the lanes of the filters that see it.
#
#     x     | c0 c1 | c2 c3 | ...        two channels and three filters a group:
#     strip | c0 c0 c0 c2 c2 c2 ... |    what the lanes see first
#           | c1 c1 c1 c3 c3 c3 ... |    and second
#
# If the channels that a vector of filters sees are a vector at most, lanes pick theirs as the tile meets
# it, and the strip is as dense as the input.
#
# A unit is a rectangle of outputs and several blocks of lanes.  What a row of outputs reads, padding
# included, is first brought into a strip in scratch memory, which serves all taps; rows of the input
# that the next row of outputs reads too stay in it, and others take the place of those that it does
# not.  The strip so stays in the first-level cache.  Channels-first, a row of
# outputs stays in scratch memory until it is complete, and then goes to its channels.
#
# Where a vector of pixels is one in memory anyway (channels-last, lanes that pick, or one channel and one
# filter a group), only tiles that reach over an edge of the input need a strip.  The others read it in place:
#
#     outputs of a row    | tile | tile | tile | tile |
#     read from             strip  place  place  strip
#
# A unit then is a band of rows and several blocks.  It goes down each column of tiles, a few blocks
# at a time: so many that what a tile's window holds of them stays in the first-level cache from row to
# row.  Rows whose windows lie between the input's first and last are one run of tiles.  But where pixels of
# the output collide in that cache, these few blocks go on row by row: neighbours often store to the same
# lines, which else would leave the cache half-written.  If windows behind each other share planes, a unit
# has several depths of a lower band, and what the windows of the band's rows hold stays there from depth
# to depth.  Where a part of a vector would be left over, the last block is
# the last whole one, and computes some outputs of the block before again.  Blocks that lanes pick from may
# end behind the last pixel of a row, where memory may end: that is read from the strip.
# If the window is 3 x 3 and rows and columns follow each other, tiles fall down their columns, and load each pixel
# once (kernels/falling.pxi): it comes from the second-level cache, wherever it meets others.  From far away rows of
# few pixels come slowly: in large arrays other tiles, twice as wide, go along the rows.
# No strip is needed where padding is zeros and rows of a tile are one or two taps apart: edge tiles
# leave out what is outside.  Meanwhile the lines that come next are fetched, if no cache holds them.
from libc.string cimport memset

from geometry cimport COLLIDING, CONSTANT, Geometry, Job, ceil_div, kernel_rows, lines_of_y, source_index, source_row
from kernel_table cimport CLAMP, LINE, Gather, Segment, Spread, Tile, tile_function

cdef enum:
    STRIP = 1 << 18                 # bytes of a strip
    NEAR_WINDOW = 1 << 14           # of what a tile's window holds of its blocks, and of a band's
    NEAR_STRIP = 3 << 14            # strip, or of one that serves row after row, to stay in the first-level cache
    NEAR_PLANES = 1 << 15           # or what a band's windows hold, to stay there from depth to depth
    BAND_ROWS = 16                  # of outputs, at most; and tiles of one row that are a run
    NEAR_UNIT = 1 << 18             # of a unit's rows, for those of the next to be fetched meanwhile
    NEAR_ARRAYS = 1 << 22           # of input and output for each thread, which the caches keep between calls
    FETCHED_BYTES = 22 << 20        # of arrays that no cache keeps from call to call
    UNITS_PER_THREAD = 8
    FEW_BLOCKS = 3                  # of a pixel: a third of their lines or more may have outputs of two


cdef inline Py_ssize_t strip_rows(const Geometry* g, Py_ssize_t rows) noexcept nogil:
    """Input rows under some output rows: all between, or those of one window."""
    return g.kernel[1] if rows == 1 else (rows - 1) * g.stride[1] + g.kernel[1]


cdef inline Py_ssize_t strip_columns(const Geometry* g, Py_ssize_t columns) noexcept nogil:
    return (columns - 1) * g.stride[2] + (g.kernel[2] - 1) * g.dilation[2] + 1


cdef inline Py_ssize_t strip_planes(const Geometry* g, Py_ssize_t depths) noexcept nogil:
    """Input planes under some output planes: all between, or those of one window."""
    return g.kernel[0] if depths == 1 else (depths - 1) * g.stride[0] + g.kernel[0]


cdef inline bint near_channels(Py_ssize_t ic, Py_ssize_t filters, Py_ssize_t lanes) noexcept nogil:
    """Whether the groups of a vector of filters are whole, and see a vector of channels at most."""
    return ic <= filters and filters > 0 and lanes % filters == 0


cdef inline void choose_tiles(Job* job) noexcept nogil:
    """Whether channels are spread in the strip or lanes pick theirs, and how many vectors a pixel of it has."""
    cdef Py_ssize_t ic = job.g.ic, filters = job.group_filters
    cdef bint plain = ic == 1 and filters == 1
    job.picking = not plain and job.kernels.picks and near_channels(ic, filters, job.kernels.lanes)
    job.spreading = not plain and not job.picking
    job.pixel_vectors = ic if job.spreading else 1
    job.meeting = False


cdef inline bint meet_in_lines(const Job* job) noexcept nogil:
    """Whether blocks are stored to lines of memory that others are stored to, and many lines are such ones.

    Two threads should not do that at once: bands are low, and all blocks of a band are a unit, or units that
    follow each other.  Else bands of the same blocks do.
    """
    return 1 < job.blocks.count <= FEW_BLOCKS and (<Py_ssize_t> job.y.data | job.y.axis[2]) % LINE != 0


cdef inline Py_ssize_t enough_units(const Job* job, Py_ssize_t threads) noexcept nogil:
    """For threads to end together."""
    return UNITS_PER_THREAD // (2 if job.meeting else 1) * threads


cdef inline void cut_blocks_of_units(Job* job, Py_ssize_t threads) noexcept nogil:
    """A unit has all blocks, or a part of them if rectangles are too few for threads to end together."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t rectangles = (g.batch * ceil_div(g.out[0], job.depths) * ceil_div(g.out[1], job.rectangle[0])
                                  * ceil_div(g.out[2], job.rectangle[1]))
    cdef Py_ssize_t units = enough_units(job, threads)
    job.part_blocks = job.blocks.count
    if threads > 1 and rectangles < units:
        job.part_blocks = ceil_div(job.blocks.count, ceil_div(units, rectangles))
    # The last two blocks may share outputs.  Two threads may store the same there, but not apply an activation to them.
    while (job.activation > CLAMP and g.oc % job.kernels.lanes > 0 and job.part_blocks < job.blocks.count
           and (job.blocks.count - 1) % job.part_blocks == 0):
        job.part_blocks += 1
    job.parts = ceil_div(job.blocks.count, job.part_blocks)
    job.units = rectangles * job.parts


cdef inline void cut_rectangles(Job* job, Py_ssize_t threads) noexcept nogil:
    """Rows and columns of outputs of a unit, whose strip is to stay near; and tiles of a row."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t column = g.kernel[0] * g.kernel[1] * job.pixel_vectors * job.kernels.lanes * job.kernels.item
    cdef Py_ssize_t strip
    job.rectangle[1] = g.out[2]
    strip = strip_columns(g, job.rectangle[1]) * column
    while job.rectangle[1] > 1 and (strip > STRIP or (strip > NEAR_STRIP and job.rectangle[1] > job.kernels.mr)):
        job.rectangle[1] = ceil_div(job.rectangle[1], 2)
        strip = strip_columns(g, job.rectangle[1]) * column
    # Rectangles of equal height leave no rest.
    job.rectangle[0] = ceil_div(g.out[1], ceil_div(g.out[1], BAND_ROWS))
    job.depths = 1
    job.falling = False
    job.tile_pixels = even_tiles(job, job.rectangle[1])
    cut_blocks_of_units(job, threads)


cdef inline Py_ssize_t even_tiles(const Job* job, Py_ssize_t columns) noexcept nogil:
    """Pixels of a tile, if columns are cut into as few nearly equal tiles as possible."""
    return ceil_div(columns, ceil_div(columns, job.kernels.falling if job.falling else job.kernels.mr))


cdef inline void find_interior(Job* job) noexcept nogil:
    """Output columns whose tiles may read the input in place, and so that the last vector ends within it.

    None may, if pixels collide in the cache and windows share few rows: copies lie closer.
    """
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t lanes = job.kernels.lanes, item = job.kernels.item
    cdef Py_ssize_t pixel = job.x.axis[2] if job.x.axis[2] > 0 else -job.x.axis[2]
    cdef Py_ssize_t read = first_channel(job, ceil_div(g.oc, lanes) - 1) + lanes
    cdef Py_ssize_t missing = (read - g.oc // job.group_filters * g.ic) * item
    cdef Py_ssize_t spare = ceil_div(missing, pixel) if pixel > 0 and missing > 0 else 0
    cdef Py_ssize_t front = spare if job.x.axis[2] < 0 else 0, back = spare - front
    cdef Py_ssize_t first = max(ceil_div(g.before[2] + front, g.stride[2]), 0)
    cdef Py_ssize_t last = g.size[2] - 1 - back - (g.kernel[2] - 1) * g.dilation[2] + g.before[2]
    last = min(last // g.stride[2] + 1, g.out[2]) if last >= 0 else 0
    if shares_rows(g):
        first = ceil_div(first, job.tile_pixels) * job.tile_pixels
        last = g.out[2] if last == g.out[2] else last // job.tile_pixels * job.tile_pixels
    if last <= first or (pixel % COLLIDING == 0 and not shares_rows(g)):
        first = last = g.out[2]
    elif not shares_rows(g):
        job.tile_pixels = even_tiles(job, last - first)
    job.interior[0], job.interior[1] = first, last


cdef inline bint leaves_out_edges(const Job* job) noexcept nogil:
    """Whether tiles at an edge read the input in place too, which takes blocks that are whole vectors.

    It pays if pixels do not collide in the cache.
    """
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t stride = g.stride[2], dilation = g.dilation[2]
    return (job.kernels.edges and not job.picking and g.pad_mode == CONSTANT
            and (stride == dilation or stride == 2 * dilation)
            and g.oc >= job.kernels.lanes and job.x.axis[2] % COLLIDING != 0)


cdef inline bint falls(const Job* job, Py_ssize_t threads) noexcept nogil:
    """Whether tiles fall down columns of outputs: 3 x 3 depthwise, at most two rows and columns of zeros at each edge.

    It pays if arrays are not far away.
    """
    cdef const Geometry* g = &job.g
    return (job.kernels.falling > 0 and not job.picking and g.pad_mode == CONSTANT and g.oc >= job.kernels.lanes
            and g.kernel[0] == 1 and g.kernel[1] == g.kernel[2] == 3
            and g.stride[1] == g.stride[2] == g.dilation[1] == g.dilation[2] == 1
            and g.out[0] == 1 and g.before[0] == 0 and max(g.before[1], g.before[2]) <= 2
            and g.out[1] <= g.size[1] + g.before[1] and g.out[2] <= g.size[2] + g.before[2]
            and bytes_of_arrays(job) <= threads * NEAR_ARRAYS)


cdef inline bint shares_rows(const Geometry* g) noexcept nogil:
    """Whether windows below each other share half of their rows, so that copying is little beside the products.

    Tiles at an edge are then as wide as others; if not, they have only the outputs that meet padding.
    """
    return g.kernel[1] >= 2 * g.stride[1]


cdef inline bint shares_planes(const Geometry* g) noexcept nogil:
    """Whether windows behind each other share planes, which then are to stay near from depth to depth."""
    return g.out[0] > 1 and g.kernel[0] > g.stride[0] and g.dilation[0] == 1


cdef inline bint far_arrays(const Job* job) noexcept nogil:
    """Whether input and output are so large that lines of both are fetched before they are needed."""
    return bytes_of_arrays(job) >= FETCHED_BYTES


cdef inline Py_ssize_t bytes_of_arrays(const Job* job) noexcept nogil:
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t read = g.size[0] * g.size[1] * g.size[2] * (g.oc // job.group_filters) * g.ic
    return g.batch * (read + g.out[0] * g.out[1] * g.out[2] * g.oc) * job.kernels.item


cdef inline bint cut_row_bands(Job* job, Py_ssize_t threads) noexcept nogil:
    """Units that read the interior in place, if that can be: bands of rows, and parts of the blocks."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, rows = 1, depths = 1, row, plane, near
    job.in_place = job.turned = job.far = job.falling = False
    if (job.scattered or job.spreading or job.x.channel != item or job.x.axis[2] == 0
            or (g.pad_mode == CONSTANT and not job.skip_padding)):
        return False
    job.falling = falls(job, threads)
    job.bare = job.falling or leaves_out_edges(job)
    job.tile_pixels = even_tiles(job, g.out[2])
    if job.bare:
        job.interior[0], job.interior[1] = 0, g.out[2]
    else:
        find_interior(job)
    row = g.kernel[0] * strip_columns(g, job.tile_pixels) * job.kernels.lanes * item
    if strip_rows(g, 1) * row > STRIP:
        return False
    # Windows that share less than half of their rows are better read along the channels.
    job.near_blocks = NEAR_WINDOW * (1 if shares_rows(g) else 4) // (strip_rows(g, 1) * row)
    job.near_blocks = min(max(job.near_blocks, 1), job.blocks.count)
    job.near_blocks = ceil_div(job.blocks.count, ceil_div(job.blocks.count, job.near_blocks))
    job.by_rows = not job.falling and job.y.axis[2] % COLLIDING == 0 and job.near_blocks >= FEW_BLOCKS
    near = NEAR_PLANES if shares_planes(g) else NEAR_STRIP
    while (g.dilation[1] == 1 and rows < min(g.out[1], BAND_ROWS)
            and (job.falling or strip_rows(g, rows + 1) * row * job.near_blocks <= near)):
        rows += 1
    job.meeting = threads > 1 and meet_in_lines(job)
    if job.meeting:
        rows = min(rows, max(g.out[1] // ceil_div(enough_units(job, threads), g.batch * g.out[0]), 1))
    # Bands of equal height leave no rest, nor do depths.
    job.rectangle[0] = ceil_div(g.out[1], ceil_div(g.out[1], rows))
    plane = row // g.kernel[0] * strip_rows(g, rows) * job.near_blocks
    while shares_planes(g) and depths < g.out[0] and strip_planes(g, depths + 1) * plane <= STRIP:
        depths += 1
    job.depths = ceil_div(g.out[0], ceil_div(g.out[0], depths))
    job.rectangle[1] = columns_of_band(job, threads)
    cut_blocks_of_units(job, threads)
    job.far = far_arrays(job)
    # The next unit has the rows below.  If they are far away, or units have depths, or there is one row, the next
    # column is fetched instead; all lines of a pixel are then read before those of others: they lie together in memory.
    job.next_unit = job.rectangle[0] * g.stride[1] * job.x.axis[1]
    if job.next_unit > NEAR_UNIT or g.out[0] > 1 or g.out[1] == 1:
        job.next_unit = 0
    job.pass_blocks = job.part_blocks if job.far and job.next_unit == 0 else job.near_blocks
    job.in_place = True
    return True


cdef inline Py_ssize_t columns_of_band(const Job* job, Py_ssize_t threads) noexcept nogil:
    """Of a unit: all, but of long rows whole runs of tiles if threads had too few bands."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t bands = g.batch * ceil_div(g.out[0], job.depths) * ceil_div(g.out[1], job.rectangle[0])
    cdef Py_ssize_t run = BAND_ROWS * job.tile_pixels
    if threads == 1 or job.falling or g.out[2] < 2 * run:
        return g.out[2]
    return min(ceil_div(ceil_div(g.out[2], ceil_div(enough_units(job, threads), bands)), run) * run, g.out[2])


cdef inline Py_ssize_t edge_pixel(const Job* job) noexcept nogil:
    """Bytes of a pixel of a strip at an edge; an odd number of vectors does not collide in the cache."""
    return (job.near_blocks | 1) * job.kernels.lanes * job.kernels.item


cdef inline Py_ssize_t band_scratch(const Job* job) noexcept nogil:
    """Which lane sees which channel, and the segments of a band that is read in place."""
    cdef const Geometry* g = &job.g
    return (g.ic * job.kernels.lanes * job.kernels.item
            + job.depths * job.rectangle[0] * (2 * kernel_rows(g) + 1) * <Py_ssize_t> sizeof(Segment) + 128)


cdef inline Py_ssize_t grouped_scratch(const Job* job) noexcept nogil:
    """Which lane sees which channel, segments, the strip, and a row of outputs."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t vector = job.kernels.lanes * job.kernels.item
    if job.in_place:
        return (strip_planes(g, job.depths) * strip_rows(g, job.rectangle[0]) * strip_columns(g, job.tile_pixels)
                * edge_pixel(job) + band_scratch(job))
    return (kernel_rows(g) * strip_columns(g, job.rectangle[1]) * job.pixel_vectors * vector + g.ic * vector
            + g.kernel[0] * g.kernel[1] * g.kernel[2] * <Py_ssize_t> sizeof(Segment)
            + job.rectangle[1] * vector + 128)


cdef inline void grouped_unit(const Job* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    """Computes a unit, block by block: what it reads stays in the second-level cache."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t vector = job.kernels.lanes * job.kernels.item
    cdef Py_ssize_t across = ceil_div(g.out[2], job.rectangle[1]), down = ceil_div(g.out[1], job.rectangle[0])
    cdef Py_ssize_t first = unit % job.parts * job.part_blocks
    cdef Py_ssize_t rectangle = unit // job.parts
    cdef Py_ssize_t od = rectangle % g.out[0]
    cdef Py_ssize_t ow = rectangle // g.out[0] % across * job.rectangle[1]
    cdef Py_ssize_t oh = rectangle // (g.out[0] * across) % down * job.rectangle[0]
    cdef Py_ssize_t n = rectangle // (g.out[0] * across * down)
    cdef Py_ssize_t columns = min(job.rectangle[1], g.out[2] - ow)
    cdef Py_ssize_t rows = min(job.rectangle[0], g.out[1] - oh)
    cdef Py_ssize_t pixel = job.pixel_vectors * vector
    cdef Py_ssize_t row = strip_columns(g, columns) * pixel
    cdef Py_ssize_t kept = max(g.kernel[1] - g.stride[1], 0) if g.dilation[1] == 1 else 0
    cdef Py_ssize_t top
    cdef char* index = scratch
    cdef Segment* segments = <Segment*> (scratch + g.ic * vector)
    cdef char* sums = <char*> (segments + g.kernel[0] * g.kernel[1] * g.kernel[2])
    cdef char* strip
    cdef char* y
    cdef Py_ssize_t h, q
    cdef Tile t
    sums += 64 - <Py_ssize_t> sums % 64
    strip = sums + job.rectangle[1] * vector
    t.segments = segments
    t.a_row = g.stride[2] * pixel
    t.a_term = vector if job.spreading else g.dilation[2] * pixel
    t.keys = index
    t.c_row = vector if job.scattered else job.y.axis[2]
    for q in range(first, min(first + job.part_blocks, job.blocks.count)):
        channels_of_lanes(job, q, first_channel(job, q), index)
        begin_tiles(job, q, &t)
        for h in range(rows):
            top = h * g.stride[1] % g.kernel[1] if kept > 0 else 0
            fill_strip(job, n, od, oh + h, ow, q, kept if h > 0 else 0, top, columns, index, strip)
            t.n_segments = window_segments(job, segments, row, top)
            t.a = strip
            y = (job.y.data + n * job.y.batch + od * job.y.axis[0] + (oh + h) * job.y.axis[1]
                 + ow * job.y.axis[2] + first_filter(g.oc, job.kernels.lanes, q) * job.y.channel)
            t.c = sums if job.scattered else y
            run_tiles(job, &t, columns)
            if job.activation > CLAMP:
                job.kernels.activate(job.activation, t.c, t.c_row, columns, t.lanes)
            if job.scattered:
                to_channels(job, sums, y, columns, t.lanes)


cdef inline void begin_tiles(const Job* job, Py_ssize_t q, Tile* t) noexcept nogil:
    """What all tiles of a block have in common."""
    cdef Py_ssize_t vector = job.kernels.lanes * job.kernels.item
    t.a_unit = 1
    t.b = job.weights + q * job.blocks.terms * vector
    t.sets = job.g.ic if job.picking else 1
    t.b_unit = vector
    t.b_term = t.sets * vector
    t.b_next = t.init_next = t.init_row = 0
    t.init = job.bias + first_filter(job.g.oc, job.kernels.lanes, q) * job.kernels.item
    t.init_vector = vector
    t.lanes = min(job.kernels.lanes, job.g.oc)
    t.onto = t.ahead = 0
    t.c_lines = lines_of_y(job, job.far)
    t.limits = job.limits


cdef inline void run_tiles(const Job* job, Tile* t, Py_ssize_t columns) noexcept nogil:
    """Tiles of neighbouring outputs, the last of them of what is left over."""
    cdef Py_ssize_t tiles = columns // job.tile_pixels, rest = columns % job.tile_pixels
    cdef const tile_function* functions = functions_of(job, t, False)
    cdef const char* a = t.a
    cdef char* c = t.c
    t.count = tiles
    t.a_next = job.tile_pixels * t.a_row
    t.c_next = job.tile_pixels * t.c_row
    if tiles > 0:
        functions[job.tile_pixels - 1](t)
    if rest > 0:
        t.a = a + tiles * t.a_next
        t.c = c + tiles * t.c_next
        t.count = 1
        functions[rest - 1](t)
        t.a, t.c = a, c


cdef inline const tile_function* functions_of(const Job* job, const Tile* t, bint edge) noexcept nogil:
    """Tiles that load each pixel once serve several taps with it, if outputs are one or two taps apart."""
    if edge and t.a_row == t.a_term:
        return job.kernels.sliding_edge_tile
    if edge:
        return job.kernels.striding_edge_tile
    if job.picking and t.a_row == t.a_term:
        return job.kernels.picking_tile
    if job.picking:
        return job.kernels.picking_apart_tile
    if job.g.ic == 1 and t.a_row == t.a_term and job.g.kernel[2] >= job.kernels.met_least:
        return job.kernels.wide_tile
    if job.g.ic == 1 and t.a_row == t.a_term:
        return job.kernels.sliding_tile
    if job.g.ic == 1 and t.a_row == 2 * t.a_term:
        return job.kernels.striding_tile
    return job.kernels.spread_tile


cdef struct Band:                   # rows of outputs of some depths, and where a thread keeps what belongs to them
    Py_ssize_t od
    Py_ssize_t depths
    Py_ssize_t oh
    Py_ssize_t rows
    Py_ssize_t inside               # rows of the picture from here to there have windows within the input's
    Py_ssize_t inside_end
    const char* x
    char* y                         # the first output
    Segment* inner                  # for each row kernel_rows(g) of them, in the input
    Segment* edge                   # and in the strip,
    Py_ssize_t* counts              # of which so many are there
    char* strip


cdef inline void in_place_unit(const Job* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    """Computes a unit whose interior is read in place."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t down = ceil_div(g.out[1], job.rectangle[0]), deep = ceil_div(g.out[0], job.depths)
    cdef Py_ssize_t across = ceil_div(g.out[2], job.rectangle[1])
    cdef Py_ssize_t bands = deep * down * across, between = 1 if job.meeting else bands
    cdef Py_ssize_t block = unit // between % job.parts * job.part_blocks
    cdef Py_ssize_t band = unit // (between * job.parts) * between + unit % between
    cdef Py_ssize_t end = min(block + job.part_blocks, job.blocks.count)
    cdef Py_ssize_t n = band // bands, begin = band % across * job.rectangle[1]
    cdef Py_ssize_t stop, column, columns_end = min(begin + job.rectangle[1], g.out[2])
    cdef Py_ssize_t pixels, tiles, pass_end, first, last
    cdef Band b
    band = band // across
    b.od = band % deep * job.depths
    b.oh = band // deep % down * job.rectangle[0]
    b.depths = min(job.depths, g.out[0] - b.od)
    b.rows = min(job.rectangle[0], g.out[1] - b.oh)
    b.inside = ceil_div(max(g.before[1], 0), g.stride[1])
    b.inside_end = g.size[1] - 1 - (g.kernel[1] - 1) * g.dilation[1] + g.before[1]
    b.inside_end = b.inside_end // g.stride[1] + 1 if b.inside_end >= 0 else 0
    b.x = job.x.data + n * job.x.batch
    b.y = job.y.data + n * job.y.batch + b.od * job.y.axis[0] + b.oh * job.y.axis[1]
    b.inner = <Segment*> (scratch + g.ic * job.kernels.lanes * job.kernels.item)
    b.edge = b.inner + b.depths * b.rows * kernel_rows(g)
    b.counts = <Py_ssize_t*> (b.edge + b.depths * b.rows * kernel_rows(g))
    b.strip = <char*> (b.counts + b.depths * b.rows)
    b.strip += 64 - <Py_ssize_t> b.strip % 64
    if not job.falling:
        band_segments(job, &b)
    if job.picking:
        channels_of_lanes(job, block, first_channel(job, block), scratch)
    while block < end:
        pass_end = min(block + job.pass_blocks, end)
        column = begin
        while column < columns_end:
            # Tiles cross neither end of the interior.
            stop = job.interior[0] if column < job.interior[0] else job.interior[1]
            stop = min(stop, columns_end) if column < stop else columns_end
            pixels = min(job.tile_pixels, stop - column)
            tiles = tiles_of_run(job, &b, column, pixels, stop)
            first = block
            while first < pass_end:
                last = min(first + job.near_blocks, pass_end)
                if job.falling:
                    falling_column(job, &b, first, last, column, pixels)
                else:
                    column_of_tiles(job, &b, first, last, column, pixels, tiles, scratch)
                first = last
            column += tiles * pixels
        block = pass_end


cdef inline Py_ssize_t tiles_of_run(const Job* job, const Band* b, Py_ssize_t column, Py_ssize_t pixels,
                                    Py_ssize_t stop) noexcept nogil:
    """Tiles side by side that are computed at once, if there are none below: of the interior, none at an edge."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t ix = column * g.stride[2] - g.before[2], last = g.size[2] - strip_columns(g, pixels)
    if (b.rows * b.depths > 1 or job.falling or job.by_rows or not job.interior[0] <= column < job.interior[1]
            or ix < 0 or ix > last):
        return 1
    return min(BAND_ROWS, min((stop - column) // pixels, 1 + (last - ix) // (pixels * g.stride[2])))


cdef inline void column_of_tiles(const Job* job, const Band* b, Py_ssize_t block, Py_ssize_t end, Py_ssize_t column,
                                 Py_ssize_t pixels, Py_ssize_t tiles, const char* keys) noexcept nogil:
    """Some pixels of all rows of a band, or of tiles side by side of its one row, for blocks that are near together."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, begin = first_channel(job, block), most = kernel_rows(g), _d, h, q, n
    cdef bint near = job.interior[0] <= column < job.interior[1]
    cdef Py_ssize_t pixel = job.x.axis[2] if near else edge_pixel(job)
    cdef const Segment* segments = b.inner if near else b.edge
    cdef const Py_ssize_t* counts = b.counts
    cdef const char* x = b.x + begin * item
    cdef const char* a = b.strip
    cdef char* y = b.y + column * job.y.axis[2]
    cdef const tile_function* functions
    cdef Py_ssize_t ix = column * g.stride[2] - g.before[2], behind = g.size[2] - ix
    cdef bint edge = near and (ix < 0 or behind < strip_columns(g, pixels))
    cdef Tile t
    t.keys = keys
    t.first, t.last = ceil_div(max(-ix, 0), g.dilation[2]), ceil_div(max(behind, 0), g.dilation[2])
    t.a_row, t.a_term = g.stride[2] * pixel, g.dilation[2] * pixel
    t.a_next = g.stride[1] * (job.x.axis[1] if near else strip_columns(g, job.tile_pixels) * pixel)
    t.c_row, t.c_next = job.y.axis[2], job.y.axis[1]
    if tiles > 1:
        t.a_next, t.c_next = pixels * t.a_row, pixels * t.c_row
    functions = functions_of(job, &t, edge)
    if near:
        a = x + ix * job.x.axis[2]
    else:
        fill_edge(job, b, x, column, pixels, first_channel(job, end - 1) + seen_channels(job) - begin)
    for _d in range(b.depths):
        h = 0
        while h < b.rows:
            t.segments, t.n_segments = segments + h * most, counts[h]
            # Rows whose windows lie in the input are a run of tiles.
            t.count = tiles
            if tiles == 1 and not job.by_rows and b.inside <= b.oh + h < b.inside_end:
                t.count = min(b.inside_end - b.oh, b.rows) - h
            for q in range(block, end):
                begin_tiles(job, q, &t)
                if near and job.far:
                    t.ahead = job.next_unit if job.next_unit != 0 else tiles * pixels * t.a_row
                t.a = a + (first_channel(job, q) - begin) * item
                t.c = y + h * t.c_next + first_filter(g.oc, job.kernels.lanes, q) * item
                functions[pixels - 1](&t)
                if job.activation > CLAMP:
                    for n in range(t.count):
                        job.kernels.activate(job.activation, t.c + n * t.c_next, t.c_row, pixels, t.lanes)
            h += t.count if tiles == 1 else 1
        segments += b.rows * most
        counts += b.rows
        y += job.y.axis[0]


cdef inline void falling_column(const Job* job, const Band* b, Py_ssize_t block, Py_ssize_t end, Py_ssize_t column,
                                Py_ssize_t pixels) noexcept nogil:
    """The same, each block from the first row to the last; meanwhile the next column is fetched."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, vector = job.kernels.lanes * item, q = block, n, h
    cdef Py_ssize_t ih = b.oh - g.before[1], ix = column - g.before[2]
    cdef Tile t
    t.height, t.top, t.bottom = b.rows, -ih, g.size[1] - ih
    t.first, t.last = -ix, g.size[2] - ix
    t.a_term, t.a_below = job.x.axis[2], job.x.axis[1]
    t.c_row, t.c_below = job.y.axis[2], job.y.axis[1]
    t.a_next = t.c_next = vector
    while q < end:
        begin_tiles(job, q, &t)
        t.count = max(min(end, g.oc // job.kernels.lanes) - q, 1)
        t.b_next, t.init_next = job.blocks.terms * vector, vector
        t.ahead = pixels * t.a_term
        t.a = b.x + ih * t.a_below + ix * t.a_term + first_channel(job, q) * item
        t.c = b.y + column * t.c_row + first_filter(g.oc, job.kernels.lanes, q) * item
        if ix < 0 or g.size[2] - ix < pixels + 2:
            job.kernels.falling_edge_tile[pixels - 1](&t)
        else:
            job.kernels.falling_tile[pixels - 1](&t)
        if job.activation > CLAMP:
            for n in range(t.count):
                for h in range(b.rows):
                    job.kernels.activate(job.activation, t.c + n * t.c_next + h * t.c_below, t.c_row, pixels, t.lanes)
        q += t.count


cdef inline void band_segments(const Job* job, const Band* b) noexcept nogil:
    """Where each row of a band finds the kernel's rows, in the input and in the strip; rows of zeros are left out."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t strip_row = strip_columns(g, job.tile_pixels) * edge_pixel(job)
    cdef Py_ssize_t plane = strip_rows(g, b.rows) * strip_row
    cdef Py_ssize_t d, h, r, offset, n
    cdef Segment* inner = b.inner
    cdef Segment* edge = b.edge
    for d in range(b.depths):
        for h in range(b.rows):
            n = 0
            # Rows of a run have the segments of its first.
            for r in range(0 if h > 0 and not job.by_rows and b.inside < b.oh + h < b.inside_end else kernel_rows(g)):
                if source_row(job, b.od + d, b.oh + h, r, &offset):
                    inner[n].a = offset
                    edge[n].a = ((d * g.stride[0] + r // g.kernel[1]) * plane
                                 + (h * g.stride[1] + r % g.kernel[1]) * strip_row)
                    inner[n].b = edge[n].b = r * g.kernel[2] * g.ic
                    inner[n].terms = edge[n].terms = g.kernel[2]
                    n += 1
            b.counts[d * b.rows + h] = n
            inner += kernel_rows(g)
            edge += kernel_rows(g)


cdef inline void to_channels(const Job* job, const char* sums, char* y, Py_ssize_t columns,
                             Py_ssize_t channels) noexcept nogil:
    """Takes a row of outputs, whose channels are neighbours, to its channels."""
    cdef Gather g
    g.to, g.to_row, g.to_column = y, job.y.channel, 0
    g.source, g.source_row, g.source_column = sums, job.kernels.item, 0
    g.source_lane = job.kernels.lanes * job.kernels.item
    g.columns, g.rows, g.lanes = 1, channels, columns
    job.kernels.gather(&g)


cdef inline Py_ssize_t window_segments(const Job* job, Segment* s, Py_ssize_t row, Py_ssize_t top) noexcept nogil:
    """Where in the strip a window's kernel rows are, or its columns if they lie apart; their number."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t pixel = job.pixel_vectors * job.kernels.lanes * job.kernels.item
    cdef Py_ssize_t parts = g.kernel[2] if job.spreading and g.dilation[2] > 1 else 1
    cdef Py_ssize_t terms = g.ic * g.kernel[2] // parts
    cdef Py_ssize_t d, h, k, n = 0
    for d in range(g.kernel[0]):
        for h in range(g.kernel[1]):
            for k in range(parts):
                s[n].a = (d * g.kernel[1] + around(g, top + h)) * row + k * g.dilation[2] * pixel
                s[n].b = n * terms
                s[n].terms = terms if job.spreading else g.kernel[2]
                n += 1
    return n


cdef inline Py_ssize_t around(const Geometry* g, Py_ssize_t row) noexcept nogil:
    """A row of the strip, behind whose last follows its first."""
    return row if row < g.kernel[1] else row - g.kernel[1]


cdef inline Py_ssize_t first_channel(const Job* job, Py_ssize_t q) noexcept nogil:
    """The first channel that a block's lanes see."""
    return first_filter(job.g.oc, job.kernels.lanes, q) // job.group_filters * job.g.ic


cdef inline Py_ssize_t first_filter(Py_ssize_t filters, Py_ssize_t lanes, Py_ssize_t q) noexcept nogil:
    """The first of a block: where a part of a vector would be left over, the last block has some of the one before."""
    return min(q * lanes, max(filters - lanes, 0))


cdef inline Py_ssize_t seen_channels(const Job* job) noexcept nogil:
    """How many a block's lanes see, if its groups are whole."""
    return min(job.kernels.lanes, job.g.oc) // job.group_filters * job.g.ic


cdef inline void fill_strip(const Job* job, Py_ssize_t n, Py_ssize_t od, Py_ssize_t oh, Py_ssize_t ow, Py_ssize_t q,
                            Py_ssize_t kept, Py_ssize_t top, Py_ssize_t columns, const char* index,
                            char* strip) noexcept nogil:
    """Spreads what outputs of a row read, padding included, but for the first `kept` rows of the kernel.

    The row of the strip under the kernel's first is `top`.
    """
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t lanes = job.kernels.lanes
    cdef Py_ssize_t pixel = job.pixel_vectors * lanes * job.kernels.item
    cdef Py_ssize_t width = strip_columns(g, columns)
    cdef Py_ssize_t ix = ow * g.stride[2] - g.before[2]
    cdef Py_ssize_t left = min(max(-ix, 0), width)
    cdef Py_ssize_t right = max(min(g.size[2] - ix, width), left)
    cdef Py_ssize_t first = first_channel(job, q)
    cdef Py_ssize_t last = (min(first_filter(g.oc, lanes, q) + lanes, g.oc) - 1) // job.group_filters * g.ic + g.ic - 1
    cdef Py_ssize_t d, h, i, id, ih
    cdef const char* x
    cdef char* to
    cdef Spread s
    s.index = index
    s.sets = g.ic
    s.channels = last - first + 1
    s.source_lane = job.x.channel
    s.source_pixel = job.x.axis[2]
    for d in range(g.kernel[0]):
        id = source_index(od * g.stride[0] - g.before[0] + d * g.dilation[0], g.size[0], g.pad_mode)
        for h in range(kept, g.kernel[1]):
            to = strip + (d * g.kernel[1] + around(g, top + h)) * width * pixel
            ih = source_index(oh * g.stride[1] - g.before[1] + h * g.dilation[1], g.size[1], g.pad_mode)
            if id < 0 or ih < 0:
                memset(to, 0, width * pixel)
                continue
            x = (job.x.data + n * job.x.batch + id * job.x.axis[0] + ih * job.x.axis[1] + first * job.x.channel)
            if g.pad_mode == CONSTANT:
                memset(to, 0, left * pixel)
                memset(to + right * pixel, 0, (width - right) * pixel)
            else:
                s.pixels = 1
                for i in range(width):
                    if not left <= i < right:
                        s.source = x + source_index(ix + i, g.size[2], g.pad_mode) * job.x.axis[2]
                        s.to = to + i * pixel
                        fill_pixels(job, &s)
            s.pixels = right - left
            s.source = x + (ix + left) * job.x.axis[2]
            s.to = to + left * pixel
            fill_pixels(job, &s)


cdef inline void fill_pixels(const Job* job, const Spread* s) noexcept nogil:
    """Spreads the channels of some pixels, or copies them."""
    cdef Gather copy
    if job.spreading:
        job.kernels.spread(s)
        return
    copy.to, copy.to_row, copy.to_column = s.to, job.kernels.lanes * job.kernels.item, 0
    copy.source, copy.source_row, copy.source_lane = s.source, s.source_pixel, s.source_lane
    copy.source_column, copy.columns, copy.rows, copy.lanes = 0, 1, s.pixels, s.channels
    job.kernels.gather(&copy)


cdef inline void fill_edge(const Job* job, const Band* b, const char* x, Py_ssize_t column, Py_ssize_t pixels,
                           Py_ssize_t channels) noexcept nogil:
    """Copies what a column of tiles at an edge reads; rows outside of the input stay as they are."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t pixel = edge_pixel(job)
    cdef Py_ssize_t width = strip_columns(g, pixels), row = strip_columns(g, job.tile_pixels) * pixel
    cdef Py_ssize_t behind = g.dilation[0] if b.depths == 1 else 1, below = g.dilation[1] if b.rows == 1 else 1
    cdef Py_ssize_t ix = column * g.stride[2] - g.before[2]
    cdef Py_ssize_t left = min(max(-ix, 0), width)
    cdef Py_ssize_t right = max(min(g.size[2] - ix, width), left)
    cdef Py_ssize_t d, h, i, id, ih
    cdef const char* source
    cdef char* strip = b.strip
    cdef Gather copy
    copy.to_row, copy.to_column = pixel, 0
    copy.source_row, copy.source_lane, copy.source_column = job.x.axis[2], job.kernels.item, 0
    copy.columns, copy.lanes = 1, channels
    for d in range(strip_planes(g, b.depths)):
        id = source_index(b.od * g.stride[0] - g.before[0] + d * behind, g.size[0], g.pad_mode)
        for h in range(strip_rows(g, b.rows)):
            ih = source_index(b.oh * g.stride[1] - g.before[1] + h * below, g.size[1], g.pad_mode)
            if id >= 0 and ih >= 0:
                source = x + id * job.x.axis[0] + ih * job.x.axis[1]
                if g.pad_mode == CONSTANT:
                    memset(strip, 0, left * pixel)
                    memset(strip + right * pixel, 0, (width - right) * pixel)
                else:
                    copy.rows = 1
                    for i in range(width):
                        if not left <= i < right:
                            copy.source = source + source_index(ix + i, g.size[2], g.pad_mode) * job.x.axis[2]
                            copy.to = strip + i * pixel
                            job.kernels.gather(&copy)
                copy.rows = right - left
                copy.source = source + (ix + left) * job.x.axis[2]
                copy.to = strip + left * pixel
                job.kernels.gather(&copy)
            strip += row


cdef inline void channels_of_lanes(const Job* job, Py_ssize_t q, Py_ssize_t first, char* index) noexcept nogil:
    """For each input channel of a group and each lane of block q, the channel, counted from `first`."""
    cdef Py_ssize_t i, lane, o, channel
    for i in range(job.g.ic):
        for lane in range(job.kernels.lanes):
            o = min(first_filter(job.g.oc, job.kernels.lanes, q) + lane, job.g.oc - 1)
            channel = o // job.group_filters * job.g.ic + i - first
            if job.kernels.item == 4:
                (<int*> index)[0] = <int> channel
            else:
                (<long long*> index)[0] = channel
            index += job.kernels.item
