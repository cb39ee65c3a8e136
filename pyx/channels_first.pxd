# Channels-first: the lanes of a tile are output pixels, counted along the output planes of all
# samples whatever their rows (or along a band of columns); its rows are output channels.
# Pixels that are neighbours in the input are read where they lie.  Others are gathered into a
# panel in the thread's scratch memory, one row of lanes a term, padding included; all output
# channels then use the panel.  It holds a few dozen pixels and stays in the second-level
# cache: no matrix of the whole image is ever built.  With few channels a strip serves instead,
# a padded copy of the rows that the tiles of an output row meet: see read_strip.
from libc.string cimport memcpy, memset
from geometry cimport (CONSTANT, Blocks, Chunk, Geometry, Job, Unit, block_width, ceil_div,
                       inside, inside_input, interior, lines_of_y, source_index, source_row, tap_term, unit_of)
from kernel_table cimport CLAMP, MAX_MR, STORED, Gather, Segment, Tile

cdef enum:
    FEW = 8                         # fewer channels take sums of columns, rows, channels, and strips
    LONG = 128                      # terms of a sum that takes longer than a line of memory takes to come
    STRIP_BYTES = 1 << 15           # of the padded input of tiles with few channels


cdef struct Piece:                  # neighbouring pixels of a tile in one output row
    Py_ssize_t lane
    Py_ssize_t pixels
    Py_ssize_t od
    Py_ssize_t oh
    Py_ssize_t ow
    bint interior                   # no column of the kernel reaches over the edge
    Py_ssize_t x                    # from the first sample to the piece's
    Py_ssize_t y                    # from the start of the output to the piece
    bint met                        # whether the present kernel row meets an input row
    Py_ssize_t offset               # of that input row


cdef struct Panel:                  # the vector operands of one tile, and where its pixels are
    const char* b
    Py_ssize_t b_unit
    Py_ssize_t b_term
    Segment* segments
    Py_ssize_t n_segments
    Piece* pieces
    Py_ssize_t n_pieces
    Py_ssize_t lanes
    bint scattered                  # the pieces do not follow each other in the output
    Py_ssize_t b_next               # from b to that of the tile behind it
    Py_ssize_t run                  # this tile and those behind it that one call can compute


cdef inline void find_pieces(const Job* job, const Chunk* chunk, Py_ssize_t tile, Panel* panel) noexcept nogil:
    """Cuts the pixels of a tile at the ends of output rows."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t band = 0, first = 0, width, pixel, row, sample
    cdef Piece* p
    panel.n_pieces = 0
    if job.row_tiles > 0:
        width = g.out[2]
        row = tile // job.row_tiles
        pixel = tile % job.row_tiles * job.tile_pixels
        panel.lanes = min(job.tile_pixels, width - pixel)
    else:
        while tile >= job.band_tiles[band]:
            first = job.band_end[band]
            band += 1
        width = job.band_end[band] - first
        pixel = (tile - (job.band_tiles[band - 1] if band > 0 else 0)) * job.tile_pixels
        panel.lanes = min(job.tile_pixels, g.batch * g.out[0] * g.out[1] * width - pixel)
        row = pixel // width
        pixel = pixel % width
    panel.scattered = False
    while pixel >= 0:
        p = &panel.pieces[panel.n_pieces]
        p.lane = 0 if panel.n_pieces == 0 else (p - 1).lane + (p - 1).pixels
        p.ow = first + pixel
        p.oh = row % g.out[1]
        p.od = row // g.out[1] % g.out[0]
        sample = row // g.out[1] // g.out[0]
        p.pixels = min(panel.lanes - p.lane, width - pixel)
        p.interior = interior(g, chunk, p.ow, p.pixels)
        p.x = sample * job.x.batch
        p.y = (sample * job.y.batch + p.od * job.y.axis[0] + p.oh * job.y.axis[1]
               + p.ow * job.kernels.item)
        if p.y != panel.pieces.y + p.lane * job.kernels.item:
            panel.scattered = True
        panel.n_pieces += 1
        row += 1
        pixel = 0 if p.lane + p.pixels < panel.lanes else -1


cdef inline void meet_row(const Job* job, Py_ssize_t row, Piece* pieces,
                          Py_ssize_t n_pieces) noexcept nogil:
    """Finds the input row of each piece under kernel row `row`."""
    cdef Py_ssize_t n
    for n in range(n_pieces):
        pieces[n].met = source_row(job, pieces[n].od, pieces[n].oh, row, &pieces[n].offset)
        pieces[n].offset += pieces[n].x


cdef inline bint gather_columns(const Job* job, const Chunk* chunk, const char* x,
                                Py_ssize_t column, Py_ssize_t columns, const Piece* pieces,
                                Py_ssize_t n_pieces, char* to, Py_ssize_t width) noexcept nogil:
    """The panel's rows for some columns of a kernel row, one column or the chunk's if all are
    inside the input; False if all of it is padding."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item
    cdef Py_ssize_t n, lo, hi, lane, ix, filled = 0
    cdef const Piece* p
    cdef Gather gather
    for n in range(n_pieces):
        p = &pieces[n]
        if p.met:
            inside_piece(g, column, p, &lo, &hi)
            filled += hi - lo if g.pad_mode == CONSTANT else p.pixels
    if filled == 0 and job.skip_padding:
        return False
    if filled < width and not job.blocks.columns_first:
        memset(to, 0, columns * chunk.channels * width * item)
    gather.to_row = width * item
    gather.to_column = tap_term(&job.blocks, chunk, 0, 1) * width * item
    gather.source_row = job.x.channel
    gather.source_lane = g.stride[2] * job.x.axis[2]
    gather.source_column = g.dilation[2] * job.x.axis[2]
    gather.columns = columns
    gather.rows = chunk.channels
    for n in range(n_pieces):
        p = &pieces[n]
        if not p.met:
            continue
        inside_piece(g, column, p, &lo, &hi)
        ix = p.ow * g.stride[2] - g.before[2] + column * g.dilation[2]
        if hi > lo:
            gather.to = to + (p.lane + lo) * item
            gather.source = x + p.offset + (ix + lo * g.stride[2]) * job.x.axis[2]
            gather.lanes = hi - lo
            job.kernels.gather(&gather)
        if g.pad_mode != CONSTANT and hi - lo < p.pixels:
            gather.lanes = 1
            for lane in range(p.pixels):
                if not lo <= lane < hi:
                    gather.to = to + (p.lane + lane) * item
                    gather.source = x + p.offset + job.x.axis[2] * source_index(
                        ix + lane * g.stride[2], g.size[2], g.pad_mode)
                    job.kernels.gather(&gather)
    return True


cdef inline void inside_piece(const Geometry* g, Py_ssize_t column, const Piece* p,
                              Py_ssize_t* lo, Py_ssize_t* hi) noexcept nogil:
    lo[0] = 0
    hi[0] = p.pixels
    if not p.interior:
        inside(g, column, p.ow, p.pixels, lo, hi)


cdef inline Py_ssize_t strip_row(const Job* job, const Chunk* chunk, const Piece* p) noexcept nogil:
    """Elements of a row of a strip: what a piece meets, every stride-th column."""
    return p.pixels + (chunk.columns - 1) * job.g.dilation[2] // job.g.stride[2]


cdef inline bint read_strip(const Job* job, const Chunk* chunk, const char* x, Piece* p,
                            char* strip, Panel* panel) noexcept nogil:
    """Segments that read a padded copy of the rows that a piece meets; False if it would be large.

    The strip has a part for each remainder of input columns divided by the stride, so that
    neighbouring pixels are neighbours in it; in each part a row for each kernel row and channel.
    One column of the kernel meets a row of lanes at one offset in all rows: a segment.
    """
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item
    cdef Py_ssize_t length = strip_row(job, chunk, p)
    cdef Py_ssize_t rows = chunk.rows * chunk.channels
    cdef Py_ssize_t part = rows * length * item
    cdef Py_ssize_t parts = min(g.stride[2], (chunk.columns - 1) * g.dilation[2] + 1)
    cdef Py_ssize_t r, n = 0, k, ix
    cdef Parts row
    cdef char* to
    if part > STRIP_BYTES // parts:
        return False
    find_parts(job, p.ow * g.stride[2] - g.before[2] + chunk.column * g.dilation[2], parts, length,
               chunk.channels, part, &row)
    while next_parts(job, &row):
        to = strip + row.first * part
        for r in range(chunk.rows):
            p.met = source_row(job, p.od, p.oh, chunk.row + r, &p.offset)
            p.offset += p.x
            if p.met:
                gather_parts(job, &row, x + p.offset, to)
            else:
                for n in range(row.gather.columns):
                    memset(to + n * part, 0, chunk.channels * length * item)
            to += chunk.channels * length * item
    panel.b = strip
    panel.b_unit = 1
    panel.b_term = length * item
    for k in range(chunk.columns):
        ix = k * g.dilation[2]
        add_segment(panel, k * rows, (ix % g.stride[2]) * part + (ix // g.stride[2]) * item, rows)
    return True


cdef struct Parts:                  # copies of every stride-th column of input rows, from several columns on
    Py_ssize_t column               # that of the first part
    Py_ssize_t parts
    Py_ssize_t length               # elements of a part
    Py_ssize_t first                # of the parts that are copied together,
    Py_ssize_t lo                   # and those of their elements that are inside of the input
    Py_ssize_t hi
    Gather gather


cdef inline void find_parts(const Job* job, Py_ssize_t column, Py_ssize_t parts, Py_ssize_t length,
                            Py_ssize_t channels, Py_ssize_t to_part, Parts* p) noexcept nogil:
    """What the parts of all rows have in common.  `next_parts` follows."""
    p.column, p.parts, p.length, p.first = column, parts, length, 0
    p.gather.columns = 0
    p.gather.to_column, p.gather.source_column = to_part, job.x.axis[2]
    p.gather.rows, p.gather.to_row, p.gather.source_row = channels, length * job.kernels.item, job.x.channel
    p.gather.source_lane = job.g.stride[2] * job.x.axis[2]


cdef inline bint next_parts(const Job* job, Parts* p) noexcept nogil:
    """The next part, or all if they meet the input alike; False behind the last."""
    cdef Py_ssize_t lo, hi
    p.first += p.gather.columns
    if p.first == p.parts:
        return False
    inside_input(&job.g, p.column + p.first, p.length, &p.lo, &p.hi)
    p.gather.columns = 1
    if p.first == 0 and p.parts > 1:
        inside_input(&job.g, p.column + p.parts - 1, p.length, &lo, &hi)
        if lo == p.lo and hi == p.hi and (job.g.pad_mode == CONSTANT or hi - lo == p.length):
            p.gather.columns = p.parts
    return True


cdef inline void gather_parts(const Job* job, Parts* p, const char* row, char* to) noexcept nogil:
    """The parts that are copied together, of an input row of each channel."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, ix = p.column + p.first, i
    cdef Gather one
    if p.hi - p.lo < p.length and g.pad_mode == CONSTANT:
        for i in range(p.gather.columns):
            memset(to + i * p.gather.to_column, 0, p.gather.rows * p.gather.to_row)
    if p.hi > p.lo:
        p.gather.to = to + p.lo * item
        p.gather.source = row + (ix + p.lo * g.stride[2]) * job.x.axis[2]
        p.gather.lanes = p.hi - p.lo
        job.kernels.gather(&p.gather)
    if g.pad_mode == CONSTANT:
        return
    one = p.gather
    one.lanes = 1
    for i in range(p.length):
        if not p.lo <= i < p.hi:
            one.to = to + i * item
            one.source = row + job.x.axis[2] * source_index(ix + i * g.stride[2], g.size[2], g.pad_mode)
            job.kernels.gather(&one)


cdef inline void add_segment(Panel* panel, Py_ssize_t a, Py_ssize_t b, Py_ssize_t terms) noexcept nogil:
    cdef Segment* s = &panel.segments[panel.n_segments - 1]
    cdef bint packed = panel.b_unit == panel.b_term
    if panel.n_segments > 0 and packed and s.a + s.terms == a and s.b + s.terms == b:
        s.terms += terms
        return
    s += 1
    s.a, s.b, s.terms = a, b, terms
    panel.n_segments += 1


cdef inline Py_ssize_t share_strip(const Job* job, const Chunk* chunk, const char* x, Py_ssize_t tile,
                                   Py_ssize_t most, char* to, Py_ssize_t stride, Panel* panels) noexcept nogil:
    """Fills the panels of tiles of one output row, at most so many, from one strip; their number."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item
    cdef Py_ssize_t parts = min(g.stride[2], (chunk.columns - 1) * g.dilation[2] + 1)
    cdef Py_ssize_t row = STRIP_BYTES // (parts * chunk.rows * chunk.channels * item)
    cdef Py_ssize_t pixels, n
    cdef Panel* panel
    cdef Piece p
    start_panel(job, chunk, to, &panels[0])
    find_pieces(job, chunk, tile, &panels[0])
    p = panels[0].pieces[0]
    # The pixels from here to the end of the row, in whole tiles but for the last.
    most = min(most, job.row_tiles - tile % job.row_tiles)
    most = min(most, (row - (strip_row(job, chunk, &p) - p.pixels)) // job.tile_pixels)
    if most < 1:
        return 0
    pixels = min(most * job.tile_pixels, g.out[2] - p.ow)
    p.pixels = pixels
    if not read_strip(job, chunk, x, &p, <char*> (panels[0].pieces + job.tile_pixels), &panels[0]):
        return 0
    for n in range(most):
        panel = &panels[n]
        panel[0] = panels[0]
        panel.pieces = <Piece*> (<char*> panels[0].pieces + n * stride)
        panel.pieces[0] = p
        panel.pieces[0].pixels = panel.lanes = min(job.tile_pixels, pixels - n * job.tile_pixels)
        panel.pieces[0].y += n * job.tile_pixels * item
        panel.b += n * job.tile_pixels * item
    return most


cdef inline void start_panel(const Job* job, const Chunk* chunk, char* to, Panel* panel) noexcept nogil:
    """Where a panel's segments and pieces are: behind its rows of lanes."""
    panel.segments = <Segment*> (to + chunk.terms * job.tile_pixels * job.kernels.item)
    panel.pieces = <Piece*> (panel.segments + chunk.rows * chunk.columns)
    panel.n_segments = 0


cdef inline bint in_place(const Job* job, const Chunk* chunk, const char* x, const Piece* piece,
                          Panel* panel) noexcept nogil:
    """Segments that read neighbouring pixels where they lie; False if some would be padding."""
    cdef Py_ssize_t column = job.g.dilation[2] * job.x.axis[2]
    cdef Py_ssize_t r, k, offset = 0
    panel.b = x + piece.x + (piece.ow * job.g.stride[2] - job.g.before[2]) * job.x.axis[2] + chunk.column * column
    panel.b_unit = 1
    panel.b_term = job.x.channel
    for r in range(chunk.rows):
        if not source_row(job, piece.od, piece.oh, chunk.row + r, &offset):
            if not job.skip_padding:
                return False
            continue
        for k in range(chunk.columns):
            add_segment(panel, (r * chunk.columns + k) * chunk.channels, offset + k * column,
                        chunk.channels)
    return True


cdef inline void fill(const Job* job, const Chunk* chunk, const char* x, Py_ssize_t tile,
                      char* to, Panel* panel) noexcept nogil:
    """Finds or gathers what the pixels of a tile meet in a chunk."""
    cdef Py_ssize_t r, k, n_pieces, width, at_once = chunk.columns, terms = 0
    cdef Piece* pieces
    start_panel(job, chunk, to, panel)
    find_pieces(job, chunk, tile, panel)
    pieces = panel.pieces
    n_pieces = panel.n_pieces
    width = job.kernels.lanes if panel.lanes <= job.kernels.lanes else job.tile_pixels
    if job.blocks.columns_first:
        if n_pieces == 1 and read_strip(job, chunk, x, pieces, <char*> (pieces + job.tile_pixels), panel):
            return
    elif (n_pieces == 1 and panel.lanes == job.tile_pixels and pieces[0].interior
            and job.g.stride[2] * job.x.axis[2] == job.kernels.item
            and in_place(job, chunk, x, pieces, panel)):
        return
    panel.n_segments = 0
    panel.b = to
    panel.b_unit = panel.b_term = width * job.kernels.item
    for k in range(n_pieces):
        if not pieces[k].interior:
            at_once = 1
    if job.blocks.columns_first:
        memset(to, 0, chunk.terms * panel.b_term)
        add_segment(panel, 0, 0, chunk.terms)
    for r in range(chunk.rows):
        meet_row(job, chunk.row + r, pieces, n_pieces)
        for k in range(chunk.columns // at_once):
            if job.blocks.columns_first:
                gather_columns(job, chunk, x, chunk.column + k, at_once, pieces, n_pieces,
                               to + tap_term(&job.blocks, chunk, r, k) * panel.b_term, width)
            elif gather_columns(job, chunk, x, chunk.column + k, at_once, pieces, n_pieces,
                                to + terms * panel.b_term, width):
                add_segment(panel, tap_term(&job.blocks, chunk, r, k), terms, at_once * chunk.channels)
                terms += at_once * chunk.channels


cdef inline Py_ssize_t panel_bytes(const Job* job) noexcept nogil:
    """Of the largest panel, its segments, its pieces and its strip; tiles may load a little more."""
    cdef Py_ssize_t c, most = 0
    cdef const Chunk* chunk
    for c in range(job.n_chunks):
        chunk = &job.chunks[c]
        most = max(most, chunk.rows * chunk.columns * (<Py_ssize_t> sizeof(Segment)
                   + chunk.channels * job.tile_pixels * job.kernels.item))
    if job.blocks.columns_first:
        most += STRIP_BYTES
    return most + job.tile_pixels * <Py_ssize_t> sizeof(Piece) + 128


cdef inline Py_ssize_t tile_bytes(const Job* job) noexcept nogil:
    return MAX_MR * job.tile_pixels * job.kernels.item


cdef inline Py_ssize_t channels_first_scratch(const Job* job) noexcept nogil:
    return job.tiles_at_once * (panel_bytes(job) + <Py_ssize_t> sizeof(Panel)) + tile_bytes(job) + 64


cdef inline void scatter(const Job* job, const Panel* panel, char* y, char* packed,
                         Py_ssize_t rows, bint back) noexcept nogil:
    """Copies a packed tile of some output channels to the output, or back."""
    cdef Py_ssize_t item = job.kernels.item
    cdef Py_ssize_t n, _row
    cdef const Piece* p
    for _row in range(rows):
        for n in range(panel.n_pieces):
            p = &panel.pieces[n]
            if back:
                memcpy(packed + p.lane * item, y + p.y, p.pixels * item)
            else:
                memcpy(y + p.y, packed + p.lane * item, p.pixels * item)
        y += job.y.channel
        packed += job.tile_pixels * item


cdef inline bint alike(const Job* job, const Panel* a, const Panel* b) noexcept nogil:
    """Whether tile b is computed as its predecessor a is, from operands that lie alike."""
    cdef Py_ssize_t n
    if (a.n_segments != b.n_segments or a.b_unit != b.b_unit or a.b_term != b.b_term
            or a.lanes != job.tile_pixels or b.lanes != job.tile_pixels or a.scattered or b.scattered
            or a.pieces.y + job.tile_pixels * job.kernels.item != b.pieces.y):
        return False
    for n in range(a.n_segments):
        if (a.segments[n].a != b.segments[n].a or a.segments[n].b != b.segments[n].b
                or a.segments[n].terms != b.segments[n].terms):
            return False
    return True


cdef inline void channels_first_unit(const Job* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    """Computes a unit."""
    cdef Unit u = unit_of(job, unit)
    cdef const Blocks* blocks = &job.blocks
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, lanes = job.kernels.lanes
    cdef Py_ssize_t at = u.tile
    cdef const char* weights = job.weights + u.group * blocks.group_items * item
    cdef const char* bias = job.bias + u.group * blocks.bias_items * item
    cdef const char* x = job.x.data + u.group * g.ic * job.x.channel
    cdef char* y = job.y.data + u.group * g.oc * job.y.channel
    cdef char* y_block
    cdef Py_ssize_t stride = panel_bytes(job) // 64 * 64
    cdef Panel* panels = <Panel*> scratch
    cdef Panel* panel
    cdef char* packed = scratch + job.tiles_at_once * sizeof(Panel)
    cdef char* memory = packed + tile_bytes(job)
    cdef Py_ssize_t c, q, n, rows, end, filled
    cdef bint final
    cdef const Chunk* chunk
    cdef Tile t
    memory += 64 - <Py_ssize_t> memory % 64
    t.a_next = t.onto = t.ahead = 0
    t.fetch = NULL
    t.c_next = job.tile_pixels * item
    t.a_row = item
    while at < u.tile_end:
        end = min(at + job.tiles_at_once, u.tile_end)
        for c in range(job.n_chunks):
            chunk = &job.chunks[c]
            final = c == job.n_chunks - 1
            n = 0
            while n < end - at:
                filled = 0
                if blocks.columns_first and job.row_tiles > 0:
                    filled = share_strip(job, chunk, x + chunk.channel * job.x.channel, at + n, end - at - n,
                                         memory + n * stride, stride, &panels[n])
                if filled == 0:
                    fill(job, chunk, x + chunk.channel * job.x.channel, at + n, memory + n * stride, &panels[n])
                    filled = 1
                n += filled
            for n in range(end - at - 1, -1, -1):
                panels[n].run = 1
                if n < end - at - 1:
                    panels[n].b_next = panels[n + 1].b - panels[n].b
                    # The tiles behind the next one lie as far apart, or are none.
                    if (alike(job, &panels[n], &panels[n + 1])
                            and (panels[n + 1].run == 1 or panels[n + 1].b_next == panels[n].b_next)):
                        panels[n].run += panels[n + 1].run
            t.limits = job.limits if final else 0
            for q in range(u.block, u.block_end):
                rows = block_width(blocks, q)
                y_block = y + q * blocks.step * job.y.channel
                t.a = weights + (q * blocks.terms * blocks.step + chunk.before * rows) * item
                t.a_unit = rows * item
                t.a_term = rows * item
                n = 0
                while n < end - at:
                    panel = &panels[n]
                    n += panel.run
                    t.count = panel.run
                    t.b_next = panel.b_next
                    t.b = panel.b
                    t.b_unit = panel.b_unit
                    t.b_term = panel.b_term
                    t.segments = panel.segments
                    t.n_segments = panel.n_segments
                    t.lanes = panel.lanes
                    t.c = packed if panel.scattered else y_block + panel.pieces[0].y
                    # Rows of c lie in different planes, which the processor's own prefetching does not
                    # follow; short sums leave no time for it.
                    t.c_lines = STORED if panel.scattered else lines_of_y(job, chunk.terms >= LONG)
                    t.c_row = job.tile_pixels * item if panel.scattered else job.y.channel
                    if c == 0:
                        t.init = bias + q * blocks.step * lanes * item
                        t.init_next = 0
                        t.init_row = lanes * item
                        t.init_vector = 0
                    else:
                        if panel.scattered:
                            scatter(job, panel, y_block, packed, rows, True)
                        t.init = t.c
                        t.init_next = t.c_next
                        t.init_row = t.c_row
                        t.init_vector = lanes * item
                    job.kernels.tile[0 if t.lanes <= lanes else 1][rows - 1](&t)
                    if job.activation > CLAMP and final:
                        job.kernels.activate(job.activation, t.c, t.c_row, rows,
                                             t.lanes + (t.count - 1) * job.tile_pixels)
                    if panel.scattered:
                        scatter(job, panel, y_block, packed, rows, False)
        at = end
