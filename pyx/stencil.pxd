# Few output channels in planes: the lanes of a tile are pixels of a row, its rows are output rows of
# one channel, so that a row of the input that is loaded once serves all kernel rows that meet it.
#
# A block is a rectangle of outputs of the channels of a group, or of all groups that share a strip.
# What it reads, padding included, is copied to that strip in scratch memory (strip.pxd), as few planes
# (channels and depths) of one group at a time as the cache holds; the sums go on from one part to the
# next.  Small outputs are cut further, until all threads have equally many blocks.  Where tiles can leave
# out what is outside of the input, the input is the strip (stencil_in_place.pxd).  Fast FIR (fast_fir.pxd)
# takes a block's rows for several sums of fewer kernel rows.
from arrays cimport follows
from fast_fir cimport MAX_POINTS, points_of, taps_before
from geometry cimport CONSTANT, Geometry, Job, ceil_div, kernel_rows, lines_of_y
from kernel_table cimport (CLAMP, FETCHED_PIECES, MAX_LEVELS, MAX_STENCIL_HEIGHT, STORED, Gather, KernelTable, Place,
                           Segment, Stencil)
from row_stencil cimport LISTED, Rows, forget_rows, row_stencil_block, rows_in_place
from stencil_in_place cimport BAND, BLOCKS, cover_in_place, planes_in_place, rows_of_block
from strip cimport (Ahead, Block, Strip, class_height, column_at, fetches, fill_planes, pieces_ahead,
                    planes_of, slot_of, source_depth, strip_of, whole_phases)

cdef enum:
    STRIP = 1 << 19                 # bytes of a strip: half of a usual second-level cache
    SEGMENTS = 1 << 14              # of a strip's planes
    COLUMNS = 1 << 13               # bytes of an output row of a block
    LONG = 64                       # terms of a sum that takes longer than a line of memory takes to come
    ROWS = 64                       # output rows of a block, at most
    SUMMED = 8                      # planes of segments of several heights
    FEW_ROWS = 16                   # and at least, unless a plane is too large
    FEW_BLOCKS = 4                  # to a thread: below, all threads have equally many, of fewer rows,
    LEAST_ROWS = 4                  #   but not fewer than these
    NARROW = 4                      # a tile's widths that a block is not narrowed below for more planes


cdef inline Py_ssize_t held_planes(const Geometry* g, const KernelTable* kernels) noexcept nogil:
    """Planes of what a tile reads that half a strip holds."""
    cdef Job tile
    tile.g, tile.kernels, tile.levels = g[0], kernels, 0
    return STRIP // 2 // strip_of(&tile, 1 if g.out[1] == 1 else kernels.stencil_rows, kernels.lanes * kernels.nv).plane


cdef inline Py_ssize_t run_width(const Job* job) noexcept nogil:
    """If there is one row of outputs, the rows of a tile are runs of it, of so many elements; else 0."""
    return job.kernels.lanes * job.kernels.nv if job.g.out[1] == 1 else 0


cdef inline Py_ssize_t segment_height(const Job* job) noexcept nogil:
    return 1 if run_width(job) > 0 else job.kernels.stencil_height


cdef inline Py_ssize_t plane_segments(const Job* job, const Strip* s) noexcept nogil:
    """Of the plain sum, and of all points."""
    cdef Py_ssize_t n, count = plain_segments(job, s), first = first_leaf(job)
    for n in range(first, first + points_of(job.levels)):
        count += ceil_div(s.taps[n], segment_height(job)) * job.g.kernel[2]
    return count


cdef inline Py_ssize_t plain_segments(const Job* job, const Strip* s) noexcept nogil:
    cdef Py_ssize_t n, count = 0
    for n in range(s.classes):
        count += ceil_div(class_height(&job.g, s, n), segment_height(job))
    return count * job.g.kernel[2]


cdef inline Py_ssize_t first_leaf(const Job* job) noexcept nogil:
    """The first of a strip's sums that no others replace: point 0."""
    return 4 if job.levels == 2 else 1


cdef inline Py_ssize_t heights_present(const Job* job, const Strip* s) noexcept nogil:
    """A bit for each height that segments have: a class is parts of nearly equal height."""
    cdef Py_ssize_t n, r, parts, present = 0
    for n in range(s.classes):
        r = class_height(&job.g, s, n)
        parts = ceil_div(r, segment_height(job))
        present |= 1 << r // parts | 1 << ceil_div(r, parts)
    return present


cdef inline Py_ssize_t summed_at_once(const Job* job, const Strip* s) noexcept nogil:
    """Planes whose segments come together, by falling height.

    They have the order of planes if all have one height; else these are few: any strip can hold them, so that
    the order of a sum depends neither on the size of pictures nor on how they lie.
    """
    cdef Py_ssize_t present = heights_present(job, s)
    return SUMMED if job.levels > 0 or present & (present - 1) != 0 else planes_of(job)


cdef inline bint stored_once(const Job* job) noexcept nogil:
    """Whether no output is loaded again, to add more planes to it."""
    cdef Strip s = strip_of(job, 1, 1)
    return job.in_place or job.planes == planes_of(job) <= summed_at_once(job, &s)


cdef inline void merge_rows(Job* job) noexcept nogil:
    """A kernel along the depth sees rows and columns as one row, if they follow each other, and depths as rows.

    Rows of a tile then share what is loaded.  The sum must not depend on how arrays lie, and keeps its order
    if kernel rows are segments of one height.
    """
    cdef Geometry* g = &job.g
    cdef Py_ssize_t parts = ceil_div(g.kernel[0], job.kernels.stencil_height), a
    if g.kernel[0] == 1 or g.out[0] == 1 or g.stride[0] > 1 or g.kernel[0] % parts > 0:
        return
    for a in range(1, 3):
        if g.kernel[a] > 1 or g.stride[a] > 1 or g.before[a] != 0 or g.out[a] != g.size[a]:
            return
    if not (follows(&job.x, job.x.axis[1], g.size[2]) and follows(&job.y, job.y.axis[1], g.size[2])):
        return
    g.size[2] *= g.size[1]
    g.out[2] = g.size[2]
    g.size[1], g.out[1], g.kernel[1] = g.size[0], g.out[0], g.kernel[0]
    g.dilation[1], g.before[1] = g.dilation[0], g.before[0]
    g.size[0] = g.out[0] = g.kernel[0] = g.dilation[0] = 1
    g.before[0] = 0
    job.x.axis[1], job.y.axis[1] = job.x.axis[0], job.y.axis[0]


cdef inline void cut_blocks(Job* job, Py_ssize_t threads) noexcept nogil:
    """Rows and columns of a block, and planes of a strip, which are the same for any number of threads."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t width = job.kernels.lanes * job.kernels.nv
    cdef Py_ssize_t most = (ROWS if run_width(job) > 0 else 1) * COLUMNS // job.kernels.item
    cdef Py_ssize_t planes = planes_of(job)
    cdef Strip s = strip_of(job, 1, 1)
    cdef Py_ssize_t at_once = summed_at_once(job, &s)
    # Of the planes that the strip holds.
    cdef Py_ssize_t least = planes if job.joined > 1 else at_once if at_once < planes else 1
    cdef Py_ssize_t rows = ceil_div(g.out[1], s.apart), columns, limit
    job.in_place = rows_in_place(job)
    job.bare = not job.in_place and planes_in_place(job)
    if job.bare:
        if run_width(job) > 0:
            most = max(g.out[2] // BLOCKS, job.kernels.stencil_rows * width)
        job.rectangle[1] = even_part(g.out[2], most, width)
        job.rectangle[0] = even_part(rows, rows_of_block(job), job.kernels.stencil_rows)
        job.planes = planes
        count_blocks(job, rows, s.apart, threads)
        return
    if job.in_place:
        limit = BAND // (planes * job.kernels.item)         # elements of a plane
        job.rectangle[1] = even_part(g.out[2], limit // (g.stride[1] * g.stride[2]), width)
        job.rectangle[0] = even_part(rows, limit // (g.stride[1] * g.stride[2] * job.rectangle[1]), 1)
        job.planes = planes
        count_blocks(job, rows, s.apart, threads)
        return
    columns = even_part(g.out[2], most, width)
    # All planes of some runs of a row, if the strip holds them.
    while (run_width(job) > 0 and columns > FEW_ROWS * width
           and planes * strip_of(job, 1, columns).plane + sums_bytes(job, columns) > STRIP):
        columns = max(even_part(g.out[2], columns // 2, width), FEW_ROWS * width)
    job.rectangle[0] = min(rows, ROWS)
    # Channels that come together stay together, in narrow blocks.
    while job.together and columns > NARROW * width and (
            planes * strip_of(job, min(rows, FEW_ROWS), columns).plane > STRIP):
        columns = even_part(g.out[2], columns - 1, width)
    # All planes of some rows, if the strip holds them; else some planes.
    while (job.rectangle[0] > FEW_ROWS << job.levels
           and planes * strip_of(job, job.rectangle[0], columns).plane + sums_bytes(job, columns) > STRIP):
        job.rectangle[0] = even_part(rows, job.rectangle[0] - 1, job.kernels.stencil_rows)
    # If it does not, one filter's sums are soon moved: higher blocks have fewer rows that are copied twice.
    if (g.oc == 1 and not job.together
            and planes * strip_of(job, job.rectangle[0], columns).plane + sums_bytes(job, columns) > STRIP):
        job.rectangle[0] = min(rows, 2 * FEW_ROWS << job.levels)
    while (least * strip_of(job, job.rectangle[0], columns).plane + sums_bytes(job, columns)
           > (STRIP // 2 if 1 == least < planes else STRIP)):
        if columns > width:
            columns = even_part(g.out[2], columns - 1, width)
        elif job.rectangle[0] > 1:
            job.rectangle[0] = job.rectangle[0] // 2
        else:
            break
    job.rectangle[1] = columns
    s = strip_of(job, job.rectangle[0], columns)
    limit = max(min(STRIP // s.plane, SEGMENTS // plane_segments(job, &s)), least)
    job.planes = ceil_div(planes, ceil_div(planes, limit))
    if at_once < planes and job.planes < planes:
        job.planes = max(job.planes // at_once, 1) * at_once
    job.rectangle[0] = min(even_part(rows, job.rectangle[0], 1 << job.levels), job.rectangle[0])
    count_blocks(job, rows, s.apart, threads)


cdef inline void count_blocks(Job* job, Py_ssize_t rows, Py_ssize_t apart, Py_ssize_t threads) noexcept nogil:
    """Of so many rows, for each of the phases of a dilated kernel; smaller ones if threads had unequally many."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t width = job.kernels.lanes * job.kernels.nv, parts
    cdef Py_ssize_t planes = g.batch * ceil_div(g.groups, job.joined) * g.out[0] * min(apart, g.out[1])
    cdef Py_ssize_t across = ceil_div(g.out[2], job.rectangle[1])
    job.tiles = planes * across * ceil_div(rows, job.rectangle[0])
    if job.tiles % threads == 0 or job.tiles >= FEW_BLOCKS * threads:
        return
    parts = ceil_div(ceil_div(job.tiles, threads) * threads, planes)
    if run_width(job) > 0:
        job.rectangle[1] = min(job.rectangle[1], max(even_part(g.out[2], ceil_div(g.out[2], parts), width),
                                                     job.kernels.stencil_rows * width))
    else:
        parts = ceil_div(parts, across)
        job.rectangle[0] = min(job.rectangle[0], max(even_part(rows, ceil_div(rows, parts), 1 << job.levels),
                                                     LEAST_ROWS << job.levels))
    job.tiles = planes * ceil_div(rows, job.rectangle[0]) * ceil_div(g.out[2], job.rectangle[1])


cdef inline Py_ssize_t even_part(Py_ssize_t n, Py_ssize_t most, Py_ssize_t of) noexcept nogil:
    """The largest of nearly equal parts of n, of at most `most`, if it may be: a multiple of `of`, or n."""
    cdef Py_ssize_t part = ceil_div(n, ceil_div(n, max(most, 1)))
    part = ceil_div(part, of) * of
    if part > most:
        part = max(most // of * of, of)
    return min(part, n)


cdef inline Py_ssize_t stencil_scratch(const Job* job) noexcept nogil:
    """What the strip holds, segments, the strip, what the last vector may read too much, and sums."""
    cdef Strip s = strip_of(job, job.rectangle[0], job.rectangle[1])
    if job.in_place:
        return 0
    if job.bare:
        return job.planes * plane_segments(job, &s) * <Py_ssize_t> (sizeof(Segment) + sizeof(Place))
    return (job.g.kernel[0] * <Py_ssize_t> (sizeof(Py_ssize_t) + sizeof(bint))
            + pieces_listed(job, &s) * <Py_ssize_t> sizeof(char*)
            + job.planes * plane_segments(job, &s) * <Py_ssize_t> sizeof(Segment)
            + job.planes * s.plane + job.kernels.lanes * job.kernels.nv * job.kernels.item + 128
            + (s.rows * sums_row(job, job.rectangle[1]) if job.levels > 0 else 0)
            + sums_bytes(job, job.rectangle[1]))


cdef inline Py_ssize_t pieces_listed(const Job* job, const Strip* s) noexcept nogil:
    """That a run of tiles fetches for the next strip."""
    cdef Py_ssize_t tiles = ceil_div(job.rectangle[1], job.kernels.lanes * job.kernels.nv)
    return FETCHED_PIECES * tiles * job.planes * plane_segments(job, s) if fetches(job) else 0


cdef inline Py_ssize_t sums_row(const Job* job, Py_ssize_t columns) noexcept nogil:
    """Bytes of a row of sums in scratch memory."""
    return (ceil_div(columns * job.kernels.item, 64) | 1) * 64


cdef inline Py_ssize_t sums_bytes(const Job* job, Py_ssize_t columns) noexcept nogil:
    """Of the sums of a block of so many columns, if those of a filter are no neighbours in the output."""
    return job.joined * job.g.oc * job.rectangle[0] * sums_row(job, columns) if job.scattered else 0


cdef inline Py_ssize_t count_of(Py_ssize_t n, Py_ssize_t part) noexcept nogil:
    """Parts that n items are; divisions are slow here."""
    return 1 if n == part else n if part == 1 else ceil_div(n, part)


cdef inline Py_ssize_t take_digit(Py_ssize_t* n, Py_ssize_t base) noexcept nogil:
    """The last digit of n in a base, without which n goes on."""
    cdef Py_ssize_t digit = 0
    if base > 1:                        # divisions are slow here
        digit = n[0] % base
        n[0] = n[0] // base
    return digit


cdef inline Block block_of(const Job* job, const Strip* s, Py_ssize_t n) noexcept nogil:
    """Block n: depths follow each other, then columns, rows, groups and samples; or groups before columns.

    Channels-last, they are: outputs of groups share lines, which should be complete before they leave the cache.
    """
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item
    cdef Py_ssize_t across = count_of(g.out[2], job.rectangle[1])
    cdef Py_ssize_t down = count_of(count_of(g.out[1], s.apart), job.rectangle[0])
    cdef Py_ssize_t apart = min(s.apart, g.out[1]), groups = count_of(g.groups, job.joined), group = 0, sample
    cdef Block b
    b.od = take_digit(&n, g.out[0])
    b.plane = n
    if job.scattered:
        group = take_digit(&n, groups)
    b.ow = take_digit(&n, across) * job.rectangle[1]
    b.oh = take_digit(&n, down) * job.rectangle[0] * s.apart
    b.oh += take_digit(&n, apart)
    if not job.scattered:
        group = take_digit(&n, groups)
    group = min(group * job.joined, g.groups - job.joined)
    sample = n
    b.rows = max(min(job.rectangle[0], ceil_div(g.out[1] - b.oh, s.apart)), 0)
    b.columns = min(job.rectangle[1], g.out[2] - b.ow)
    b.x = job.x.data + sample * job.x.batch + group * g.ic * job.x.channel
    b.y = (job.y.data + sample * job.y.batch + group * g.oc * job.y.channel + b.od * job.y.axis[0]
           + b.oh * job.y.axis[1] + b.ow * job.y.axis[2])
    b.weights = job.weights + group * job.blocks.group_items * item
    b.bias = job.bias + group * job.blocks.bias_items * item
    return b


cdef inline const char* bias_of(const Job* job, const Block* b, Py_ssize_t f) noexcept nogil:
    """Of a filter, counted from the first of the block's groups."""
    return b.bias + (f // job.g.oc * job.blocks.bias_items + f % job.g.oc) * job.kernels.item


cdef inline void stencil_unit(const Job* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    """Computes a unit: some filters' outputs of some blocks.

    What the strip holds of the block before is not copied again.
    """
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, planes = planes_of(job), group_planes = planes // job.joined
    cdef Strip s = strip_of(job, job.rectangle[0], job.rectangle[1])
    cdef Segment* segments = <Segment*> scratch
    cdef Place* places = <Place*> (segments + job.planes * plane_segments(job, &s)) if job.bare else NULL
    cdef const char** pieces = <const char**> (segments + job.planes * plane_segments(job, &s))
    cdef Py_ssize_t* held = <Py_ssize_t*> (pieces + pieces_listed(job, &s))
    cdef bint* wild = <bint*> (held + g.kernel[0])
    cdef char* strip = <char*> (wild + g.kernel[0])
    cdef Py_ssize_t n, k, f, group, first, count, levels, filters, filters_end, end
    # Where blocks are as wide as the output, zeros at their sides stay from one to the next, and if they
    # are as high, those above and below; in so many rows.
    cdef Py_ssize_t clear = 0
    cdef Py_ssize_t at_once = summed_at_once(job, &s), begin, together
    cdef bint last
    cdef bint wide = (g.pad_mode == CONSTANT and g.kernel[0] == 1 and g.out[0] == 1
                      and job.rectangle[1] == g.out[2])
    cdef bint whole = wide and s.apart == 1 and job.rectangle[0] == g.out[1]
    cdef Py_ssize_t plane = -1, listed = -1, points_listed = -1
    cdef Block b
    cdef Rows rows[LISTED]
    cdef Stencil t
    cdef Ahead ahead
    cdef bint fetching = not job.bare and fetches(job)       # a strip while tiles of the one before compute
    cdef Points points
    cdef Segment* points_segments = segments + job.planes * plain_segments(job, &s)
    cdef char* common
    cdef char* sums
    cdef char* c
    cdef Py_ssize_t c_row
    cdef Py_ssize_t sums_plane = job.rectangle[0] * sums_row(job, job.rectangle[1])
    forget_rows(rows)
    if job.bare:
        s.row = job.x.axis[1]
    strip += 64 - <Py_ssize_t> strip % 64
    common = strip + job.planes * s.plane + job.kernels.lanes * job.kernels.nv * item
    common += 64 - <Py_ssize_t> common % 64
    sums = common + (s.rows * sums_row(job, job.rectangle[1]) if job.levels > 0 else 0)
    t.segments, t.places = segments, places
    t.summands = t.ahead = 0
    t.fetch = NULL
    t.a_row = s.cycle * g.ic * item
    t.c_lines = lines_of_y(job, job.blocks.terms >= LONG)
    filters = unit % job.parts * job.part_blocks
    filters_end = min(filters + job.part_blocks, job.joined * g.oc)
    ahead.pieces, ahead.parts = pieces, filters_end - filters
    unit = unit // job.parts
    end = min((unit + 1) * job.unit_tiles, job.tiles)
    for n in range(unit * job.unit_tiles, end):
        b = block_of(job, &s, n)
        if b.rows == 0:
            continue
        if job.in_place:
            row_stencil_block(job, &s, &b, filters, filters_end, at_once, rows)
            continue
        first = 0
        while first < planes:
            count = min(job.planes, planes - first)
            if b.plane != plane or count < planes:
                for k in range(0 if job.bare else g.kernel[0]):
                    held[k], wild[k] = -1, False
                plane = b.plane
            if not job.bare:
                fill_planes(job, &s, &b, first, count, b.rows <= clear, whole and b.rows <= clear, held, wild, strip)
            levels = job.levels
            for k in range(g.kernel[0] if levels > 0 else 0):
                levels = 0 if wild[k] else levels
            if fetching:
                ahead.block, ahead.first, ahead.planes = b, first + count, min(job.planes, planes - first - count)
                ahead.held = NULL
                if ahead.planes == 0 and n + 1 < end:
                    ahead.block, ahead.first, ahead.planes = block_of(job, &s, n + 1), 0, min(job.planes, planes)
                    ahead.held = held if count == planes and ahead.block.plane == plane else NULL
            begin = first
            while begin < first + min(count, group_planes):
                together = min(at_once, first + min(count, group_planes) - begin)
                if levels > 0:
                    if points_listed != b.od or together < group_planes:
                        list_points(job, &s, b.od, first, begin, together, points_segments, &points)
                        points_listed = b.od
                elif listed != b.od or together < group_planes:
                    add_segments(job, &s, b.od, first, begin, together, segments, places, t.heights)
                    listed = b.od
                last = begin + together == group_planes
                t.limits = job.limits if last else 0
                for f in range(filters, filters_end):
                    ahead.part = f - filters
                    group = f // g.oc
                    t.a = b.weights + f * job.blocks.terms * item
                    t.init = bias_of(job, &b, f) if begin == 0 else NULL
                    t.b, t.b_row = strip + group * group_planes * s.plane, s.row
                    t.c, t.c_row = b.y + f * job.y.channel, s.apart * job.y.axis[1]
                    if job.scattered:
                        t.c, t.c_row = sums + (f - filters) * sums_plane, sums_row(job, job.rectangle[1])
                    c, c_row = t.c, t.c_row
                    if levels > 0:
                        points.zero = b.bias + (g.oc + 1) * item
                        cover_points(job, &s, &points, &t, levels, 0, b.rows, b.columns, common)
                    elif job.bare:
                        cover_in_place(job, &b, &t)
                    elif run_width(job) > 0:
                        cover_runs(job, &t, b.columns)
                    else:
                        cover(job, &t, b.rows, b.columns, &ahead if fetching and begin == first else NULL)
                    if job.activation > CLAMP and last:
                        job.kernels.activate(job.activation, c, c_row, b.rows, b.columns)
                begin += together
            first += count
        if job.scattered:
            scatter(job, &s, &b, filters, filters_end - filters, sums, sums_plane)
        if wide:
            clear = max(clear, b.rows)


cdef inline void scatter(const Job* job, const Strip* s, const Block* b, Py_ssize_t first, Py_ssize_t filters,
                         const char* sums, Py_ssize_t sums_plane) noexcept nogil:
    """Takes a block's sums of some filters from planes to pixels."""
    cdef Gather gather
    cdef Py_ssize_t r
    gather.columns = 1
    gather.to_column = gather.source_column = 0
    gather.rows, gather.lanes = b.columns, filters
    gather.to_row, gather.source_row, gather.source_lane = job.y.axis[2], job.kernels.item, sums_plane
    for r in range(b.rows):
        gather.to = b.y + first * job.y.channel + r * s.apart * job.y.axis[1]
        gather.source = sums + r * sums_row(job, job.rectangle[1])
        job.kernels.gather(&gather)


cdef struct Points:                 # what the sums of each point take from the strip
    const Segment* segments[MAX_POINTS]
    Py_ssize_t heights[MAX_POINTS][MAX_STENCIL_HEIGHT]
    const char* zero


cdef inline void list_points(const Job* job, const Strip* s, Py_ssize_t od, Py_ssize_t first, Py_ssize_t begin,
                             Py_ssize_t planes, Segment* segments, Points* p) noexcept nogil:
    """A point is a stencil of fewer kernel rows, and of rows of the strip that may lie apart."""
    cdef Job point = job[0]
    cdef Strip strip = s[0]
    cdef Py_ssize_t n, height
    for n in range(points_of(job.levels)):
        point.g.kernel[1], strip.row = s.taps[first_leaf(job) + n], s.next[first_leaf(job) + n]
        add_segments(&point, &strip, od, first, begin, planes, segments, NULL, p.heights[n])
        p.segments[n] = segments
        for height in range(MAX_STENCIL_HEIGHT):
            segments += p.heights[n][height]


cdef inline void cover_points(const Job* job, const Strip* s, const Points* points, const Stencil* t,
                              Py_ssize_t levels, Py_ssize_t node, Py_ssize_t rows, Py_ssize_t columns,
                              char* common) noexcept nogil:
    """Computes some rows of a rectangle by fast FIR: what even and odd rows have in common, then each."""
    cdef Stencil half = t[0]
    cdef Py_ssize_t k, n, point, even = ceil_div(rows, 2)
    cdef char* more = common + even * sums_row(job, job.rectangle[1])
    if levels == 0:
        point = node - first_leaf(job)
        half.segments = points.segments[point]
        for k in range(MAX_STENCIL_HEIGHT):
            half.heights[k] = points.heights[point][k]
        half.a += (taps_before(job.levels, job.g.kernel[1], point) * job.g.kernel[0] * job.g.kernel[2] * job.g.ic
                   * job.kernels.item)
        half.b += s.at[node]
        half.b_row = s.next[node]
        cover(job, &half, rows, columns, NULL)
        return
    half.init, half.summands, half.limits = points.zero, 0, 0
    half.c, half.c_row, half.c_lines = common, sums_row(job, job.rectangle[1]), STORED
    cover_points(job, s, points, &half, levels - 1, 3 * node + 1, even, columns, more)
    for k in range(2):
        half = t[0]
        half.c += k * t.c_row
        half.c_row *= 2
        for n in range(t.summands):
            half.summand[n] += k * t.summand_row[n]
            half.summand_row[n] *= 2
        half.summand[t.summands], half.summand_row[t.summands] = common, sums_row(job, job.rectangle[1])
        half.summands += 1
        cover_points(job, s, points, &half, levels - 1, 3 * node + 2 + k, rows // 2 if k else even, columns, more)


cdef inline void fetch_pieces(const Job* job, Stencil* t, const Ahead* ahead, Py_ssize_t runs,
                              Py_ssize_t run) noexcept nogil:
    """Lets each segment of each tile of a run fetch a share of what the strip will hold."""
    cdef Py_ssize_t segments = 0, n, k
    for k in range(MAX_STENCIL_HEIGHT):
        segments += t.heights[k] * t.count
    n = pieces_ahead(job, ahead, ahead.part * runs + run, ahead.parts * runs, FETCHED_PIECES * segments)
    if n == 0:
        return
    t.fetch = ahead.pieces
    for k in range(n, FETCHED_PIECES * segments):
        ahead.pieces[k] = ahead.pieces[n - 1]


cdef inline void cover(const Job* job, Stencil* t, Py_ssize_t rows, Py_ssize_t columns,
                       const Ahead* ahead) noexcept nogil:
    """Computes a rectangle by tiles of nearly equal height, which fetch what comes next."""
    cdef Py_ssize_t width = job.kernels.lanes * job.kernels.nv
    cdef Py_ssize_t run = columns // width * width
    cdef Py_ssize_t height = ceil_div(rows, max(ceil_div(rows, job.kernels.stencil_rows), 1))
    cdef const char* b = t.b
    cdef char* c = t.c
    cdef const char* summand[MAX_LEVELS]
    cdef Py_ssize_t h, n, k
    for k in range(t.summands):
        summand[k] = t.summand[k]
    h = 0
    while h < rows:
        n = min(height, rows - h) - 1
        t.b = b + h * t.b_row
        t.c = c + h * t.c_row
        for k in range(t.summands):
            t.summand[k] = summand[k] + h * t.summand_row[k]
        if run > 0:
            t.count = run // width
            t.lanes = width
            if ahead != NULL:
                fetch_pieces(job, t, ahead, ceil_div(rows, height), h // height)
            job.kernels.stencil[job.kernels.nv - 1][n](t)
        t.fetch = NULL
        if columns > run:
            t.b += run * job.kernels.item
            t.c += run * job.kernels.item
            for k in range(t.summands):
                t.summand[k] += run * job.kernels.item
            t.count = 1
            t.lanes = columns - run
            job.kernels.stencil[0 if t.lanes <= job.kernels.lanes else 1][n](t)
        h += height


cdef inline void cover_runs(const Job* job, Stencil* t, Py_ssize_t columns) noexcept nogil:
    """Computes a part of a row: runs of a tile's width as if they were rows, and the rest."""
    cdef Py_ssize_t width = run_width(job)
    cdef Py_ssize_t runs = columns // width
    cdef const char* b = t.b
    cdef char* c = t.c
    t.b_row = t.c_row = width * job.kernels.item
    cover(job, t, runs, width, NULL)
    t.b = b + runs * t.b_row
    t.c = c + runs * t.c_row
    cover(job, t, 1, columns - runs * width, NULL)


cdef inline void add_segments(const Job* job, const Strip* s, Py_ssize_t od, Py_ssize_t first, Py_ssize_t begin,
                              Py_ssize_t planes, Segment* segments, Place* places,
                              Py_ssize_t* heights) noexcept nogil:
    """What sums take from the strip: by falling height of the segments, then plane, class, part, column.

    `first`: plane of the strip; `begin`: of the sum.  `places`: of each segment, if the input is the strip.
    """
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, columns = g.kernel[2]
    cdef Py_ssize_t a_column = kernel_rows(g) * g.ic * item, present = heights_present(job, s)
    cdef Py_ssize_t height, n, k, p, i, d, r, part, parts, start, end, row, a, b, plane
    cdef Segment* segment = segments
    for height in range(MAX_STENCIL_HEIGHT, 0, -1):
        heights[height - 1] = 0
        if not present >> height & 1:
            continue
        i, d = begin // g.kernel[0], begin % g.kernel[0] - 1
        for p in range(begin, begin + planes):
            d += 1
            if d == g.kernel[0]:
                i, d = i + 1, 0
            if job.skip_padding and source_depth(g, od, d) < 0:
                continue
            plane = (slot_of(job, od, p) - first) * s.plane
            if job.bare:
                plane = i * job.x.channel + source_depth(g, od, d) * job.x.axis[0]
            row = 0
            for n in range(s.classes):
                # A class in parts of nearly equal height.
                r = class_height(g, s, n)
                parts = count_of(r, segment_height(job))
                end = 0
                for part in range(parts):
                    start, end = end, r if part + 1 == parts else (part + 1) * r // parts
                    if end - start != height:
                        continue
                    a = ((d * g.kernel[1] + n + start * s.cycle) * g.ic + i) * item
                    b = plane + (row + start) * s.row
                    for k in range(columns):
                        segment.a = a + k * a_column
                        segment.b = b + column_at(g, s, k) * item
                        segment.terms = height
                        segment += 1
                        if job.bare:
                            places.row, places.column = start, k
                            places += 1
                    heights[height - 1] += columns
                row += s.rows - 1 + r
