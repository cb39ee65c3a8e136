# Winograd's algorithm, see kernels/winograd.pxi, in both layouts.  A block of tiles is
# transformed, multiplied and transformed back in scratch memory that the second-level cache
# holds; nothing of the size of the picture is ever built:
#
#     x  ->  V: 36 planes of tiles x channels  ->  M: 36 planes of tiles x a block of filters  ->  y
#                     (once)                          (for each block of filters)
#
# Tiles at the ends of rows and columns that have fewer outputs take fewer than 36 planes.  The sites of a
# block are ordered by that, so that those with a plane follow each other there whichever plane it is:
#
#     partial columns | full tiles | partial rows | partial rows and columns
#
# What lies too far for the second-level cache is fetched: lines of outputs while products are computed, or,
# channels-first, before their transform; and channels-first the rows that the next run of tiles meets.
#
# Many weights that few tiles meet are not kept as U: multiply_late transforms them in registers, to the same bits.
#
# The depth of a kernel is part of the sum: V then holds consecutive input planes, and a row of the
# product finds its depth taps a constant distance apart.
from libc.string cimport memset

from fetch cimport FETCHED_BYTES, fetch_rows
from geometry cimport (CONSTANT, Array, Geometry, Job, Transform, Unit, block_width, ceil_div, source_index, unit_of)
from kernel_table cimport (CLAMP, STORED, Gather, InputTransform, KernelTable, LateProducts, OutputTransform, Segment,
                           Tile, has_point)

cdef enum:
    POINTS = 36
    LATE_BYTES = 3 << 23            # more transformed weights come too slowly to serve few tiles
    BLOCK_BYTES = 3 << 18           # of V and M together
    MOST_BYTES = 15 << 17           #   for long sums
    AHEAD = 1 << 13                 # bytes ahead of which weights are fetched
    PART = 128                      # terms of a sum that are added up before they are added to others
    RUN = 8                         # tiles that are transformed together, at most
    LONG_RUN = 28                   #   channels-first, where long rows are worth more than the nearest cache
    MAX_PLANES = 4                  # output planes of a block
    FEW_SITES = 4                   # fewer take as long, because sums wait for each other
    UNITS_PER_THREAD = 8            # fewer than so many are cut evenly


cdef inline bint consecutive(const Geometry* g) noexcept nogil:
    """Whether output planes that follow each other share input planes."""
    return g.stride[0] == 1 and g.dilation[0] == 1


cdef inline Py_ssize_t odd_lines(Py_ssize_t n) noexcept nogil:
    """At least n bytes, an odd number of lines of cache: planes so far apart do not collide in it."""
    return (ceil_div(n, 64) | 1) * 64


cdef inline Py_ssize_t plane_terms(const Geometry* g) noexcept nogil:
    """Rows of a plane of transformed weights; one is not used, so that planes do not collide in the cache."""
    return g.kernel[0] * g.ic + 1


cdef inline bint late_weights(const Geometry* g, const KernelTable* kernels) noexcept nogil:
    """Whether weights are kept as they are, a quarter, and transformed while they are multiplied with few tiles."""
    cdef Py_ssize_t tiles = g.batch * g.out[0], a, phases
    for a in range(1, 3):
        phases = min(g.dilation[a], g.out[a])
        tiles *= phases * ceil_div(ceil_div(g.out[a], phases), 7 - g.kernel[a])
    return (g.kernel[1] == 3 and tiles <= kernels.late_sites
            and POINTS * g.groups * g.kernel[0] * g.ic * g.oc * kernels.item > LATE_BYTES)


cdef inline Py_ssize_t block_slices(const Geometry* g, Py_ssize_t planes) noexcept nogil:
    return planes + g.kernel[0] - 1 if consecutive(g) else g.kernel[0]


cdef inline Py_ssize_t block_width_bytes(const Job* job) noexcept nogil:
    return job.kernels.lanes * job.kernels.nv * job.kernels.item


cdef inline bint partial(Py_ssize_t axis, Py_ssize_t n) noexcept nogil:
    """Whether tiles of a class are the last of their column (axis 0) or row, and have fewer outputs."""
    return n >= 2 if axis == 0 else n == 0 or n == 3


cdef inline Py_ssize_t class_tiles(const Transform* w, Py_ssize_t axis, Py_ssize_t n) noexcept nogil:
    """Tiles of a column or row that are in a class."""
    cdef Py_ssize_t parts = 1 if w.points[axis] < 6 else 0
    return parts if partial(axis, n) else w.tiles[axis] - parts


cdef inline Py_ssize_t class_points(const Transform* w, Py_ssize_t axis, Py_ssize_t n) noexcept nogil:
    return w.points[axis] if partial(axis, n) else 6


cdef inline void cut_tiles(Job* job, Py_ssize_t threads) noexcept nogil:
    """Outputs into tiles, tiles into blocks."""
    cdef const Geometry* g = &job.g
    cdef Transform* w = &job.winograd
    cdef Py_ssize_t item = job.kernels.item, a, planes, sites, most, blocks, down, across, finer, outputs
    cdef Py_ssize_t pictures
    cdef Py_ssize_t row = POINTS * g.ic * item, sums = POINTS * block_width_bytes(job)
    w.m = 7 - g.kernel[1]
    w.late = late_weights(g, job.kernels)
    for a in range(2):
        w.phases[a] = min(g.dilation[1 + a], g.out[1 + a])
        outputs = ceil_div(g.out[1 + a], w.phases[a])
        w.tiles[a] = ceil_div(outputs, w.m)
        w.points[a] = 6 - w.tiles[a] * w.m + outputs
    w.planes = g.out[0]
    pictures = g.batch * w.phases[0] * w.phases[1]
    if g.kernel[0] == 1:
        pictures *= w.planes
        w.planes = 1
    w.classes[0] = 0
    for a in range(4):
        w.classes[a + 1] = w.classes[a] + pictures * class_tiles(w, 0, a) * class_tiles(w, 1, a)
    w.sites = w.classes[4]
    # As many tiles as fit: each weight that is loaded should serve many.
    w.block_planes = w.block_sites = 1
    for planes in range(1, (min(w.planes, MAX_PLANES) if consecutive(g) else 1) + 1):
        most = block_slices(g, planes) * row + planes * sums
        sites = max(BLOCK_BYTES // most, min(2 * job.kernels.mr, MOST_BYTES // most))
        sites = max(sites // job.kernels.mr * job.kernels.mr if sites >= job.kernels.mr else sites, 1)
        if min(sites, w.sites) * planes > w.block_sites * w.block_planes:
            w.block_planes, w.block_sites = planes, min(sites, w.sites)
    down = ceil_div(w.planes, w.block_planes)
    across = ceil_div(w.sites, w.block_sites)
    blocks = down * across * g.groups
    if blocks < UNITS_PER_THREAD * threads and blocks % threads > 0:
        finer = ceil_div(ceil_div(blocks, threads) * threads, down * g.groups)
        if blocks > threads or divides_tiles(job, blocks, across, finer, threads):
            across = finer
    w.block_sites = ceil_div(w.sites, across)
    across = ceil_div(w.sites, w.block_sites)
    w.slices = block_slices(g, w.block_planes)
    w.input_row = g.ic * item
    if w.input_row % 1024 == 0:     # rows of a register tile would collide in the first-level cache
        w.input_row += 64
    w.input_plane = odd_lines(w.slices * w.block_sites * w.input_row)
    w.sums_plane = odd_lines(w.block_planes * w.block_sites * block_width_bytes(job))
    job.tiles = down * across
    job.tiles_at_once = 1
    pictures = g.batch * g.groups * item
    w.far = pictures * (g.ic * g.size[0] * g.size[1] * g.size[2]
                        + g.oc * g.out[0] * g.out[1] * g.out[2]) >= FETCHED_BYTES


cdef inline bint divides_tiles(const Job* job, Py_ssize_t blocks, Py_ssize_t across, Py_ssize_t finer,
                               Py_ssize_t threads) noexcept nogil:
    """Whether threads divide the tiles of fewer blocks than threads, not the filters: then inputs are transformed once.

    Not so few tiles that weights serve less of them, unless filters cannot be divided as evenly.
    """
    cdef Py_ssize_t sites = job.winograd.sites, count = job.blocks.count
    cdef Py_ssize_t divided = count * max(ceil_div(sites, finer), FEW_SITES)
    cdef Py_ssize_t whole = ceil_div(count * blocks, threads) * max(ceil_div(sites, across), FEW_SITES)
    return sites >= finer * job.kernels.mr or 10 * divided < 9 * whole


cdef inline Py_ssize_t run_columns(const Transform* w, Py_ssize_t tiles) noexcept nogil:
    return w.m * tiles + 6 - w.m


cdef inline Py_ssize_t longest_run(const Job* job) noexcept nogil:
    return LONG_RUN if job.scattered else RUN


cdef inline Py_ssize_t run_vectors(const Job* job) noexcept nogil:
    """Bytes of a vector for each pixel that a run of tiles meets."""
    return 6 * run_columns(&job.winograd, longest_run(job)) * job.kernels.lanes * job.kernels.item


cdef inline Py_ssize_t zeros_bytes(const Job* job) noexcept nogil:
    """Of a pixel that is padding."""
    return ceil_div(job.g.ic * job.kernels.item, 64) * 64 + 64


cdef inline Py_ssize_t winograd_scratch(const Job* job) noexcept nogil:
    """Bytes of what a Block points to."""
    cdef const Transform* w = &job.winograd
    cdef Py_ssize_t run = longest_run(job)
    return (POINTS * (w.input_plane + w.sums_plane) + w.m * w.m * run * block_width_bytes(job)
            + 2 * run_vectors(job) + zeros_bytes(job) + 6 * run_columns(w, run) * <Py_ssize_t> sizeof(char*)
            + job.g.kernel[0] * parts_of_channels(&job.g) * <Py_ssize_t> sizeof(Segment))


cdef inline Py_ssize_t flags_of(const Job* job) noexcept nogil:
    return job.g.groups * job.winograd.planes * job.winograd.sites


cdef struct Block:                  # some tiles of some planes, and where a thread keeps what belongs to them
    Py_ssize_t group
    Py_ssize_t first                # site
    Py_ssize_t sites
    Py_ssize_t plane
    Py_ssize_t planes
    char* inputs                    # V
    char* sums                      # M
    char* outputs                   # of a run of tiles
    char* gathered                  # pixels of a run
    char* transformed               #   and halfway
    char* zeros
    const char** pixels
    Segment* segments
    const char* fetch_end           # behind the outputs of a plane that are fetched while products are computed,
    Py_ssize_t fetch_bytes          # their extent, and further planes of them
    Py_ssize_t fetch_planes


cdef struct Site:
    Py_ssize_t sample
    Py_ssize_t plane                # output plane, if sites are counted over them
    Py_ssize_t row                  # the tile's first output
    Py_ssize_t column
    Py_ssize_t points[2]
    Py_ssize_t left                 # tiles to the end of the row of tiles of its class


cdef inline Site site_of(const Job* job, Py_ssize_t n) noexcept nogil:
    cdef const Transform* w = &job.winograd
    cdef Site s
    cdef Py_ssize_t of = 0, a, tile
    cdef Py_ssize_t tiles[2]
    cdef Py_ssize_t first[2]
    while n >= w.classes[of + 1]:
        of += 1
    n -= w.classes[of]
    for a in range(2):
        tiles[a] = class_tiles(w, a, of)
        first[a] = w.tiles[a] - 1 if partial(a, of) else 0
        s.points[a] = class_points(w, a, of)
    tile = n % tiles[1]
    s.left = tiles[1] - tile
    n //= tiles[1]
    # Phases of columns take turns in each row, whose lines of cache they share: seldom do two threads write the same.
    s.column = (first[1] + tile) * w.m * job.g.dilation[2] + n % w.phases[1]
    n //= w.phases[1]
    s.row = (first[0] + n % tiles[0]) * w.m * job.g.dilation[1]
    n //= tiles[0]
    s.row += n % w.phases[0]
    n //= w.phases[0]
    s.plane = 0
    if job.g.kernel[0] == 1:
        s.plane = n % job.g.out[0]
        n //= job.g.out[0]
    s.sample = n
    return s


cdef inline Py_ssize_t outputs_left(const Geometry* g, Py_ssize_t axis, Py_ssize_t first) noexcept nogil:
    """Outputs of a phase from this one on."""
    return max(ceil_div(g.out[axis] - first, g.dilation[axis]), 0)


cdef inline void gather_channels(const Job* job, const char* x, Py_ssize_t step, Py_ssize_t pixels,
                                 Py_ssize_t channels, char* to) noexcept nogil:
    """Some channels of some pixels, `step` bytes apart, into a vector each."""
    cdef Gather g
    g.to, g.to_row, g.to_column = to, job.kernels.lanes * job.kernels.item, 0
    g.source, g.source_row, g.source_lane, g.source_column = x, step, job.x.channel, 0
    g.columns, g.rows, g.lanes = 1, pixels, channels
    if job.g.dilation[2] > 2:
        # Single elements: channel by channel, since few lines of planes a power of two apart fit the nearest cache.
        g.source_column, g.to_column = g.source_lane, job.kernels.item
        g.columns, g.lanes = channels, 1
    job.kernels.gather(&g)


cdef inline void gather_row(const Job* job, const char* x, Py_ssize_t ix, Py_ssize_t columns, Py_ssize_t channels,
                            char* to) noexcept nogil:
    """Some channels of what a row of tiles meets in a row of the input, from column ix on; not zeros."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t d = g.dilation[2], vector = job.kernels.lanes * job.kernels.item
    cdef Py_ssize_t lo = min(max(ceil_div(-ix, d), 0), columns) if ix < 0 else 0
    cdef Py_ssize_t hi = max(min(ceil_div(g.size[2] - ix, d), columns), lo) if ix < g.size[2] else lo
    cdef Py_ssize_t j
    if hi > lo:
        gather_channels(job, x + (ix + lo * d) * job.x.axis[2], d * job.x.axis[2], hi - lo, channels, to + lo * vector)
    if g.pad_mode != CONSTANT:
        for j in range(columns):
            if not lo <= j < hi:
                gather_channels(job, x + source_index(ix + j * d, g.size[2], g.pad_mode) * job.x.axis[2], 0, 1,
                                channels, to + j * vector)


cdef struct Coming:                 # rows of a channel that a run of tiles meets, but for those of the run before
    const char* x
    Py_ssize_t rows
    Py_ssize_t bytes


cdef inline Coming coming_run(const Job* job, const Block* b, Py_ssize_t slice, Py_ssize_t n,
                              const Site* before) noexcept nogil:
    """What the run that begins with the n-th site of a block will meet; no rows, if rows are not fetched."""
    cdef const Geometry* g = &job.g
    cdef const Transform* w = &job.winograd
    cdef Site site
    cdef Py_ssize_t d = g.dilation[2], item = job.kernels.item, plane, ih, iw, last
    cdef Coming c
    c.x, c.rows, c.bytes = job.x.data, 0, 0
    if not w.far or job.x.channel == item or job.x.axis[2] != item or n >= b.sites:
        return c
    site = site_of(job, b.first + n)
    plane = block_plane(job, b, slice, &site)
    if plane < 0:
        return c
    ih = site.row - g.before[1]
    last = min(ih + (site.points[0] - 1) * g.dilation[1], g.size[1] - 1)
    if site.sample == before.sample and site.plane == before.plane and site.row > before.row:
        ih += (6 - w.m) * g.dilation[1]
    ih = max(ih, 0)
    iw = max(site.column - g.before[2], 0)
    c.rows = max(ceil_div(last - ih + 1, g.dilation[1]), 0)
    c.bytes = min(iw + run_columns(w, min(site.left, longest_run(job))) * d, g.size[2]) - iw
    c.bytes *= item
    c.x += (site.sample * job.x.batch + b.group * g.ic * job.x.channel + plane * job.x.axis[0]
            + ih * job.x.axis[1] + iw * item)
    return c


cdef inline Py_ssize_t block_plane(const Job* job, const Block* b, Py_ssize_t slice,
                                   const Site* site) noexcept nogil:
    """The input plane of one of a block's slices, or -1."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t index = (b.plane + site.plane) * g.stride[0] - g.before[0] + slice * g.dilation[0]
    return source_index(index, g.size[0], g.pad_mode)


cdef inline void transform_run(const Job* job, const Block* b, const Site* site, Py_ssize_t plane, Py_ssize_t tiles,
                               const Coming* coming, char* to) noexcept nogil:
    """Transforms what neighbouring tiles meet in an input plane, or zeros if it is -1."""
    cdef const Geometry* g = &job.g
    cdef const Transform* w = &job.winograd
    cdef Py_ssize_t vector = job.kernels.lanes * job.kernels.item
    cdef Py_ssize_t columns = w.m * (tiles - 1) + site.points[1], c, r, j, ih, iw
    cdef bint near = job.x.channel == job.kernels.item or g.ic == 1
    cdef const char* x = job.x.data + site.sample * job.x.batch + b.group * g.ic * job.x.channel
    cdef const char* rows[6]
    cdef const char* pixel
    cdef InputTransform t
    for r in range(site.points[0]):
        ih = -1
        if plane >= 0:
            ih = source_index(site.row - g.before[1] + r * g.dilation[1], g.size[1], g.pad_mode)
        rows[r] = NULL
        if ih >= 0:
            rows[r] = x + plane * job.x.axis[0] + ih * job.x.axis[1]
        iw = site.column - g.before[2]
        for j in range(columns):
            pixel = b.zeros
            if rows[r] != NULL:
                if 0 <= iw < g.size[2]:
                    pixel = rows[r] + iw * job.x.axis[2]
                elif g.pad_mode != CONSTANT:
                    pixel = rows[r] + source_index(iw, g.size[2], g.pad_mode) * job.x.axis[2]
            if not near and pixel != b.zeros:
                pixel = b.gathered + (r * columns + j) * vector
            b.pixels[r * columns + j] = pixel
            iw += g.dilation[2]
    t.pixels = b.pixels
    t.columns = columns
    t.m = w.m
    t.row_points, t.column_points = site.points[0], site.points[1]
    t.tiles = tiles
    t.scratch = b.transformed
    t.to = to
    t.to_plane = w.input_plane
    t.to_tile = w.input_row
    t.channels = g.ic
    if near:
        job.kernels.transform_inputs(&t)
        return
    c = 0
    while c < g.ic:
        t.channels = min(g.ic - c, job.kernels.lanes)
        for r in range(coming.rows):
            fetch_rows(coming.x + c * job.x.channel + r * g.dilation[1] * job.x.axis[1], job.x.channel, t.channels,
                       coming.bytes)
        for r in range(site.points[0]):
            if rows[r] != NULL:
                gather_row(job, rows[r] + c * job.x.channel, site.column - g.before[2], columns, t.channels,
                           b.gathered + r * columns * vector)
        job.kernels.transform_inputs(&t)
        t.to += vector
        c += job.kernels.lanes


cdef inline void finish_run(const Job* job, OutputTransform* t, char* y, const Site* site, Py_ssize_t tiles,
                            char* scratch) noexcept nogil:
    """Transforms neighbouring tiles' sums to outputs; y is the plane and the first filter."""
    cdef const Geometry* g = &job.g
    cdef const Transform* w = &job.winograd
    cdef Py_ssize_t rows = min(outputs_left(g, 1, site.row), w.m)
    cdef Py_ssize_t columns = min(outputs_left(g, 2, site.column), w.m * tiles)
    cdef Py_ssize_t step = g.dilation[2] * job.y.axis[2]
    cdef Py_ssize_t i
    cdef bint packed = job.y.channel == job.kernels.item or t.channels == 1
    cdef Gather gather
    y += site.row * job.y.axis[1] + site.column * job.y.axis[2]
    t.tiles = tiles
    t.row_points, t.column_points = site.points[0], site.points[1]
    t.rows = rows
    t.prefetch = packed
    t.last_columns = columns - (tiles - 1) * w.m
    if packed:
        t.c, t.c_row, t.c_column = y, g.dilation[1] * job.y.axis[1], step
    else:
        t.c_column = block_width_bytes(job)
        t.c, t.c_row = scratch, w.m * tiles * t.c_column
        if w.far and step == job.kernels.item:
            for i in range(rows):
                fetch_rows(y + i * g.dilation[1] * job.y.axis[1], job.y.channel, t.channels, columns * step)
    t.c_tile = w.m * t.c_column
    job.kernels.transform_outputs(t)
    if rows == 0 or columns == 0:
        return
    for i in range(rows):
        if job.activation > CLAMP:
            job.kernels.activate(job.activation, t.c + i * t.c_row, t.c_column, columns, t.channels)
        if packed:
            continue
        gather.source, gather.to = t.c + i * t.c_row, y + i * g.dilation[1] * job.y.axis[1]
        if step == job.kernels.item or columns == 1:
            gather.to_row, gather.source_row, gather.source_lane = job.y.channel, job.kernels.item, t.c_column
            gather.to_column = gather.source_column = 0
            gather.columns, gather.rows, gather.lanes = 1, t.channels, columns
        else:
            # Single elements, again channel by channel.
            gather.to_column, gather.source_column = job.y.channel, job.kernels.item
            gather.to_row, gather.source_row = step, t.c_column
            gather.columns, gather.rows, gather.lanes = t.channels, columns, 1
        job.kernels.gather(&gather)


cdef inline Py_ssize_t parts_of_channels(const Geometry* g) noexcept nogil:
    """Parts of the sum over the channels of a depth tap: short enough that rounding errors do not grow."""
    return ceil_div(g.ic, PART)


cdef inline Py_ssize_t depth_segments(const Job* job, Py_ssize_t plane, Py_ssize_t slice_bytes,
                                      Segment* s) noexcept nogil:
    """Parts of depth taps that meet input planes; their number.  A single tap meets zeros where there is no plane."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t step = ceil_div(g.ic, parts_of_channels(g)), k, c, n = 0
    for k in range(g.kernel[0]):
        if g.kernel[0] > 1 and source_index(plane * g.stride[0] - g.before[0] + k * g.dilation[0],
                                            g.size[0], g.pad_mode) < 0:
            continue
        c = 0
        while c < g.ic:
            s[n].a = k * slice_bytes + c * job.kernels.item
            s[n].b = k * g.ic + c
            s[n].terms = min(step, g.ic - c)
            c += step
            n += 1
    return n


cdef inline bint interior_planes(const Geometry* g, Py_ssize_t plane) noexcept nogil:
    """Whether all depth taps of an output plane meet input planes."""
    cdef Py_ssize_t first = plane * g.stride[0] - g.before[0]
    return (g.pad_mode != CONSTANT
            or (first >= 0 and first + (g.kernel[0] - 1) * g.dilation[0] < g.size[0]))


cdef inline void multiply(const Job* job, Block* b, Tile* t, Py_ssize_t n_segments, Py_ssize_t plane,
                          Py_ssize_t planes, const char* weights, Py_ssize_t width) noexcept nogil:
    """Products of the transformed tiles of some planes with a block of transformed filters, for each point."""
    cdef const Transform* w = &job.winograd
    cdef const char* v = b.inputs + plane * b.sites * w.input_row
    cdef Py_ssize_t point, p, rows, first, last
    t.a_unit = 1
    t.a_row = w.input_row
    t.a_term = job.kernels.item
    t.b_unit = t.b_term = t.c_row = width * job.kernels.item
    t.lanes = width
    for point in range(POINTS):
        t.b = weights + point * job.blocks.terms // POINTS * t.b_term
        first, last = sites_with(w, point // 6, point % 6)
        first, last = max(first - b.first, 0), min(last - b.first, b.sites)
        rows = last - first
        if rows == b.sites:
            multiply_rows(job, b, t, n_segments, planes * rows, v + point * w.input_plane,
                          b.sums + point * w.sums_plane)
        elif rows > 0:
            for p in range(planes):
                multiply_rows(job, b, t, n_segments, rows,
                              v + point * w.input_plane + (p * b.sites + first) * w.input_row,
                              b.sums + point * w.sums_plane + (p * b.sites + first) * t.c_row)


cdef inline void multiply_late(const Job* job, const Block* b, Py_ssize_t n_segments, Py_ssize_t plane,
                               Py_ssize_t planes, const char* weights, Py_ssize_t width) noexcept nogil:
    """The same with filters that are not transformed: for each vector of them, and each row of points."""
    cdef const Transform* w = &job.winograd
    cdef Py_ssize_t lanes = job.kernels.lanes * job.kernels.item, v, row, first, last, p
    cdef LateProducts t
    t.a_plane, t.a_next, t.a_term = w.input_plane, w.input_row, job.kernels.item
    t.c_plane, t.c_next = w.sums_plane, width * job.kernels.item
    t.ahead = job.blocks.terms * lanes
    t.weights = weights
    for v in range(width // job.kernels.lanes):
        for row in range(6):
            t.row = row
            first, last = sites_with(w, row, 0)
            first, last = max(first - b.first, 0), min(last - b.first, b.sites)
            t.count = last - first
            for p in range(planes):
                if t.count > 0:
                    t.a = b.inputs + 6 * row * w.input_plane + ((plane + p) * b.sites + first) * w.input_row
                    t.c = b.sums + 6 * row * w.sums_plane + (p * b.sites + first) * t.c_next + v * lanes
                    multiply_late_parts(job, b, &t, n_segments)
        t.weights += t.ahead


cdef inline void multiply_late_parts(const Job* job, const Block* b, LateProducts* t,
                                     Py_ssize_t n_segments) noexcept nogil:
    cdef Py_ssize_t first = 0
    while True:
        t.segments, t.n_segments = b.segments + first, part_of_sum(b, first, n_segments)
        t.onto = first > 0
        job.kernels.multiply_late(t)
        first += t.n_segments
        if first >= n_segments:
            return


cdef inline Py_ssize_t part_of_sum(const Block* b, Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    """How many segments, from the first on, make up a part of the sum."""
    cdef Py_ssize_t n = 0, terms = 0
    while first + n < end and (n == 0 or terms + b.segments[first + n].terms <= PART):
        terms += b.segments[first + n].terms
        n += 1
    return n


cdef inline (Py_ssize_t, Py_ssize_t) sites_with(const Transform* w, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    """The first site whose tiles have point (i, j), and the one behind the last."""
    cdef Py_ssize_t last = 1
    if has_point(w.points[0], i):
        last = 3 if has_point(w.points[1], j) else 2
    return w.classes[0 if has_point(w.points[1], j) else 1], w.classes[last + 1]


cdef inline void multiply_rows(const Job* job, Block* b, Tile* t, Py_ssize_t n_segments, Py_ssize_t rows,
                               const char* v, char* sums) noexcept nogil:
    """Products of one point, part by part of the sum."""
    cdef Py_ssize_t height = ceil_div(rows, ceil_div(rows, job.kernels.mr))
    cdef Py_ssize_t whole = rows // height, rest = rows % height
    cdef Py_ssize_t vectors = t.lanes // job.kernels.lanes, first = 0
    t.a_next = height * t.a_row
    t.c_next = height * t.c_row
    t.onto = 0
    while first < n_segments or t.onto == 0:
        t.segments, t.n_segments = b.segments + first, part_of_sum(b, first, n_segments)
        t.a = v
        t.c = sums
        t.count = whole
        job.kernels.tile[vectors - 1][height - 1](t)
        fetch_on(job, b, t, whole * ((height + 1) // 2))
        if rest > 0:
            t.a += whole * t.a_next
            t.c += whole * t.c_next
            t.count = 1
            job.kernels.tile[vectors - 1][rest - 1](t)
            fetch_on(job, b, t, (rest + 1) // 2)
        first += t.n_segments
        t.onto = 1


cdef inline void begin_fetching(const Job* job, Block* b, Tile* t, Py_ssize_t plane, Py_ssize_t planes,
                                Py_ssize_t filter) noexcept nogil:
    """Lets register tiles fetch the lines of the outputs of some planes, whose pixels lie side by side.

    A register tile fetches half as many pixels as it has rows: 18 for each tile of outputs, of 16 at most.
    """
    cdef const Geometry* g = &job.g
    cdef Site first, last
    t.fetch = NULL
    if (not job.winograd.far or job.y.channel != job.kernels.item
            or g.dilation[1] > 1 or g.dilation[2] > 1):
        return
    first, last = site_of(job, b.first), site_of(job, b.first + b.sites - 1)
    t.fetch = b.fetch_end = (job.y.data + (b.plane + plane) * job.y.axis[0]
                             + (b.group * g.oc + filter) * job.y.channel)
    t.fetch += first.sample * job.y.batch + first.plane * job.y.axis[0] + first.row * job.y.axis[1]
    t.fetch_row = job.y.axis[2]
    b.fetch_end += (last.sample * job.y.batch + last.plane * job.y.axis[0]
                    + min(last.row + job.winograd.m, g.out[1]) * job.y.axis[1])
    b.fetch_planes = planes - 1
    b.fetch_bytes = b.fetch_end - t.fetch
    if t.fetch >= b.fetch_end:      # the block holds tiles of the ends of pictures
        t.fetch = NULL


cdef inline void fetch_on(const Job* job, Block* b, Tile* t, Py_ssize_t rows) noexcept nogil:
    """Goes on behind so many pixels, which have been fetched, plane by plane."""
    if t.fetch == NULL:
        return
    t.fetch += rows * t.fetch_row
    if t.fetch >= b.fetch_end:
        t.fetch = NULL
        if b.fetch_planes > 0:
            b.fetch_planes -= 1
            t.fetch = b.fetch_end + job.y.axis[0] - b.fetch_bytes
            b.fetch_end += job.y.axis[0]


cdef inline void winograd_unit(const Job* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    """Computes a unit: some blocks of filters for blocks of tiles."""
    cdef const Transform* w = &job.winograd
    cdef Unit u = unit_of(job, unit)
    cdef Py_ssize_t across = ceil_div(w.sites, w.block_sites), n
    cdef Block b
    b.group = u.group
    b.inputs = scratch
    b.sums = b.inputs + POINTS * w.input_plane
    b.outputs = b.sums + POINTS * w.sums_plane
    b.gathered = b.outputs + w.m * w.m * longest_run(job) * block_width_bytes(job)
    b.transformed = b.gathered + run_vectors(job)
    b.zeros = b.transformed + run_vectors(job)
    b.pixels = <const char**> (b.zeros + zeros_bytes(job))
    b.segments = <Segment*> (b.pixels + 6 * run_columns(w, longest_run(job)))
    memset(b.zeros, 0, zeros_bytes(job))
    for n in range(u.tile, u.tile_end):
        b.first = n % across * w.block_sites
        b.sites = min(w.block_sites, w.sites - b.first)
        b.plane = n // across * w.block_planes
        b.planes = min(w.block_planes, w.planes - b.plane)
        transform_block(job, &b)
        multiply_block(job, &b, u.block, u.block_end)


cdef inline void transform_block(const Job* job, const Block* b) noexcept nogil:
    """Transforms all inputs of a block."""
    cdef const Transform* w = &job.winograd
    cdef Py_ssize_t s, n, run, point
    cdef Site site
    cdef Coming coming
    cdef char* to
    for s in range(block_slices(&job.g, b.planes)):
        n = 0
        while n < b.sites:
            site = site_of(job, b.first + n)
            run = min(min(site.left, b.sites - n), longest_run(job))
            coming = coming_run(job, b, s, n + run, &site)
            to = b.inputs + (s * b.sites + n) * w.input_row
            transform_run(job, b, &site, block_plane(job, b, s, &site), run, &coming, to)
            for point in range(POINTS if w.late else 0):        # whole rows of points are multiplied
                if has_point(site.points[0], point // 6) and not has_point(site.points[1], point % 6):
                    memset(to + point * w.input_plane, 0, run * w.input_row)
            n += run


cdef inline void multiply_block(const Job* job, Block* b, Py_ssize_t q, Py_ssize_t end) noexcept nogil:
    """Outputs of a block of tiles for blocks [q, end) of filters."""
    cdef const Geometry* g = &job.g
    cdef const Transform* w = &job.winograd
    cdef Py_ssize_t item = job.kernels.item, slice_bytes = b.sites * w.input_row
    cdef Py_ssize_t plane, planes, n, n_segments, run, width
    cdef const char* weights
    cdef const char* bias = job.bias + (b.group * job.blocks.bias_items + q * job.blocks.step) * item
    cdef char* y
    cdef Site site
    cdef Tile t
    cdef OutputTransform o
    t.b_next = t.init_row = t.init_next = t.init_vector = 0
    t.init = b.zeros
    t.limits, t.c_lines = 0, STORED
    t.ahead = AHEAD
    o.sums_plane = w.sums_plane
    o.m = w.m
    o.limits = job.limits
    for q in range(q, end):
        width = block_width(&job.blocks, q)
        weights = job.weights + (b.group * job.blocks.group_items + q * job.blocks.step * job.blocks.terms) * item
        o.channels = min(width, g.oc - q * job.blocks.step)
        o.sums_tile = width * item
        o.bias = bias
        bias += width * item
        plane = 0
        while plane < b.planes:
            n_segments = depth_segments(job, b.plane + plane, slice_bytes, b.segments)
            planes = 1
            if interior_planes(g, b.plane + plane):
                # Rows of further planes follow at the same distance and meet as many taps.
                while plane + planes < b.planes and interior_planes(g, b.plane + plane + planes):
                    planes += 1
            begin_fetching(job, b, &t, plane, planes, q * job.blocks.step)
            if w.late:
                multiply_late(job, b, n_segments, plane, planes, weights, width)
            else:
                multiply(job, b, &t, n_segments, plane, planes, weights, width)
            o.sums = b.sums
            for plane in range(plane, plane + planes):
                n = 0
                while n < b.sites:
                    site = site_of(job, b.first + n)
                    run = min(min(site.left, b.sites - n), longest_run(job))
                    o.flags = job.flags + (b.group * w.planes + b.plane + plane) * w.sites + b.first + n
                    y = (job.y.data + site.sample * job.y.batch + (b.plane + plane + site.plane) * job.y.axis[0]
                         + (b.group * g.oc + q * job.blocks.step) * job.y.channel)
                    finish_run(job, &o, y, &site, run, b.outputs)
                    o.sums += run * o.sums_tile
                    n += run
            plane += 1


cdef inline bint direct_tile(const Job* job, Py_ssize_t flag, Geometry* g, Array* x, Array* y) noexcept nogil:
    """A flagged tile as a convolution of its own, which `g` is but for its place; False if it has no outputs."""
    cdef const Transform* w = &job.winograd
    cdef Py_ssize_t group = flag // (w.planes * w.sites), a
    cdef Site site = site_of(job, flag % w.sites)
    cdef Py_ssize_t first[3]
    first[0], first[1], first[2] = flag // w.sites % w.planes + site.plane, site.row, site.column
    place_tile(job, site.sample, group, first, g, x, y)
    for a in range(1, 3):
        g.out[a] = min(w.m, outputs_left(&job.g, a, first[a]))
        y.axis[a] *= job.g.dilation[a]
    return g.out[1] > 0 and g.out[2] > 0


cdef inline void place_tile(const Job* job, Py_ssize_t sample, Py_ssize_t group, const Py_ssize_t* first,
                            Geometry* g, Array* x, Array* y) noexcept nogil:
    """Where the convolution of a tile begins: axes are again depth, height and width."""
    cdef Py_ssize_t a, axis
    x[0], y[0] = job.x, job.y
    x.data += sample * x.batch + group * job.g.ic * x.channel
    y.data += sample * y.batch + group * job.g.oc * y.channel
    for a in range(3):
        axis = job.axes[a]
        x.axis[axis], y.axis[axis] = job.x.axis[a], job.y.axis[a]
        y.data += first[a] * job.y.axis[a]
        g.before[axis] = job.g.before[a] - first[a] * job.g.stride[a]


cdef inline Array tile_array(const Geometry* g, char* data, Py_ssize_t item) noexcept nogil:
    """An array for the outputs of a tile, channel by channel, where those of the picture are no neighbours."""
    cdef Array a
    a.data = data
    a.axis[2] = item
    a.axis[1] = g.out[2] * a.axis[2]
    a.axis[0] = g.out[1] * a.axis[1]
    a.channel = a.batch = g.out[0] * a.axis[0]
    return a


cdef inline void copy_tile(const Job* job, const Geometry* g, const Array* source, const Array* y) noexcept nogil:
    """Takes the outputs of a tile to the picture."""
    cdef Py_ssize_t d, i, j
    cdef Gather gather
    gather.to_row, gather.to_column = y.channel, 0
    gather.source_row, gather.source_lane, gather.source_column = source.channel, job.kernels.item, 0
    gather.columns, gather.rows, gather.lanes = 1, g.oc, 1
    for d in range(g.out[0]):
        for i in range(g.out[1]):
            for j in range(g.out[2]):
                gather.source = source.data + d * source.axis[0] + i * source.axis[1] + j * source.axis[2]
                gather.to = y.data + d * y.axis[0] + i * y.axis[1] + j * y.axis[2]
                job.kernels.gather(&gather)
