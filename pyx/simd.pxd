# The names of simd.h for Cython.  vec is opaque: only the functions below touch it.

cdef extern from "simd.h" nogil:
    ctypedef double real            # float, double, int32_t or int64_t: CYCONV_REAL says which
    ctypedef struct vec:
        pass

    ctypedef struct vbits:          # integers as wide as the elements
        pass

    ctypedef long bits
    enum: MR                        # rows of a register tile
    enum: NV                        # vectors of a row of a register tile
    enum: FALLING                   # pixels of a falling tile
    enum: STENCIL_ROWS              # rows of a stencil tile, and kernel rows that it takes at once
    enum: STENCIL_HEIGHT
    enum: STENCIL_EDGES             # whether tiles at an edge read the input in place
    enum: LINE_SITES                # sites of lines whose six sums registers hold
    enum: MET_LEAST                 # terms that a wide tile takes together, if it is not MET
    enum: LATE_SITES                # tiles whose six sums registers hold, while weights are transformed
    enum: SPECTRA_TILES             # tiles and
    enum: SPECTRA_FILTERS           # filters whose products of spectra registers hold
    enum: MANY_VECTORS              # sums or maxima that registers hold
    enum: BLOCK_VECTORS             # of a pixel, whose neighbours in a window registers hold
    enum: FEW_RUNS                  # that are folded across lanes at once
    enum: VBYTES                    # bytes of a vector
    enum: LANES                     # elements of a vector
    enum: REAL_IS_FLOATING
    enum: VMASKS                    # whether parts of vectors are an instruction

    enum: EXP_DEGREE
    const char* ZEROS               # a row of the widest tile
    const real LOG2_E
    const real LN2_HIGH
    const real LN2_LOW
    const real ROUNDING_SHIFT
    const real EXP_LIMIT
    const real TANH_LIMIT
    const real LEAKY_SLOPE
    const double* INVERSE_FACTORIALS

    real POINT_A(int whole) noexcept
    real POINT_B(int whole) noexcept
    int ROWS(int n) noexcept
    int STENCIL(int n) noexcept
    int EDGE_STENCIL(int n) noexcept
    vec vload(const char* p) noexcept
    void vstore(char* p, vec v) noexcept
    void vstream(char* p, vec v) noexcept
    vec vload_part(const char* p, Py_ssize_t n) noexcept
    void vstore_part(char* p, vec v, Py_ssize_t n) noexcept
    vec vload_between(const char* p, Py_ssize_t first, Py_ssize_t last) noexcept
    vec vbetween(vec v, Py_ssize_t first, Py_ssize_t last, vec rest) noexcept
    vec vload_bits(const char* p, unsigned long long lanes) noexcept
    vec vsplat(real s) noexcept
    void vprefetch(const char* p) noexcept
    void vfetch(const char* p) noexcept
    void vprefetch_far(const char* p) noexcept
    vec vzero() noexcept
    vec vadd(vec a, vec b) noexcept
    vec vsub(vec a, vec b) noexcept
    vec vmul(vec a, vec b) noexcept
    vec vdiv(vec a, vec b) noexcept
    vec vfma(vec a, vec b, vec c) noexcept
    vec vfma_scalar(const char* a, vec b, vec c) noexcept
    vec vat_least(vec x, vec low) noexcept
    vec vat_most(vec x, vec high) noexcept
    vec vabs(vec x) noexcept
    vec vpick_negative(vec x, vec if_negative, vec otherwise) noexcept
    vec veven(vec a, vec b) noexcept
    vec vevery(const vec* v, int step, int first) noexcept
    vec vturns(const vec* v, int step, int part) noexcept
    vec vpow2(vec shifted) noexcept
    vec vquotient(vec v, real n) noexcept
    const char* vopaque(const char* p) noexcept
    Py_ssize_t opaque(Py_ssize_t n) noexcept
    vec vheld(vec v) noexcept
    vec vmaximum(vec acc, vec x) noexcept
    vec vmaximum_number(vec acc, vec x) noexcept
    void vmaximum_keyed(int ignore_nan, vec* acc, vbits* acc_key, vec x, vbits key) noexcept
    vbits vkeys(const char* p) noexcept
    vbits vkeys_part(const char* p, Py_ssize_t n) noexcept
    void vkeys_store_part(char* p, vbits v, Py_ssize_t n) noexcept
    vec vshift(vec v, int lanes) noexcept
    vec vphase(vec phase, vec behind, int step, int first) noexcept
    vec vzip(vec a, vec b, int second) noexcept
    int vnan_lanes(vec v) noexcept
    vec vlookup(vec a, vec b, vbits at) noexcept
    enum: VPICKS                    # whether one instruction does
    vec vpicked(vec v, vbits at) noexcept

    enum: NARROW_BYTES              # of a vector of float32 with as many lanes
    vec vload_narrow(const char* p) noexcept
    vec vload_narrow_part(const char* p, Py_ssize_t n) noexcept
    void vadd8_narrow(vec* acc, const char* const* p, Py_ssize_t shift, Py_ssize_t n) noexcept
    void vadd8_narrow_pairs(vec* acc, const char* const* p, int pairs, int ahead) noexcept
    void vadd_narrow_runs(vec* acc, int runs, const char* const* p, Py_ssize_t shift, Py_ssize_t n) noexcept
    void vstore_narrow(char* p, vec v) noexcept
    void vstore_narrow_part(char* p, vec v, Py_ssize_t n) noexcept
