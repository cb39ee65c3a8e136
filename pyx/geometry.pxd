# What a convolution is, in integers, and how its work is cut into pieces.  No element type
# appears here: arrays are an address and strides in bytes.  Axes are always depth, height,
# width; a convolution with fewer axes has ones in front.
from kernel_table cimport AROUND, FETCHED, STORED, CLines, KernelTable, Segment

cdef enum PadMode:                  # what lies outside of  a b c d
    CONSTANT                        #   0 0 | a b c d | 0 0
    EDGE                            #   a a | a b c d | d d
    REFLECT                         #   c b | a b c d | c b
    SYMMETRIC                       #   b a | a b c d | d c
    WRAP                            #   c d | a b c d | a b

cdef struct Geometry:
    Py_ssize_t batch
    Py_ssize_t groups
    Py_ssize_t ic                   # input channels of a group
    Py_ssize_t oc                   # output channels of a group
    Py_ssize_t size[3]              # input, output and kernel extents
    Py_ssize_t out[3]
    Py_ssize_t kernel[3]
    Py_ssize_t stride[3]
    Py_ssize_t dilation[3]
    Py_ssize_t before[3]            # padding in front; what is behind follows from `out`
    PadMode pad_mode

cdef struct Array:                  # strides in bytes
    char* data
    Py_ssize_t batch
    Py_ssize_t channel
    Py_ssize_t axis[3]

# The sum of one output runs over kernel rows (depth and height together), the positions of a
# row, and channels.  A chunk is a box of that space whose operands fit the second-level cache, and
# whose terms, for Winograd's algorithm along one axis, are few enough that rounding errors do not grow.
# Chunks follow each other in the order of the sum; they depend on the kernel's shape, the
# element type and the instruction set alone, so that results do not depend on anything else.
cdef struct Chunk:
    Py_ssize_t channel              # first and number
    Py_ssize_t channels
    Py_ssize_t row
    Py_ssize_t rows
    Py_ssize_t column
    Py_ssize_t columns
    Py_ssize_t terms                # channels * rows * columns
    Py_ssize_t before               # terms of all chunks before this one

# Packed weights: the output channels of a group in blocks of `step`, the last of `tail`; in
# each block the terms in the order of the sum; for each term the block's weights.
cdef struct Blocks:
    Py_ssize_t step
    Py_ssize_t count
    Py_ssize_t tail                 # width of the last block, padded to whole vectors if need be
    Py_ssize_t terms                # of the whole sum
    bint columns_first              # a chunk's sum runs over columns, then rows, then channels
    Py_ssize_t group_items          # elements of a group's weights
    Py_ssize_t bias_items           # elements of a group's bias table

cdef enum:
    FAR_BYTES = 3 << 22             # of an array that no cache holds from one layer to the next
    COLLIDING = 1 << 11             # pixels or rows so many bytes apart meet in a few sets of the first-level cache
    MAX_BANDS = 8

# Winograd: outputs are cut into tiles of m x m; those of a dilated kernel that lie `dilation`
# apart are a phase, which is a picture of its own.  A site is the place of a tile in a plane of
# outputs; sites are counted over the samples, and over planes if the kernel has no depth.  The last tile
# of a row or column is partial if it has fewer outputs; it then takes fewer points than 6.  Sites are
# counted class by class: partial columns alone, full tiles, partial rows alone, both partial.
cdef struct Transform:
    Py_ssize_t m
    bint late                       # whether weights are transformed while they are multiplied
    Py_ssize_t phases[2]            # rows and columns of them
    Py_ssize_t tiles[2]             # of a phase,
    Py_ssize_t points[2]            # and of the last of them, down and across
    Py_ssize_t sites
    Py_ssize_t classes[5]           # the first site of each class, and the end
    Py_ssize_t planes               # output planes of a site
    Py_ssize_t block_sites          # of a block: a piece of work
    Py_ssize_t block_planes
    Py_ssize_t slices               # input planes that a block transforms, at most
    Py_ssize_t input_row            # bytes from one transformed tile to the next
    Py_ssize_t input_plane          # and from each of the 36 to the next
    Py_ssize_t sums_plane
    bint far                        # whether lines of x and y are fetched before they are needed

# Winograd along one axis: outputs along it are cut into tiles of m, the rest of the kernel is part of
# the sum.  Sites along that axis are tiles, phase by phase; along the others they are outputs.
# The products are a convolution of its own, `inner`, whose kernel has along that axis as many
# positions as there are groups of taps that tiles next to each other meet.
cdef struct Lines:
    Py_ssize_t axis                 # 1 or 2, of axes in the order of Job.axes
    Py_ssize_t m
    bint whole                      # few channels: points are whole numbers, so that whole sums stay whole
    bint fused                      # few weights: sums stay in registers until they are outputs,
    bint channels_first             # and lanes are sites along the last axis
    Py_ssize_t phases
    Py_ssize_t tiles                # of a phase
    Py_ssize_t box[3]               # sites of a block, of a phase,
    Py_ssize_t boxes[3]             # and blocks
    Py_ssize_t inputs[3]            # transformed inputs of a block
    Py_ssize_t pixel                # bytes from one of them to the next, channels last,
    Py_ssize_t input_plane          # and from each of the 6 planes to the next
    Py_ssize_t sums_plane
    Geometry inner

cdef struct Job:                    # one call: read by all threads, written by none
    Geometry g
    const KernelTable* kernels
    Array x
    Array y
    const Chunk* chunks
    Py_ssize_t n_chunks
    bint apart                      # sums of chunks are added; else one goes on where another ends
    Blocks blocks
    const char* weights
    const char* bias
    Py_ssize_t ahead                # bytes ahead of which weights are fetched, as Tile's
    bint skip_padding               # products with zero padding may be left out
    Py_ssize_t activation
    Py_ssize_t limits               # of relu and relu6, see Tile
    # How output pixels are cut into tiles, and tiles and blocks into units of work.
    Py_ssize_t tile_pixels
    Py_ssize_t row_tiles            # tiles of one output row; 0 if tiles go on in the next row
    Py_ssize_t tiles                # of the whole batch
    Py_ssize_t bands                # channels-first: tiles do not cross these output columns, and
    Py_ssize_t band_end[MAX_BANDS]  # a column of a widely dilated kernel is padding for all of a band
    Py_ssize_t band_tiles[MAX_BANDS]        # tiles up to the end of each band
    bint colliding                  # channels-last: pixels inside are copied too, to lie less regularly
    Py_ssize_t group_filters        # grouped: filters of a group; g.oc are those of all groups
    bint picking                    # lanes pick their channels from vectors of pixels,
    bint spreading                  # or channels are spread in the strip,
    Py_ssize_t pixel_vectors        # where a pixel is so many vectors
    bint meeting                    # blocks are stored to lines of memory that others are stored to
    bint turned                     #   whether planes are turned, see grouped_planes.pxd,
    bint in_place                   #   and whether interior columns are read where they lie: these
    Py_ssize_t interior[2]          #   of all output columns, from tile to tile, or all if
    bint bare                       #   tiles at an edge, those of a stencil too, leave out what is outside;
    Py_ssize_t near_blocks          #   blocks that a column of tiles computes together,
    bint by_rows                    #   row by row,
    bint falling                    #   or from the band's first row to its last in registers,
    Py_ssize_t pass_blocks          #   and before the next column,
    bint far                        #   whether what comes next is fetched meanwhile: the next column,
    Py_ssize_t next_unit            #   or if this is not 0, what lies so many bytes ahead,
    Py_ssize_t depths               #   depths of a unit,
    Py_ssize_t rectangle[2]         #   and its rows and columns; stencil: of a block, and
    Py_ssize_t planes               #   planes of the input that are copied at a time
    Py_ssize_t levels               #   levels of fast FIR, or 0; groups that share a
    Py_ssize_t joined               #   strip; and whether all channels of a pixel are
    bint together                   #   copied at once
    bint scattered                  # lanes are channels, or pixels, that are no neighbours in y
    bint around                     # y is too large to stay in cache until it is read: it goes to memory at once
    Transform winograd
    Lines lines
    Py_ssize_t axes[3]              # of the arrays: depth, height and width, or in the order that suits lines
    char* flags                     # of each of Winograd's tiles: whether an output is not finite
    Py_ssize_t tiles_at_once        # whose operands are kept in cache together
    Py_ssize_t unit_tiles
    Py_ssize_t tile_units           # of one group; its units follow each other, or
    bint mixed                      #   those of all groups with the same tiles do
    Py_ssize_t whole_units          # units of all groups that have all blocks; those
    Py_ssize_t parts                # behind them are divided into parts, so that all threads end
    Py_ssize_t part_blocks          # together, and have so many blocks
    Py_ssize_t units
    Py_ssize_t stretched            # of which threads have stretches; the others are taken one by one
    Py_ssize_t scratch_bytes        # of one thread
    char* scratch


cdef inline CLines lines_of_y(const Job* job, bint fetched) noexcept nogil:
    """How results come to y; sums that are long enough leave time for its lines to be fetched."""
    return AROUND if job.around else FETCHED if fetched else STORED


cdef struct Unit:                   # a piece of work: some tiles and some blocks of output channels
    Py_ssize_t group
    Py_ssize_t tile
    Py_ssize_t tile_end
    Py_ssize_t block
    Py_ssize_t block_end


cdef inline Unit unit_of(const Job* job, Py_ssize_t n) noexcept nogil:
    cdef Unit u
    cdef Py_ssize_t part = n - job.whole_units
    u.block = 0
    u.block_end = job.blocks.count
    if part >= 0:
        n = job.whole_units + part // job.parts
        u.block = part % job.parts * job.part_blocks
        u.block_end = min(u.block + job.part_blocks, job.blocks.count)
    if job.mixed:
        u.group, n = n % job.g.groups, n // job.g.groups
    else:
        u.group, n = n // job.tile_units, n % job.tile_units
    u.tile = n * job.unit_tiles
    u.tile_end = min(u.tile + job.unit_tiles, job.tiles)
    return u


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline Py_ssize_t positive_mod(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    a = a % b
    return a + b if a < 0 else a


cdef inline Py_ssize_t source_index(Py_ssize_t i, Py_ssize_t n, PadMode mode) noexcept nogil:
    """Where the element at i of the padded axis comes from; -1 for zero padding."""
    if 0 <= i < n:
        return i
    if mode == CONSTANT:
        return -1
    if mode == EDGE or n == 1:
        return 0 if i < 0 else n - 1
    if mode == REFLECT:
        i = positive_mod(i, 2 * n - 2)
        return i if i < n else 2 * n - 2 - i
    if mode == SYMMETRIC:
        i = positive_mod(i, 2 * n)
        return i if i < n else 2 * n - 1 - i
    return positive_mod(i, n)


cdef inline Py_ssize_t block_width(const Blocks* b, Py_ssize_t q) noexcept nogil:
    return b.step if q < b.count - 1 else b.tail


cdef inline Py_ssize_t tap_term(const Blocks* b, const Chunk* chunk, Py_ssize_t row,
                                Py_ssize_t column) noexcept nogil:
    """The first term of a position of the kernel, counted from the chunk's first row and column."""
    if b.columns_first:
        return (column * chunk.rows + row) * chunk.channels
    return (row * chunk.columns + column) * chunk.channels


cdef inline Py_ssize_t kernel_rows(const Geometry* g) noexcept nogil:
    return g.kernel[0] * g.kernel[1]


cdef inline bint source_row(const Job* job, Py_ssize_t od, Py_ssize_t oh, Py_ssize_t row,
                            Py_ssize_t* offset) noexcept nogil:
    """Whether kernel row `row` meets an input row at output (od, oh), and that row's offset."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t kd = row // g.kernel[1] if g.kernel[0] > 1 else 0   # divisions are slow here
    cdef Py_ssize_t kh = row - kd * g.kernel[1]
    cdef Py_ssize_t d = source_index(od * g.stride[0] - g.before[0] + kd * g.dilation[0],
                                     g.size[0], g.pad_mode)
    cdef Py_ssize_t h = source_index(oh * g.stride[1] - g.before[1] + kh * g.dilation[1],
                                     g.size[1], g.pad_mode)
    if d < 0 or h < 0:
        return False
    offset[0] = d * job.x.axis[0] + h * job.x.axis[1]
    return True


cdef inline void inside(const Geometry* g, Py_ssize_t column, Py_ssize_t first, Py_ssize_t n,
                        Py_ssize_t* lo, Py_ssize_t* hi) noexcept nogil:
    """Of n output columns from `first` on, those in [lo, hi) meet real input under `column`."""
    cdef Py_ssize_t shift = g.before[2] - column * g.dilation[2]
    cdef Py_ssize_t s = g.stride[2]
    cdef Py_ssize_t a = ceil_div(shift, s) if shift > 0 else 0
    cdef Py_ssize_t b = (g.size[2] - 1 + shift) // s + 1 if g.size[2] - 1 + shift >= 0 else 0
    lo[0] = min(max(a - first, 0), n)
    hi[0] = max(min(b - first, n), lo[0])


cdef inline void inside_input(const Geometry* g, Py_ssize_t ix, Py_ssize_t n, Py_ssize_t* lo,
                              Py_ssize_t* hi) noexcept nogil:
    """Of n columns ix + i * stride, those with i in [lo, hi) are in the input."""
    cdef Py_ssize_t first = max(-ix, 0), end = max(g.size[2] - ix, 0)
    if g.stride[2] > 1:             # divisions are slow here
        first, end = ceil_div(first, g.stride[2]), ceil_div(end, g.stride[2])
    lo[0] = min(first, n)
    hi[0] = max(min(end, n), lo[0])


cdef inline bint interior(const Geometry* g, const Chunk* chunk, Py_ssize_t first,
                          Py_ssize_t n) noexcept nogil:
    """Whether n output columns from `first` on all meet real input under a chunk's columns."""
    cdef Py_ssize_t ix = first * g.stride[2] - g.before[2] + chunk.column * g.dilation[2]
    return ix >= 0 and (ix + (n - 1) * g.stride[2] + (chunk.columns - 1) * g.dilation[2]
                        < g.size[2])
