# Channels-last: the lanes of a tile are output channels, its rows are neighbouring pixels of one
# output row.  Pixels are read where they lie.  Only tiles that reach over the edge of the
# input, or whose channels are not neighbours in memory, are first copied to a strip: the input
# that the tile needs, padding included, in the thread's scratch memory.  So are all tiles if windows
# lie a multiple of 4 KiB apart, as of 1024 channels: too few of them would fit the nearest cache.
#
# Channels-first maps of few pixels, which would not fill lanes, are computed here too.  Their
# tiles are `scattered`: sums stay in scratch memory, and go to their channels when complete.
from libc.string cimport memcpy, memset
from geometry cimport (CONSTANT, Blocks, Chunk, Geometry, Job, Unit, block_width, ceil_div, inside,
                       interior, lines_of_y, source_index, source_row, unit_of)
from kernel_table cimport CLAMP, LINEAR, Gather, Segment, Tile

cdef enum:
    OPERAND_BYTES = 1 << 18         # operands that are kept beside a chunk's weights
    STRIPS_BYTES = 1 << 20          # strips of tiles at the edges
    SUMS_BYTES = 1 << 18            # sums of scattered tiles
    MOST_TILES = 16                 # at once
    ONE_SET = 1 << 12               # pixels so many bytes apart meet in one set of the first-level cache,
    WAYS = 8                        # which holds so many of them

cdef struct Run:                    # neighbouring tiles of one output row that are read alike
    Py_ssize_t count
    Py_ssize_t pixels               # of each tile
    const char* a
    Py_ssize_t a_row
    Py_ssize_t a_term
    Py_ssize_t a_next
    char* c
    char* y                         # of the first pixel, and of block 0
    Segment* segments
    Py_ssize_t n_segments

cdef struct Row:                    # an output row
    const char* x                   # the first element of its sample and group
    char* y
    Py_ssize_t od
    Py_ssize_t oh


cdef inline bint neighbours(const Job* job) noexcept nogil:
    """Whether the channels of a pixel can be read where they lie."""
    return job.x.channel == job.kernels.item or job.g.ic == 1


cdef inline bint folded(const Job* job, const Chunk* chunk) noexcept nogil:
    """Whether the pixels of a kernel row are neighbours too: one segment serves the whole row."""
    return (chunk.columns == 1 or (neighbours(job) and job.g.dilation[2] == 1 and chunk.channels == job.g.ic
            and job.x.axis[2] == job.g.ic * job.kernels.item))


cdef inline bint windowed(const Job* job, const Chunk* chunk) noexcept nogil:
    """Whether a strip holds a window a pixel, or the span of all pixels' windows, which is copied at once."""
    return job.g.dilation[2] > 1 or job.g.stride[2] > chunk.columns


cdef inline Py_ssize_t strip_columns(const Job* job, const Chunk* chunk, Py_ssize_t pixels) noexcept nogil:
    if windowed(job, chunk):
        return pixels * chunk.columns
    return (pixels - 1) * job.g.stride[2] + chunk.columns


cdef inline bint collide(const Job* job) noexcept nogil:
    """Whether the windows of a tile would drive each other out of the nearest cache."""
    return job.tile_pixels > WAYS and job.g.stride[2] * job.x.axis[2] % ONE_SET == 0


cdef inline Py_ssize_t strip_pixel(const Job* job, const Chunk* chunk) noexcept nogil:
    """Bytes from pixel to pixel of a strip, so that windows do not collide."""
    cdef Py_ssize_t pixel = chunk.channels * job.kernels.item
    cdef Py_ssize_t apart = chunk.columns if windowed(job, chunk) else job.g.stride[2]
    return pixel + 64 if apart * pixel % ONE_SET == 0 else pixel


cdef inline Py_ssize_t strip_bytes(const Job* job, const Chunk* chunk, Py_ssize_t pixels) noexcept nogil:
    return chunk.rows * strip_columns(job, chunk, pixels) * strip_pixel(job, chunk)


cdef inline Row output_row(const Job* job, Py_ssize_t group, Py_ssize_t row) noexcept nogil:
    cdef Row r
    cdef Py_ssize_t n
    r.oh = row % job.g.out[1]
    row = row // job.g.out[1]
    r.od = row % job.g.out[0]
    n = row // job.g.out[0]
    r.x = job.x.data + n * job.x.batch + group * job.g.ic * job.x.channel
    r.y = (job.y.data + n * job.y.batch + group * job.g.oc * job.y.channel
           + r.od * job.y.axis[0] + r.oh * job.y.axis[1])
    return r


cdef inline void copy_pixels(const Job* job, const Chunk* chunk, char* to, const char* x,
                             Py_ssize_t ix, Py_ssize_t n) noexcept nogil:
    """n neighbouring input pixels from column ix on, the chunk's channels of each."""
    cdef Py_ssize_t item = job.kernels.item, pixel = strip_pixel(job, chunk)
    cdef Gather g
    x += ix * job.x.axis[2]
    if neighbours(job) and job.x.axis[2] == pixel == chunk.channels * item:
        memcpy(to, x, n * pixel)
        return
    g.to = to
    g.to_row = pixel
    g.source = x
    g.source_row = job.x.axis[2]
    g.source_lane = job.x.channel
    g.source_column = 0
    g.to_column = 0
    g.columns = 1
    g.rows = n
    g.lanes = chunk.channels
    job.kernels.gather(&g)


cdef inline void copy_columns(const Job* job, const Chunk* chunk, char* to, const char* x,
                              Py_ssize_t ix, Py_ssize_t n) noexcept nogil:
    """The same from any column on, inside or outside of the input."""
    cdef Py_ssize_t pixel = strip_pixel(job, chunk)
    cdef Py_ssize_t size = job.g.size[2]
    cdef Py_ssize_t lo = min(max(-ix, 0), n)
    cdef Py_ssize_t hi = max(min(size - ix, n), lo)
    cdef Py_ssize_t i
    if job.g.pad_mode == CONSTANT:
        memset(to, 0, lo * pixel)
        memset(to + hi * pixel, 0, (n - hi) * pixel)
    else:
        for i in range(n):
            if not lo <= i < hi:
                copy_pixels(job, chunk, to + i * pixel, x,
                            source_index(ix + i, size, job.g.pad_mode), 1)
    if hi > lo:
        copy_pixels(job, chunk, to + lo * pixel, x, ix + lo, hi - lo)


cdef inline void strip(const Job* job, const Chunk* chunk, const Row* row, Py_ssize_t first,
                       Run* run, char* to) noexcept nogil:
    """Copies what a tile reads, padding included; its pixels begin at output column `first`."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t pixel = strip_pixel(job, chunk)
    cdef Py_ssize_t ix = first * g.stride[2] - g.before[2] + chunk.column * g.dilation[2]
    cdef Py_ssize_t columns = 1 if pixel == chunk.channels * job.kernels.item else chunk.columns    # of a kernel row
    cdef Py_ssize_t terms = chunk.columns // columns * chunk.channels                               # and of a segment
    cdef Py_ssize_t offset, r, i, k
    cdef const char* x
    run.a = to
    run.a_term = job.kernels.item
    run.a_row = (chunk.columns if windowed(job, chunk) else g.stride[2]) * pixel
    run.n_segments = 0
    for r in range(chunk.rows):
        offset = 0
        if not source_row(job, row.od, row.oh, chunk.row + r, &offset):
            if job.skip_padding:
                continue
            x = NULL
        else:
            x = row.x + offset + chunk.channel * job.x.channel
        for k in range(columns):
            run.segments[run.n_segments].a = to - run.a + k * pixel
            run.segments[run.n_segments].b = r * chunk.columns * chunk.channels + k * terms
            run.segments[run.n_segments].terms = terms
            run.n_segments += 1
        if x == NULL:
            memset(to, 0, strip_columns(job, chunk, run.pixels) * pixel)
            to += strip_columns(job, chunk, run.pixels) * pixel
        elif not windowed(job, chunk):
            copy_columns(job, chunk, to, x, ix, strip_columns(job, chunk, run.pixels))
            to += strip_columns(job, chunk, run.pixels) * pixel
        elif g.dilation[2] == 1:
            for i in range(run.pixels):
                copy_columns(job, chunk, to, x, ix + i * g.stride[2], chunk.columns)
                to += chunk.columns * pixel
        else:
            for i in range(run.pixels):
                for k in range(chunk.columns):
                    copy_columns(job, chunk, to, x, ix + i * g.stride[2] + k * g.dilation[2], 1)
                    to += pixel


cdef inline bint in_place(const Job* job, const Chunk* chunk, const Row* row, Py_ssize_t first,
                          Run* run) noexcept nogil:
    """Segments that read the input where it lies; False if the tile reaches over its edge."""
    cdef const Geometry* g = &job.g
    cdef bint fold = folded(job, chunk)
    cdef bint whole = interior(&job.g, chunk, first, run.pixels)
    cdef Py_ssize_t offset, r, k, lo, hi
    cdef Segment* s
    run.a = (row.x + chunk.channel * job.x.channel
             + (first * g.stride[2] - g.before[2] + chunk.column * g.dilation[2]) * job.x.axis[2])
    run.a_row = g.stride[2] * job.x.axis[2]
    run.a_term = job.x.channel if job.g.ic > 1 else job.kernels.item
    run.n_segments = 0
    for r in range(chunk.rows):
        offset = 0
        if not source_row(job, row.od, row.oh, chunk.row + r, &offset):
            if job.skip_padding:
                continue
            return False
        for k in range(1 if fold else chunk.columns):
            if not whole:
                inside(g, chunk.column + k, first, run.pixels, &lo, &hi)
                if hi == lo and not fold and job.skip_padding:
                    continue
                if hi - lo < run.pixels or fold:
                    return False
            s = &run.segments[run.n_segments]
            s.a = offset + k * g.dilation[2] * job.x.axis[2]
            s.b = (r * chunk.columns + k) * chunk.channels
            s.terms = chunk.channels * (chunk.columns if fold else 1)
            run.n_segments += 1
    return True


cdef inline Py_ssize_t sum_row(const Job* job) noexcept nogil:
    """Bytes from one pixel's sums to the next, scattered: all channels of a group."""
    return ((job.blocks.count - 1) * job.blocks.step + job.blocks.tail) * job.kernels.item


cdef inline Py_ssize_t sums_bytes(const Job* job) noexcept nogil:
    return job.tiles_at_once * job.tile_pixels * sum_row(job) if job.scattered else 0


cdef inline void scatter(const Job* job, const Run* run, const Tile* t, Py_ssize_t channel) noexcept nogil:
    """Takes the complete sums of a run's tiles to their channels, from this one on."""
    cdef Gather g
    g.to, g.to_row, g.to_column = run.y + channel * job.y.channel, job.y.channel, 0
    g.source, g.source_row, g.source_lane, g.source_column = t.c, job.kernels.item, t.c_row, 0
    g.columns, g.rows, g.lanes = 1, t.lanes, run.count * run.pixels
    job.kernels.gather(&g)


cdef inline Py_ssize_t prepare(const Job* job, const Chunk* chunk, Py_ssize_t group,
                               Py_ssize_t tile, Py_ssize_t end, char* scratch) noexcept nogil:
    """Fills the runs of tiles [tile, end) at the start of the scratch memory; their number."""
    cdef Py_ssize_t most = chunk.rows * chunk.columns
    cdef Run* runs = <Run*> scratch
    # Sums stay where they are from chunk to chunk; what comes behind them depends on the chunk.
    cdef char* sums = scratch + job.tiles_at_once * sizeof(Run)
    cdef Segment* segments = <Segment*> (sums + (sums_bytes(job) + 63) // 64 * 64)
    cdef char* strips = <char*> (segments + job.tiles_at_once * most)
    cdef Py_ssize_t start = tile, n = 0, r, first, pixels, current = -1
    cdef bint direct = False, whole = False
    cdef Row row
    cdef Run* run
    strips += 64 - <Py_ssize_t> strips % 64
    for tile in range(start, end):
        r = tile // job.row_tiles
        first = (tile % job.row_tiles) * job.tile_pixels
        pixels = min(job.tile_pixels, job.g.out[2] - first)
        if r != current:
            row = output_row(job, group, r)
        elif direct and runs[n - 1].pixels == pixels and whole and interior(&job.g, chunk, first, pixels):
            runs[n - 1].count += 1
            continue
        current = r
        run = &runs[n]
        run.count = 1
        run.pixels = pixels
        run.y = row.y + first * job.y.axis[2]
        run.c = run.y
        if job.scattered:
            run.c = sums + (tile - start) * job.tile_pixels * sum_row(job)
        run.segments = segments + n * most
        direct = (neighbours(job) or job.scattered) and not job.colliding and in_place(job, chunk, &row, first, run)
        if not direct:
            strip(job, chunk, &row, first, run, strips)
            strips += strip_bytes(job, chunk, pixels)
            strips += 64 - <Py_ssize_t> strips % 64
        whole = interior(&job.g, chunk, first, pixels)
        run.a_next = pixels * run.a_row
        n += 1
    return n


cdef inline void cut_rows(Job* job) noexcept nogil:
    """Rows of outputs into tiles, and how many are computed together."""
    cdef Py_ssize_t operands
    job.row_tiles = ceil_div(job.g.out[2], job.kernels.mr)
    job.tile_pixels = ceil_div(job.g.out[2], job.row_tiles)
    job.row_tiles = ceil_div(job.g.out[2], job.tile_pixels)
    job.tiles = job.g.batch * job.g.out[0] * job.g.out[1] * job.row_tiles
    # Neighbouring tiles share most of what they read; strips they do not share.
    operands = (job.tile_pixels * min(job.g.stride[1], job.g.kernel[1]) * min(job.g.stride[2], job.g.kernel[2])
                * job.chunks[0].channels * job.kernels.item)
    job.tiles_at_once = min(max(OPERAND_BYTES // operands, 1), MOST_TILES)
    job.tiles_at_once = min(job.tiles_at_once, max(STRIPS_BYTES // channels_last_strip(job), 1))
    if job.scattered:
        operands = job.tile_pixels * job.blocks.bias_items * job.kernels.item
        job.tiles_at_once = min(job.tiles_at_once, max(SUMS_BYTES // operands, 1))


cdef inline Py_ssize_t channels_last_strip(const Job* job) noexcept nogil:
    """Bytes of one tile's segments and strip, at most."""
    cdef Py_ssize_t c, most = 0
    cdef const Chunk* chunk
    for c in range(job.n_chunks):
        chunk = &job.chunks[c]
        most = max(most, chunk.rows * chunk.columns * <Py_ssize_t> sizeof(Segment)
                   + strip_bytes(job, chunk, job.tile_pixels))
    return most + 64


cdef inline Py_ssize_t channels_last_scratch(const Job* job) noexcept nogil:
    """Bytes that `prepare` may use."""
    return job.tiles_at_once * (<Py_ssize_t> sizeof(Run) + channels_last_strip(job)) + sums_bytes(job) + 128


cdef inline void channels_last_unit(const Job* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    """Computes a unit."""
    cdef Unit u = unit_of(job, unit)
    channels_last_tiles(job, &u, scratch)


cdef inline void channels_last_tiles(const Job* job, const Unit* unit, char* scratch) noexcept nogil:
    """Computes some tiles for some blocks of output channels."""
    cdef Unit u = unit[0]
    cdef const Blocks* blocks = &job.blocks
    cdef Py_ssize_t item = job.kernels.item, lanes = job.kernels.lanes
    cdef Py_ssize_t at = u.tile
    cdef const char* weights = job.weights + u.group * blocks.group_items * item
    cdef const char* bias = job.bias + u.group * blocks.bias_items * item
    cdef Py_ssize_t c, q, n, n_runs, width, vectors, end
    cdef Run* runs = <Run*> scratch
    cdef const Chunk* chunk
    cdef Tile t
    t.a_unit = 1
    t.b_next = 0
    t.c_lines = lines_of_y(job, False)
    t.ahead = job.ahead
    t.fetch = NULL
    t.c_row = sum_row(job) if job.scattered else job.y.axis[2]
    while at < u.tile_end:
        end = min(at + job.tiles_at_once, u.tile_end)
        for c in range(job.n_chunks):
            chunk = &job.chunks[c]
            n_runs = prepare(job, chunk, u.group, at, end, scratch)
            t.limits = job.limits if c == job.n_chunks - 1 else 0
            t.onto = job.apart and c > 0
            for q in range(u.block, u.block_end):
                width = block_width(blocks, q)
                vectors = width // lanes
                t.lanes = min(width, job.g.oc - q * blocks.step)
                t.b = weights + (q * blocks.terms * blocks.step + chunk.before * width) * item
                t.b_unit = width * item
                t.b_term = width * item
                t.init_vector = lanes * item
                for n in range(n_runs):
                    t.count = runs[n].count
                    t.a = runs[n].a
                    t.a_row = runs[n].a_row
                    t.a_term = runs[n].a_term
                    t.a_next = runs[n].a_next
                    t.c = runs[n].c + q * blocks.step * item
                    t.c_next = runs[n].pixels * t.c_row
                    t.segments = runs[n].segments
                    t.n_segments = runs[n].n_segments
                    if c == 0 or t.onto:
                        t.init = bias + q * blocks.step * item
                        t.init_row = 0
                        t.init_next = 0
                    else:
                        t.init = t.c
                        t.init_row = t.c_row
                        t.init_next = t.c_next
                    job.kernels.tile[vectors - 1][runs[n].pixels - 1](&t)
                    if job.activation > CLAMP and c == job.n_chunks - 1:
                        job.kernels.activate(job.activation, t.c, t.c_row,
                                             t.count * runs[n].pixels, t.lanes)
                    if job.scattered and c == job.n_chunks - 1:
                        scatter(job, &runs[n], &t, q * blocks.step)
        at = end
