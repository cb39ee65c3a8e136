# The seam between drivers and kernels: what a driver hands to a kernel, and the table of
# functions that each kernel module (one per element type and instruction set) fills.
# All addresses and steps are in bytes, so that drivers need not know the element type.

cdef enum:
    LINE = 64                       # bytes of a line of cache
    MAX_MR = 14                     # the highest register tile of any instruction set
    MAX_NV = 2                      # its vectors
    MET = 7                         # terms that a wide tile takes together
    MAX_FALLING = 6                 # pixels of a falling tile
    MAX_STENCIL_ROWS = 8            # the highest stencil tile
    MAX_STENCIL_HEIGHT = 5          # and the kernel rows that one segment of it can have
    FETCHED_PIECES = 2              # of memory, that a segment of it fetches
    MAX_LEVELS = 2                  # of fast FIR
    WHOLE_SCALE = 24                # of weights that Winograd's whole points would leave fractions of
    MAX_STRIDE = 4                  # of a window that slides along the lanes,
    MAX_TAPS = 8                    # and its elements along them
    MAX_COLUMNS = 5                 # of a window whose columns registers hold
    PANEL = 256                     # bytes of a row that van Herk's algorithm takes at once
    MAX_TURNS = 8                   # columns, or lanes, of a Gather whose elements take turns

cdef enum Activation:
    LINEAR
    CLAMP                           # relu, relu6: done by the register tile itself
    LEAKY_RELU
    SIGMOID
    TANH

cdef struct Segment:                # terms of the sum whose operands lie at constant steps
    Py_ssize_t a                    # from Tile.a to the first broadcast operand, in a_unit bytes
    Py_ssize_t b                    # from Tile.b to the first vector operand, in b_unit bytes
    Py_ssize_t terms

cdef enum CLines:                   # when the lines of c come to the cache:
    STORED                          # with the results,
    FETCHED                         # before the sums,
    AROUND                          # or never, where whole lines are stored

cdef struct Tile:                   # a run of equal register tiles; contract in kernels/tile.pxi
    Py_ssize_t count                # tiles in the run, and what lies between them:
    Py_ssize_t a_next
    Py_ssize_t b_next
    Py_ssize_t c_next
    Py_ssize_t init_next
    const Segment* segments
    Py_ssize_t n_segments
    const char* a                   # broadcast operands
    Py_ssize_t a_unit
    Py_ssize_t a_row
    Py_ssize_t a_term
    const char* b                   # vector operands, a row of the tile's width a term
    Py_ssize_t b_unit
    Py_ssize_t b_term
    Py_ssize_t ahead                # so far ahead of them lines are fetched, or of pixels, if rows slide over them
    const char* fetch               # where results will be stored later, or NULL: each broadcast tile fetches
    Py_ssize_t fetch_row            # its width of half as many rows as it has, so many bytes apart
    Py_ssize_t first                # of an edge tile's vectors of each segment, the first to be loaded,
    Py_ssize_t last                 # and the one behind the last
    Py_ssize_t height               # rows of results of a falling tile (kernels/falling.pxi),
    Py_ssize_t a_below              # bytes from a row of a to the one below
    Py_ssize_t c_below
    Py_ssize_t top                  # and of its rows of a, the first to be loaded, and the one behind the last
    Py_ssize_t bottom
    const char* keys                # of a picking tile: lanes of a, a vector of integers for
    Py_ssize_t sets                 # each channel of a group
    const char* init                # where the sums start: the bias, or the sums so far
    Py_ssize_t init_row
    Py_ssize_t init_vector
    char* c                         # the result
    Py_ssize_t c_row
    Py_ssize_t lanes                # elements of a row of c, at most the tile's width
    CLines c_lines
    Py_ssize_t onto                 # 1: the result is added to c
    Py_ssize_t limits               # 1: the result is at least 0; 2: and at most 6

cdef struct Place:                  # of a segment of a stencil in its window
    Py_ssize_t row
    Py_ssize_t column

cdef struct Stencil:                # a run of stencil tiles; contract in kernels/stencil.pxi
    Py_ssize_t count
    const Segment* segments         # a and b in bytes, terms: kernel rows
    const Place* places             # of each segment, for an edge tile,
    unsigned long long rows_met     # and which rows and columns that it sees are in the input: a bit for each
    unsigned long long columns_met
    Py_ssize_t heights[MAX_STENCIL_HEIGHT]      # segments of each height, [height - 1]
    const char* a                   # weights
    Py_ssize_t a_row
    const char* b                   # input rows
    Py_ssize_t b_row
    Py_ssize_t ahead                # bytes ahead of its first row from which a tile fetches rows; 0: it does not
    const char* init                # the bias; NULL: sums go on from c
    Py_ssize_t summands             # other sums that are added
    const char* summand[MAX_LEVELS]
    Py_ssize_t summand_row[MAX_LEVELS]
    char* c
    Py_ssize_t c_row
    Py_ssize_t lanes                # elements of a row of c, at most the tile's width
    CLines c_lines
    Py_ssize_t limits
    const char* const* fetch        # FETCHED_PIECES of a tile's width for each segment of each tile, or NULL

cdef struct RowStencil:             # contract in kernels/row_stencil.pxi
    const Segment* segments         # a and b in bytes: kernel rows
    Py_ssize_t n_segments
    Py_ssize_t taps                 # of each
    const char* a                   # weights
    Py_ssize_t a_tap
    const char* b                   # input rows
    Py_ssize_t b_row
    Py_ssize_t ahead                # bytes ahead of which lines are fetched, or 0,
    Py_ssize_t fresh                # of so many rows
    Py_ssize_t fresh_row            # and so many bytes apart
    const char* init                # the bias
    char* c
    Py_ssize_t c_row
    Py_ssize_t rows
    Py_ssize_t columns              # outputs of a row
    Py_ssize_t first                # of the elements of a row that can be read, counted from `b`,
    Py_ssize_t last                 # and the one behind the last
    Py_ssize_t limits               # as in Tile

cdef struct Difference:             # of even and odd rows; contract in kernels/stencil.pxi
    char* to[2]
    Py_ssize_t to_row
    Py_ssize_t rows[2]
    const char* odd
    Py_ssize_t next                 # bytes from a row to the next
    Py_ssize_t lanes
    const char* gain                # one element, or NULL

cdef struct Gather:                 # contract in kernels/gather.pxi
    char* to
    Py_ssize_t to_row
    Py_ssize_t to_column
    const char* source
    Py_ssize_t source_row
    Py_ssize_t source_lane
    Py_ssize_t source_column
    Py_ssize_t columns
    Py_ssize_t rows
    Py_ssize_t lanes

cdef struct Spread:                 # contract in kernels/spread.pxi
    char* to
    const char* source
    Py_ssize_t source_pixel
    Py_ssize_t source_lane
    Py_ssize_t pixels
    const char* index
    Py_ssize_t sets
    Py_ssize_t channels

cdef struct WeightTransform:        # contracts of the seven in kernels/winograd.pxi
    const char* weights             # of a vector of filters, a vector for each tap in the order of rows
    Py_ssize_t taps                 # rows and columns of the kernel
    char* to                        # a vector in each of 36 planes
    Py_ssize_t to_plane

cdef struct LateProducts:           # of transformed inputs and 3 x 3 weights that are transformed on the way
    Py_ssize_t row                  # of points: one of six
    const Segment* segments         # a in bytes, b in terms
    Py_ssize_t n_segments
    Py_ssize_t count                # tiles
    const char* a                   # the first tile's inputs at the row's first point,
    Py_ssize_t a_plane              # and bytes to the next of them,
    Py_ssize_t a_next               # and to the next tile
    Py_ssize_t a_term
    const char* weights             # as of WeightTransform, term by term
    Py_ssize_t ahead                # bytes to weights that come next, and are fetched
    char* c                         # as of a
    Py_ssize_t c_plane
    Py_ssize_t c_next
    Py_ssize_t onto                 # 1: sums are added to c

cdef struct InputTransform:
    const char* const* pixels       # addresses, a row of `columns` for each point
    Py_ssize_t columns
    Py_ssize_t channels
    Py_ssize_t m                    # outputs of a tile's edge, and pixels from tile to tile
    Py_ssize_t row_points           # 6, or what fewer outputs take: points of rows,
    Py_ssize_t column_points        # and of columns
    Py_ssize_t tiles
    char* scratch                   # six rows of `columns` vectors
    char* to                        # channels of a tile in each of 36 planes
    Py_ssize_t to_plane
    Py_ssize_t to_tile

cdef struct OutputTransform:
    const char* sums                # channels of a tile in each of 36 planes
    Py_ssize_t sums_plane
    Py_ssize_t sums_tile
    Py_ssize_t channels
    Py_ssize_t m
    Py_ssize_t row_points           # as InputTransform's
    Py_ssize_t column_points
    Py_ssize_t tiles
    const char* bias
    Py_ssize_t limits               # as Tile's
    bint prefetch                   # 1: fetch the lines of c a tile ahead
    char* c                         # the first output
    Py_ssize_t c_tile
    Py_ssize_t c_row
    Py_ssize_t c_column
    Py_ssize_t rows                 # of outputs to be stored, at most m,
    Py_ssize_t last_columns         # and columns of the last tile
    char* flags                     # set to 1 for tiles with outputs that are not finite

cdef struct LineInputs:             # of tiles of six inputs along one axis
    const char* source              # the first input of the first tile
    Py_ssize_t source_tap           # bytes to the next of the six
    Py_ssize_t source_next          # and to the next tile
    Py_ssize_t elements             # of an input
    Py_ssize_t count                # tiles
    char* to                        # elements of a tile in each of 6 planes
    Py_ssize_t to_plane
    Py_ssize_t to_next
    bint whole                      # points are whole numbers

cdef struct LineOutputs:
    const char* sums                # channels of a tile in each of 6 planes
    Py_ssize_t sums_plane
    Py_ssize_t sums_next
    Py_ssize_t channels
    Py_ssize_t count
    Py_ssize_t m                    # outputs of a tile
    Py_ssize_t outputs              # and those to be stored
    const char* bias
    Py_ssize_t limits               # as Tile's
    bint prefetch                   # 1: products fetch lines of c ahead
    char* c                         # the first output
    Py_ssize_t c_output             # bytes to the next of a tile
    Py_ssize_t c_next               # and of the next tile
    bint whole                      # as LineInputs'
    char* flags                     # set to 1 for tiles with outputs that are not finite

cdef struct LineProducts:           # of transformed inputs and weights, which become outputs without being stored
    const Segment* segments         # a in bytes, b in terms
    Py_ssize_t n_segments
    const char* a                   # broadcast operands of the first of 6 planes: inputs of a tile, or a filter
    Py_ssize_t a_plane
    Py_ssize_t a_next               # bytes from tile to tile, or filter to filter,
    Py_ssize_t a_term               # and from term to term
    const char* b                   # vector operands, for each term one or two: filters, or inputs of tiles
    Py_ssize_t b_plane
    Py_ssize_t bias_next            # bytes from the bias of a broadcast operand to the next one's,
    Py_ssize_t bias_vector          # and from vector to vector;
    Py_ssize_t flags_next           # the same of flags,
    Py_ssize_t flags_lane           # and from lane to lane

cdef enum FoldKind:
    MAXIMUM                         # NaN if any element is
    MAXIMUM_NUMBER                  # NaN if all elements are; not for integers
    SUM

cdef struct Fold:                   # contract in kernels/fold.pxi
    FoldKind kind
    Py_ssize_t runs                 # runs of elements, and bytes from one to the next
    Py_ssize_t source_next
    Py_ssize_t to_next
    Py_ssize_t elements             # of a run
    const char* source
    const Py_ssize_t* at            # from `source` to each of the operands
    Py_ssize_t operands
    char* to
    Py_ssize_t keys                 # from an element to its key, and from a result to its; 0: none
    const double* divisors          # of each run; NULL: nothing is divided
    Py_ssize_t divisors_next        # 1, or 0 if all runs have the same
    const char* lane_divisors       # of each element of a run, multiplied with the run's; or NULL
    bint narrow                     # float64 only: operands are float32,
    bint narrow_to                  #   and results
    bint ahead                      #   and what follows at each operand is fetched
    bint around                     # whole lines are stored around the cache

cdef struct VanHerk:                # contract in kernels/van_herk.pxi
    FoldKind kind
    bint narrow                     # of float64 sums: the source is float32
    Py_ssize_t rows                 # of outputs
    Py_ssize_t stride               # rows of the input from one's window to the next's
    Py_ssize_t taps                 # rows of a window
    Py_ssize_t elements             # of a row
    const char* source
    Py_ssize_t source_row
    char* to
    Py_ssize_t to_row
    char* scratch                   # PANEL bytes for each row of a window

cdef struct Columns:                # contract in kernels/columns.pxi
    FoldKind kind
    bint narrow                     # float64 only: x and y are float32
    Py_ssize_t rows                 # of outputs
    Py_ssize_t source_row
    Py_ssize_t to_row
    Py_ssize_t outputs              # of a row
    Py_ssize_t elements             # of a pixel
    const char* source              # column 0
    Py_ssize_t source_pixel
    Py_ssize_t columns              # in the input,
    Py_ssize_t first                # and the first of the first window: negative in the padding
    const Py_ssize_t* at            # from `source` to each element of a column
    Py_ssize_t operands
    Py_ssize_t fresh                # of so many, the last, the next row's elements are fetched
    Py_ssize_t taps                 # columns of a window, MAX_COLUMNS at most
    Py_ssize_t stride               # less than that
    char* to
    Py_ssize_t to_pixel
    bint around                     # whole lines are stored around the cache
    const char* lowest              # the element that stands for padding
    double divisor                  # of sums,
    const double* divisors          # multiplied with that of each output of a row; NULL: nothing is divided

cdef struct Slide:                  # contract in kernels/slide.pxi
    Py_ssize_t planes
    Py_ssize_t source_plane
    Py_ssize_t to_plane
    Py_ssize_t rows
    Py_ssize_t source_row
    Py_ssize_t to_row
    Py_ssize_t outputs              # of a row: whole vectors but at an edge
    const char* source
    const Py_ssize_t* at            # from `source` to each row of a window
    Py_ssize_t operands
    Py_ssize_t taps                 # neighbours of such a row
    Py_ssize_t ahead                # bytes ahead of which lines are fetched,
    Py_ssize_t fresh                # of so many operands, the last, which no row before has met
    char* to
    bint around                     # whole lines are stored around the cache, if `ahead` is not 0
    bint edge                       # one or two vectors, of which only some columns can be read:
    Py_ssize_t first                #   the first, counted from `source`,
    Py_ssize_t last                 #   and the one behind the last
    const char* lowest              # the element that stands for all others
    double divisor                  # of sums; 0: nothing is divided
    const char* lane_divisors       # of each output of a row, multiplied with it; whole vectors

cdef enum:
    MAX_PASSES = 24
    FEW_CHANNELS = 4                # whose spectra are fewer than those that registers hold: filters come one by one

cdef struct FourierAxis:            # contract in kernels/fourier.pxi
    Py_ssize_t points
    Py_ssize_t passes
    Py_ssize_t radix[MAX_PASSES]    # of each pass, 8, 4, 3 or 2
    const double* twiddles[MAX_PASSES]      # powers 1 to radix - 1 for each element of a block's part
    const Py_ssize_t* places        # of each frequency, when all passes are done

cdef struct FourierTurn:            # contract in kernels/fourier.pxi
    const FourierAxis* axis         # along which rows lie
    char* rows
    Py_ssize_t row                  # bytes from one to the next
    Py_ssize_t half                 # of a row: its real parts, behind which are the imaginary ones
    const double* twiddles          # of a signal: of each row those of a half, real parts and imaginary ones
    char* lines
    Py_ssize_t line
    Py_ssize_t imaginary            # bytes from real to imaginary parts of a line: frequencies in whole vectors

cdef struct Spectra:                # contract in kernels/fourier.pxi
    Py_ssize_t tiles
    Py_ssize_t channels
    Py_ssize_t filters
    Py_ssize_t block                # of filters whose weights lie side by side
    Py_ssize_t vectors              # of frequencies in a line
    Py_ssize_t imaginary            # bytes from real to imaginary parts of a line
    Py_ssize_t line                 # bytes from one channel's line to the next one's,
    Py_ssize_t x_lines              #   from these to the next lines of all channels,
    Py_ssize_t x_tile               #   and from tile to tile
    Py_ssize_t y_lines              # the same of filters
    Py_ssize_t y_tile
    Py_ssize_t w_filter             # bytes of a filter
    const char* x
    const char* w
    char* y

ctypedef void (*fourier_function)(const FourierAxis* a, char* data, Py_ssize_t next, Py_ssize_t imaginary,
                                  Py_ssize_t vectors) noexcept nogil
ctypedef void (*fourier_turn_function)(const FourierTurn* t) noexcept nogil
ctypedef void (*pack_spectrum_function)(const char* spectrum, Py_ssize_t lines, Py_ssize_t line, Py_ssize_t imaginary,
                                        double scale, char* to, Py_ssize_t next) noexcept nogil
ctypedef void (*multiply_spectra_function)(const Spectra* s, Py_ssize_t first, Py_ssize_t end) noexcept nogil
ctypedef void (*load_reals_function)(const char* x, bint narrow, Py_ssize_t ahead, char* to, Py_ssize_t n,
                                     double* squares) noexcept nogil
ctypedef void (*store_reals_function)(const char* x, double added, bint narrow, char* to, Py_ssize_t n) noexcept nogil
ctypedef void (*slide_function)(const Slide* s) noexcept nogil
ctypedef void (*spread_function)(const Spread* s) noexcept nogil
ctypedef void (*fold_function)(const Fold* f) noexcept nogil
ctypedef void (*columns_function)(const Columns* s) noexcept nogil
ctypedef void (*van_herk_function)(const VanHerk* h) noexcept nogil
ctypedef void (*transform_weights_function)(const WeightTransform* t) noexcept nogil
ctypedef void (*multiply_late_function)(const LateProducts* t) noexcept nogil
ctypedef void (*transform_inputs_function)(const InputTransform* t) noexcept nogil
ctypedef void (*transform_outputs_function)(const OutputTransform* t) noexcept nogil
ctypedef void (*transform_input_lines_function)(const LineInputs* t) noexcept nogil
ctypedef void (*transform_output_lines_function)(const LineOutputs* t) noexcept nogil
ctypedef void (*multiply_lines_function)(const LineProducts* p, const LineOutputs* t) noexcept nogil
ctypedef void (*tile_function)(const Tile* t) noexcept nogil
ctypedef void (*stencil_function)(const Stencil* t) noexcept nogil
ctypedef void (*row_stencil_function)(const RowStencil* t) noexcept nogil
ctypedef bint (*difference_function)(const Difference* d) noexcept nogil
ctypedef void (*gather_function)(const Gather* g) noexcept nogil
ctypedef void (*activate_function)(Py_ssize_t kind, char* c, Py_ssize_t c_row,
                                   Py_ssize_t rows, Py_ssize_t lanes) noexcept nogil

cdef struct KernelTable:
    Py_ssize_t item                 # bytes of an element
    Py_ssize_t lanes                # elements of a vector
    Py_ssize_t mr                   # rows of the highest tile
    Py_ssize_t nv                   # vectors of the widest tile
    tile_function tile[MAX_NV][MAX_MR]      # [vectors - 1][rows - 1]
    tile_function spread_tile[MAX_MR]       # [rows - 1], of one vector, both operands vectors
    tile_function sliding_tile[MAX_MR]      # the same where a_row is a_term,
    tile_function striding_tile[MAX_MR]     # where it is two of them,
    tile_function wide_tile[MAX_MR]         # and where it is one and terms are at least
    Py_ssize_t met_least            #   so many
    bint edges                              # whether there are tiles that
    tile_function sliding_edge_tile[MAX_MR]         # slide over an edge of the input,
    tile_function striding_edge_tile[MAX_MR]        # or stride
    Py_ssize_t falling              # pixels of the widest
    tile_function falling_tile[MAX_FALLING]         # that falls down a column of outputs; 0: there is none,
    tile_function falling_edge_tile[MAX_FALLING]    # nor one that reaches over an edge
    bint picks                      # lanes are permuted by one instruction, for
    tile_function picking_tile[MAX_MR]      # tiles whose lanes pick channels, where a_row is a_term,
    tile_function picking_apart_tile[MAX_MR]        # and everywhere
    stencil_function stencil[MAX_NV][MAX_STENCIL_ROWS]      # [vectors - 1][rows - 1]
    bint stencil_edges              # whether there are such that leave out what is outside of the input
    stencil_function stencil_edge[MAX_NV][MAX_STENCIL_ROWS]
    Py_ssize_t stencil_rows         # rows of the highest
    Py_ssize_t stencil_height       # kernel rows of its highest segment
    row_stencil_function row_stencil[MAX_STRIDE - 1]        # [stride - 2]
    difference_function difference  # NULL for integers
    gather_function gather
    spread_function spread
    transform_weights_function transform_weights    # NULL for integers
    multiply_late_function multiply_late            # NULL for integers; of so many tiles at once:
    Py_ssize_t late_sites
    transform_inputs_function transform_inputs              # NULL for integers
    transform_outputs_function transform_outputs            # NULL for integers
    transform_input_lines_function transform_input_lines    # NULL for integers
    transform_output_lines_function transform_output_lines  # NULL for integers
    multiply_lines_function multiply_lines[MAX_NV]          # NULL for integers: [vectors - 1]
    activate_function activate      # NULL for integers
    fourier_function fourier_forward                # NULL but for float64, and so are
    fourier_function fourier_backward
    fourier_turn_function fourier_to_lines[2]       # of pictures, and of signals
    fourier_turn_function fourier_to_rows[2]
    pack_spectrum_function pack_spectrum
    multiply_spectra_function multiply_spectra      # blocks have so many filters at most:
    Py_ssize_t spectra_filters
    load_reals_function load_reals
    store_reals_function store_reals
    fold_function fold
    slide_function slide[3][MAX_STRIDE]     # [kind][stride - 1]
    fold_function across            # the same over the elements of each run: one result a run
    van_herk_function van_herk
    columns_function columns


cdef inline bint has_point(Py_ssize_t points, Py_ssize_t i) noexcept nogil:
    """Whether so many of Winograd's points 0, a, -a, b, -b and infinity have the i-th among them."""
    return i < 3 or (i < 5 and points >= 5) or (i == 5 and points % 2 == 0)
