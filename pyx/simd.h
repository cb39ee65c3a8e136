/* The vector vocabulary of the kernels, on GCC's vector extensions.
 *
 * One header serves every element type and every instruction set.  setup.py
 * defines CYCONV_REAL (float, double, int32_t or int64_t); the width comes from
 * the compiler's own macros, that is, from the -m flags of the module.
 * Everything is static and always inlined, so that no symbol compiled for a wide
 * instruction set can ever be shared with code that runs on older processors.
 */
#ifndef CYCONV_SIMD_H
#define CYCONV_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define CYCONV_FLOAT 1
#define CYCONV_DOUBLE 2
#define CYCONV_INT32 3
#define CYCONV_INT64 4
#define VINLINE static inline __attribute__((always_inline))

#if CYCONV_REAL == CYCONV_FLOAT
typedef float real;
typedef int32_t bits;                   /* an integer as wide as real */
#elif CYCONV_REAL == CYCONV_DOUBLE
typedef double real;
typedef int64_t bits;
#elif CYCONV_REAL == CYCONV_INT32
typedef int32_t real;
typedef int32_t bits;
#else
typedef int64_t real;
typedef int64_t bits;
#endif
#define REAL_IS_FLOATING (CYCONV_REAL <= CYCONV_DOUBLE)

/* A register tile is MR rows of NV vectors.  MR * NV accumulators, NV operands
 * and one broadcast fit the register file: 32 registers on AVX-512 and NEON, 16
 * on AVX2 and SSE2 (which needs one more for the product, having no FMA). */
#if defined(__AVX512F__)
#define VBYTES 64
#define MR 14
#elif defined(__AVX2__)
#define VBYTES 32
#define MR 6
#elif defined(__aarch64__)
#define VBYTES 16
#define MR 8
#else
#define VBYTES 16
#define MR 4
#endif
#define NV 2
/* Sites of lines whose six sums, of NV vectors each, registers hold. */
#define LINE_SITES (MR < 8 ? 1 : 2)
/* Tiles whose six sums of one vector each registers hold, while weights are transformed. */
#define LATE_SITES (MR < 8 ? 2 : 4)
/* Tiles and filters whose products of spectra registers hold. */
#define SPECTRA_TILES (MR < 8 ? 2 : 3)
#define SPECTRA_FILTERS (MR < 8 ? 2 : 4)
/* Terms that a wide tile takes together, if it is not MET: where few registers are left it always is. */
#define MET_LEAST (MR < 6 ? 7 : 5)
#define MANY_VECTORS (VBYTES == 64 ? 16 : 8)
#define BLOCK_VECTORS (VBYTES == 64 ? 4 : 2)
#define FEW_RUNS (LANES < 4 ? LANES : 4)
/* Pixels of a falling tile: registers hold three rows of sums, nine weights, the bias and a pixel. */
#if (defined(__AVX512F__) || defined(__aarch64__)) && REAL_IS_FLOATING
#define FALLING 6
#else
#define FALLING 0
#endif
#define LANES ((int)(VBYTES / sizeof(real)))
#define ROWS(n) ((n) <= MR ? (n) : 1)   /* tiles higher than MR are never called */
/* A stencil tile is STENCIL_ROWS rows of NV vectors too; beside its sums, registers hold
 * STENCIL_HEIGHT weights and a row of the input. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define STENCIL_ROWS 8
#define STENCIL_HEIGHT 5
#elif defined(__AVX2__)
#define STENCIL_ROWS 4
#define STENCIL_HEIGHT 4
#else
#define STENCIL_ROWS 4
#define STENCIL_HEIGHT 2
#endif
#define STENCIL(n) ((n) <= STENCIL_ROWS ? (n) : 1)
/* Where masks have registers of their own, tiles at an edge read the input in place. */
#if defined(__AVX512F__)
#define STENCIL_EDGES 1
#else
#define STENCIL_EDGES 0
#endif
#define EDGE_STENCIL(n) (STENCIL_EDGES ? (n) : 1)

typedef real vec __attribute__((vector_size(VBYTES)));
typedef bits vbits __attribute__((vector_size(VBYTES)));
/* The same vector at any address a NumPy array may have. */
typedef real vec_at __attribute__((vector_size(VBYTES), aligned(sizeof(real)), may_alias));

VINLINE vec vload(const char *p) { return *(const vec_at *)p; }
VINLINE void vstore(char *p, vec v) { *(vec_at *)p = v; }
/* Around the cache; at the address of a vector. */
VINLINE void vstream(char *p, vec v)
{
#if defined(__AVX512F__)
    _mm512_stream_si512((void *)p, (__m512i)v);
#elif defined(__AVX2__)
    _mm256_stream_si256((void *)p, (__m256i)v);
#else
    vstore(p, v);
#endif
}
VINLINE vec vsplat(real s) { return s - (vec){0}; }
VINLINE vec vadd(vec a, vec b) { return a + b; }
VINLINE vec vsub(vec a, vec b) { return a - b; }
VINLINE vec vmul(vec a, vec b) { return a * b; }
VINLINE vec vdiv(vec a, vec b) { return a / b; }
/* One instruction where the target has a fused multiply-add (-ffp-contract=fast). */
VINLINE vec vfma(vec a, vec b, vec c) { return a * b + c; }
VINLINE vec vfma_scalar(const char *a, vec b, vec c) { return *(const real *)a * b + c; }
VINLINE vec vpick(vbits where, vec a, vec b)
{
    return (vec)((where & (vbits)a) | (~where & (vbits)b));
}
/* NaN in x stays NaN: a comparison with NaN is false, and x is kept. */
VINLINE vec vat_least(vec x, vec low) { return vpick(x < low, low, x); }
VINLINE vec vat_most(vec x, vec high) { return vpick(x > high, high, x); }

VINLINE vec vabs(vec x) { return vpick(x < 0, -x, x); }
VINLINE vec vpick_negative(vec x, vec if_negative, vec otherwise)
{
    return vpick(x < 0, if_negative, otherwise);
}
/* Elements 0, 2, 4, ... of the 2*LANES - 1 that begin with a; b starts one lane early,
 * so that nothing behind the last wanted element is read. */
VINLINE vec veven(vec a, vec b)
{
    vbits at;
    for (int i = 0; i < LANES; i++)
        at[i] = 2 * i < LANES ? 2 * i : 2 * i + 1;
    return __builtin_shuffle(a, b, at);
}

/* Elements first, first + step, first + 2*step, ... of so many vectors as a step has elements. */
VINLINE vec vevery(const vec *v, const int step, const int first)
{
    vec r = v[0];
    for (int n = 1; n < step; n++) {
        vbits at;
        for (int i = 0; i < LANES; i++) {
            int e = i * step + first;
            at[i] = e / LANES == n ? LANES + e % LANES : n == 1 && e < LANES ? e : i;
        }
        r = __builtin_shuffle(r, v[n], at);
    }
    return r;
}

/* Vector `part` of the elements of so many vectors that take turns: vevery undone. */
VINLINE vec vturns(const vec *v, const int step, const int part)
{
    vec r = v[0];
    for (int n = 1; n < step; n++) {
        vbits at;
        for (int i = 0; i < LANES; i++) {
            int e = part * LANES + i;
            at[i] = e % step == n ? LANES + e / step : n == 1 && e % step == 0 ? e / step : i;
        }
        r = __builtin_shuffle(r, v[n], at);
    }
    return r;
}

/* Constants of the activations (which integer modules compile, but do not offer). */
#if CYCONV_REAL == CYCONV_FLOAT || CYCONV_REAL == CYCONV_INT32
#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#define EXP_DEGREE 7                    /* Taylor terms: an error below 2e-8 of exp(r) - 1 */
#define EXP_LIMIT 87.33f                /* exp(-87.33) is just above the smallest normal number */
#define LN2_HIGH 0.693359375f           /* few bits: its product with n is exact */
#define LN2_LOW (-2.12194440e-4f)
#else
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define EXP_DEGREE 13                   /* below 2e-17 */
#define EXP_LIMIT 708.39
#define LN2_HIGH 6.93145751953125e-1
#define LN2_LOW 1.42860682030941723212e-6
#endif
#define LOG2_E ((real)1.4426950408889634074)
#define ROUNDING_SHIFT ((real)((int64_t)3 << (MANTISSA_BITS - 1)))  /* adding it rounds to an integer */
#define TANH_LIMIT ((real)44)           /* tanh(22) is 1 in double precision */
#define LEAKY_SLOPE ((real)0.2)
/* Points at which Winograd's transforms evaluate. */
#define POINT_A(whole) ((whole) ? (real)1 : (real)0.70710678118654752440)
#define POINT_B(whole) ((whole) ? (real)2 : (real)1.41421356237309504880)
static const double INVERSE_FACTORIALS[] = {
    1., 1., 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320, 1. / 362880,
    1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800};

/* 2^n, from n + ROUNDING_SHIFT, whose low mantissa bits are n. */
VINLINE vec vpow2(vec shifted)
{
    return (vec)(((vbits)shifted + EXPONENT_BIAS) << MANTISSA_BITS);
}

/* v / n, a whole number if that is one.  Products with the inverse, corrected once, are faster than a division. */
VINLINE vec vquotient(vec v, real n)
{
#ifdef __FMA__
    const real inverse = 1 / n;
    vec q = v * inverse;
    return (v - q * n) * inverse + q;
#else
    return v / n;
#endif
}

VINLINE void vprefetch(const char *p) { __builtin_prefetch(p, 1, 3); }  /* to write */
VINLINE void vfetch(const char *p) { __builtin_prefetch(p, 0, 3); }     /* to read */
/* To the second-level cache, to be read. */
VINLINE void vprefetch_far(const char *p) { __builtin_prefetch(p, 0, 2); }

/* Zero, made anew where it is asked for: hoisted out of the loops around a tile it would
 * take a register from the sums. */
VINLINE vec vzero(void)
{
    vec v = {0};
#if defined(__x86_64__)
    __asm__ volatile("" : "+v"(v));
#elif defined(__aarch64__)
    __asm__ volatile("" : "+w"(v));
#endif
    return v;
}

/* The address, made opaque to the optimiser.  Without it GCC keeps one pointer
 * per row of a tile, which is more than there are registers. */
VINLINE const char *vopaque(const char *p)
{
    __asm__("" : "+r"(p));
    return p;
}

/* The number, in a register: without it GCC adds up again what it could keep. */
VINLINE Py_ssize_t opaque(Py_ssize_t n)
{
    __asm__("" : "+r"(n));
    return n;
}

/* The vector, in a register: without it GCC loads again what is used only twice. */
VINLINE vec vheld(vec v)
{
#if defined(__x86_64__)
    __asm__("" : "+v"(v));
#elif defined(__aarch64__)
    __asm__("" : "+w"(v));
#endif
    return v;
}

/* The first n lanes only, 0 <= n <= LANES, or those from first up to last, and zeros beside them: no
 * byte beyond them is touched.  vbetween: such lanes of v, and the others of rest.  An instruction
 * each if VMASKS. */
#if defined(__AVX512F__)
#define VMASKS 1
#define LANE_MASK(n) ((1u << (n)) - 1u)
VINLINE vec vload_part(const char *p, Py_ssize_t n)
{
#if VBYTES / 16 == 4 && (CYCONV_REAL == CYCONV_FLOAT || CYCONV_REAL == CYCONV_INT32)
    return (vec)_mm512_maskz_loadu_epi32((__mmask16)LANE_MASK(n), p);
#else
    return (vec)_mm512_maskz_loadu_epi64((__mmask8)LANE_MASK(n), p);
#endif
}
VINLINE void vstore_part(char *p, vec v, Py_ssize_t n)
{
#if CYCONV_REAL == CYCONV_FLOAT || CYCONV_REAL == CYCONV_INT32
    _mm512_mask_storeu_epi32(p, (__mmask16)LANE_MASK(n), (__m512i)v);
#else
    _mm512_mask_storeu_epi64(p, (__mmask8)LANE_MASK(n), (__m512i)v);
#endif
}
VINLINE vec vload_between(const char *p, Py_ssize_t first, Py_ssize_t last)
{
#if CYCONV_REAL == CYCONV_FLOAT || CYCONV_REAL == CYCONV_INT32
    return (vec)_mm512_maskz_loadu_epi32((__mmask16)(LANE_MASK(last) & ~LANE_MASK(first)), p);
#else
    return (vec)_mm512_maskz_loadu_epi64((__mmask8)(LANE_MASK(last) & ~LANE_MASK(first)), p);
#endif
}
VINLINE vec vbetween(vec v, Py_ssize_t first, Py_ssize_t last, vec rest)
{
#if CYCONV_REAL == CYCONV_FLOAT || CYCONV_REAL == CYCONV_INT32
    return (vec)_mm512_mask_mov_epi32((__m512i)rest, (__mmask16)(LANE_MASK(last) & ~LANE_MASK(first)), (__m512i)v);
#else
    return (vec)_mm512_mask_mov_epi64((__m512i)rest, (__mmask8)(LANE_MASK(last) & ~LANE_MASK(first)), (__m512i)v);
#endif
}
#elif defined(__AVX2__)
#define VMASKS 1
VINLINE __m256i lane_mask(Py_ssize_t n)
{
#if CYCONV_REAL == CYCONV_FLOAT || CYCONV_REAL == CYCONV_INT32
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
#else
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
#endif
}
VINLINE vec vload_part(const char *p, Py_ssize_t n)
{
#if CYCONV_REAL == CYCONV_FLOAT || CYCONV_REAL == CYCONV_INT32
    return (vec)_mm256_maskload_epi32((const int *)p, lane_mask(n));
#else
    return (vec)_mm256_maskload_epi64((const long long *)p, lane_mask(n));
#endif
}
VINLINE void vstore_part(char *p, vec v, Py_ssize_t n)
{
#if CYCONV_REAL == CYCONV_FLOAT || CYCONV_REAL == CYCONV_INT32
    _mm256_maskstore_epi32((int *)p, lane_mask(n), (__m256i)v);
#else
    _mm256_maskstore_epi64((long long *)p, lane_mask(n), (__m256i)v);
#endif
}
VINLINE vec vload_between(const char *p, Py_ssize_t first, Py_ssize_t last)
{
    __m256i where = _mm256_andnot_si256(lane_mask(first), lane_mask(last));
#if CYCONV_REAL == CYCONV_FLOAT || CYCONV_REAL == CYCONV_INT32
    return (vec)_mm256_maskload_epi32((const int *)p, where);
#else
    return (vec)_mm256_maskload_epi64((const long long *)p, where);
#endif
}
VINLINE vec vbetween(vec v, Py_ssize_t first, Py_ssize_t last, vec rest)
{
    return (vec)_mm256_blendv_epi8((__m256i)rest, (__m256i)v, _mm256_andnot_si256(lane_mask(first), lane_mask(last)));
}
#else
#define VMASKS 0
VINLINE vec vload_part(const char *p, Py_ssize_t n)
{
    vec v = {0};
    memcpy(&v, p, (size_t)n * sizeof(real));
    return v;
}
VINLINE void vstore_part(char *p, vec v, Py_ssize_t n)
{
    memcpy(p, &v, (size_t)n * sizeof(real));
}
VINLINE vec vload_between(const char *p, Py_ssize_t first, Py_ssize_t last)
{
    vec v = {0};
    if (first == 0 && last == LANES)
        return vload(p);
    for (int i = 0; i < LANES; i++)         /* a constant is the place of each, which a register can have */
        if (first <= i && i < last)
            v[i] = ((const real *)p)[i];
    return v;
}
VINLINE vec vbetween(vec v, Py_ssize_t first, Py_ssize_t last, vec rest)
{
    vbits lane;
    for (int i = 0; i < LANES; i++)
        lane[i] = i;
    return vpick((lane >= (bits)first) & (lane < (bits)last), v, rest);
}
#endif
/* A row of the widest tile. */
static const char ZEROS[2 * VBYTES] __attribute__((aligned(64), unused)) = {0};
/* Lanes whose bits are set; others are zero, and their bytes are not touched. */
VINLINE vec vload_bits(const char *p, unsigned long long lanes)
{
#if defined(__AVX512F__) && (CYCONV_REAL == CYCONV_FLOAT || CYCONV_REAL == CYCONV_INT32)
    return (vec)_mm512_maskz_loadu_epi32((__mmask16)lanes, p);
#elif defined(__AVX512F__)
    return (vec)_mm512_maskz_loadu_epi64((__mmask8)lanes, p);
#elif defined(__AVX2__) && (CYCONV_REAL == CYCONV_FLOAT || CYCONV_REAL == CYCONV_INT32)
    const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    __m256i met = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)lanes), bit), bit);
    return (vec)_mm256_maskload_epi32((const int *)p, met);
#elif defined(__AVX2__)
    const __m256i bit = _mm256_setr_epi64x(1, 2, 4, 8);
    __m256i met = _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x((long long)lanes), bit), bit);
    return (vec)_mm256_maskload_epi64((const long long *)p, met);
#else
    vec v = {0};
    for (int i = 0; i < LANES; i++)
        if (lanes >> i & 1)
            v[i] = ((const real *)p)[i];
    return v;
#endif
}

VINLINE vbits vis_nan(vec x)
{
#if REAL_IS_FLOATING
    return x != x;
#else
    (void)x;
    return (vbits){0};
#endif
}

/* The greater of two, lane by lane.  vmaximum: NaN if either is; vmaximum_number: if both are.
 * The processors' instruction gives its second operand if either is NaN.  MAX_UNLESS_NAN is that of a
 * and b, but y where x is NaN. */
#if REAL_IS_FLOATING && defined(__x86_64__)
#if CYCONV_REAL == CYCONV_FLOAT
#define SUFFIX(name) name##_ps
#else
#define SUFFIX(name) name##_pd
#endif
#if defined(__AVX512F__)
#if CYCONV_REAL == CYCONV_FLOAT
#define SUFFIX_MASK(name, a, b, how) name##_ps_mask(a, b, how)
#else
#define SUFFIX_MASK(name, a, b, how) name##_pd_mask(a, b, how)
#endif
#define MAX_UNLESS_NAN(a, b, x, y) SUFFIX(_mm512_mask_max)(y, SUFFIX_MASK(_mm512_cmp, x, x, _CMP_ORD_Q), a, b)
#elif defined(__AVX2__)
#define MAX_UNLESS_NAN(a, b, x, y) \
    SUFFIX(_mm256_blendv)(SUFFIX(_mm256_max)(a, b), y, SUFFIX(_mm256_cmp)(x, x, _CMP_UNORD_Q))
#else
#define MAX_UNLESS_NAN(a, b, x, y) vpick(vis_nan(x), y, SUFFIX(_mm_max)(a, b))
#endif
#if defined(__AVX512F__)
/* Where x is NaN, quiet or signalling (entries 0 and 1 of the table), the result is x. */
VINLINE vec vmaximum(vec acc, vec x)
{
    x = vheld(x);
    return SUFFIX(_mm512_fixupimm)(SUFFIX(_mm512_max)(x, acc), x, _mm512_set1_epi32(0x11), 0);
}
#else
VINLINE vec vmaximum(vec acc, vec x) { return MAX_UNLESS_NAN(x, acc, x, x); }
#endif
VINLINE vec vmaximum_number(vec acc, vec x) { return MAX_UNLESS_NAN(acc, x, x, acc); }
#else
VINLINE vec vmaximum(vec acc, vec x) { return vpick((x > acc) | vis_nan(x), x, acc); }
VINLINE vec vmaximum_number(vec acc, vec x) { return vpick((x > acc) | vis_nan(acc), x, acc); }
#endif

/* The same, with the key of the element that was taken: the smaller one where both are equal. */
VINLINE void vmaximum_keyed(int ignore_nan, vec *acc, vbits *acc_key, vec x, vbits key)
{
    vbits x_nan = vis_nan(x), acc_nan = vis_nan(*acc);
    vbits greater = (x > *acc) | (ignore_nan ? acc_nan & ~x_nan : x_nan & ~acc_nan);
    vbits equal = (x == *acc) | (x_nan & acc_nan);
    vbits take = greater | (equal & (key < *acc_key));
    *acc = vpick(take, x, *acc);
    *acc_key = (take & key) | (~take & *acc_key);
}
VINLINE vbits vkeys(const char *p) { return (vbits)vload(p); }
VINLINE vbits vkeys_part(const char *p, Py_ssize_t n) { return (vbits)vload_part(p, n); }
VINLINE void vkeys_store_part(char *p, vbits v, Py_ssize_t n) { vstore_part(p, (vec)v, n); }

/* Lane i of the result is lane i + lanes of v, around the end. */
VINLINE vec vshift(vec v, int lanes)
{
    vbits at;
    for (int i = 0; i < LANES; i++)
        at[i] = (i + lanes) % LANES;
    return __builtin_shuffle(v, at);
}

/* Elements first, first + step, ... of columns, whose every step-th, from first % step on, is in `phase`; those
 * behind the first step*LANES columns are in `behind`. */
VINLINE vec vphase(vec phase, vec behind, const int step, const int first)
{
    vbits at;
    for (int i = 0; i < LANES; i++) {
        int n = i + first / step;
        at[i] = n < LANES ? n : LANES + ((n - LANES) * step + first % step) % LANES;
    }
    return __builtin_shuffle(phase, behind, at);
}

/* Elements of a and b, which count from LANES on. */
VINLINE vec vlookup(vec a, vec b, vbits at) { return __builtin_shuffle(a, b, at); }

/* Elements of one, by an instruction if VPICKS. */
VINLINE vec vpicked(vec v, vbits at) { return __builtin_shuffle(v, at); }
#if defined(__AVX2__)
#define VPICKS 1
#else
#define VPICKS 0
#endif

/* The elements of two vectors in turn: those of their first halves, or of their second. */
VINLINE vec vzip(vec a, vec b, int second)
{
    vbits at;
    for (int i = 0; i < LANES; i++)
        at[i] = i / 2 + (i % 2 ? LANES : 0) + (second ? LANES / 2 : 0);
    return __builtin_shuffle(a, b, at);
}

/* A bit for each lane that is NaN. */
VINLINE int vnan_lanes(vec v)
{
#if defined(__AVX512F__) && REAL_IS_FLOATING
    return SUFFIX_MASK(_mm512_cmp, v, v, _CMP_UNORD_Q);
#elif defined(__AVX__) && REAL_IS_FLOATING
    return SUFFIX(_mm256_movemask)(SUFFIX(_mm256_cmp)(v, v, _CMP_UNORD_Q));
#elif defined(__SSE2__) && REAL_IS_FLOATING
    return SUFFIX(_mm_movemask)(SUFFIX(_mm_cmpunord)(v, v));
#else
    vbits nan = vis_nan(v);
    int lanes = 0;
    for (int i = 0; i < LANES; i++)
        lanes |= nan[i] != 0 ? 1 << i : 0;
    return lanes;
#endif
}

/* float64 from float32 and back.  (GCC splits __builtin_convertvector into halves.) */
#if CYCONV_REAL == CYCONV_DOUBLE
#define NARROW_BYTES (VBYTES / 2)
#define NARROW_MASK(n) _mm_cmpgt_epi32(_mm_set1_epi32((int)(n)), _mm_setr_epi32(0, 1, 2, 3))
typedef float vnarrow __attribute__((vector_size(NARROW_BYTES)));
VINLINE vec vwiden(vnarrow v)
{
#if defined(__AVX512F__)
    return (vec)_mm512_cvtps_pd((__m256)v);
#elif defined(__AVX2__)
    return (vec)_mm256_cvtps_pd((__m128)v);
#else
    return __builtin_convertvector(v, vec);
#endif
}
VINLINE vec vload_narrow(const char *p)
{
    vnarrow v;
    memcpy(&v, p, NARROW_BYTES);
    return vwiden(v);
}
/* The first n, as in vload_part; memcpy of a varying number of bytes would be a call. */
VINLINE vnarrow vnarrow_part(const char *p, Py_ssize_t n)
{
#if defined(__AVX512F__)
    return (vnarrow)_mm256_maskz_loadu_ps((__mmask8)LANE_MASK(n), p);
#elif defined(__AVX2__)
    return (vnarrow)_mm_maskload_ps((const float *)p, NARROW_MASK(n));
#else
    vnarrow v = {0};
    memcpy(&v, p, (size_t)n * sizeof(float));
    return v;
#endif
}
VINLINE vec vload_narrow_part(const char *p, Py_ssize_t n) { return vwiden(vnarrow_part(p, n)); }
/* Sums of eight are taken in float32, rounded seven times, and added up in float64. */
typedef float vwhole __attribute__((vector_size(VBYTES)));
VINLINE vwhole vload_whole(const char *p)
{
    vwhole v;
    memcpy(&v, p, VBYTES);
    return v;
}
VINLINE vec vwiden_half(vwhole v, const int half)
{
#if defined(__AVX512F__)
    return (vec)_mm512_cvtps_pd(half ? _mm512_extractf32x8_ps((__m512)v, 1) : _mm512_castps512_ps256((__m512)v));
#elif defined(__AVX2__)
    return (vec)_mm256_cvtps_pd(half ? _mm256_extractf128_ps((__m256)v, 1) : _mm256_castps256_ps128((__m256)v));
#else
    vnarrow halves[2];
    memcpy(halves, &v, VBYTES);
    return vwiden(halves[half]);
#endif
}
/* Adds the sum of the first n at eight places, p[i] + shift, to one vector. */
VINLINE void vadd8_narrow(vec *acc, const char *const *p, Py_ssize_t shift, Py_ssize_t n)
{
    vnarrow sum = vnarrow_part(p[0] + shift, n);
    for (int i = 1; i < 8; i++)
        sum += vnarrow_part(p[i] + shift, n);
    *acc += vwiden(sum);
}
/* The same for so many pairs of whole vectors; all vectors of a place before the next place: lines
 * are read in the order in which they lie, and none is in the way of those around it in the cache.  Those
 * that follow at each place are fetched, if they are far. */
VINLINE void vadd8_narrow_pairs(vec *acc, const char *const *p, const int pairs, int ahead)
{
    if (ahead)
        for (int i = 0; i < 8; i++)
            for (int v = 0; v < pairs * VBYTES; v += 64)
                vprefetch_far(p[i] + pairs * VBYTES + v);
    vwhole sum[MANY_VECTORS / 2];
    for (int v = 0; v < pairs; v++)
        sum[v] = vload_whole(p[0] + v * VBYTES);
    for (int i = 1; i < 8; i++) {
        asm volatile("" : : : "memory");        /* and no other order */
        for (int v = 0; v < pairs; v++)
            sum[v] += vload_whole(p[i] + v * VBYTES);
    }
    for (int v = 0; v < pairs; v++) {
        acc[2 * v] += vwiden_half(sum[v], 0);
        acc[2 * v + 1] += vwiden_half(sum[v], 1);
    }
}
/* For each run, adds n pairs of vectors, eight at most, from p[run] + shift on to one vector. */
VINLINE void vadd_narrow_runs(vec *acc, const int runs, const char *const *p, Py_ssize_t shift, Py_ssize_t n)
{
    vwhole sum[LANES];
    for (int r = 0; r < runs; r++)
        sum[r] = vload_whole(p[r] + shift);
#pragma GCC unroll 1
    for (Py_ssize_t i = 1; i < n; i++)
        for (int r = 0; r < runs; r++)
            sum[r] += vload_whole(p[r] + shift + i * VBYTES);
    for (int r = 0; r < runs; r++)
        acc[r] += vwiden_half(sum[r], 0) + vwiden_half(sum[r], 1);
}
VINLINE void vstore_narrow_part(char *p, vec v, Py_ssize_t n)
{
#if defined(__AVX512F__)
    _mm256_mask_storeu_ps(p, (__mmask8)LANE_MASK(n), _mm512_cvtpd_ps((__m512d)v));
#elif defined(__AVX2__)
    _mm_maskstore_ps((float *)p, NARROW_MASK(n), _mm256_cvtpd_ps((__m256d)v));
#else
    vnarrow narrow = __builtin_convertvector(v, vnarrow);
    memcpy(p, &narrow, (size_t)n * sizeof(float));
#endif
}
#else
#define NARROW_BYTES VBYTES
VINLINE vec vload_narrow(const char *p) { return vload(p); }
VINLINE vec vload_narrow_part(const char *p, Py_ssize_t n) { return vload_part(p, n); }
VINLINE void vadd8_narrow(vec *acc, const char *const *p, Py_ssize_t shift, Py_ssize_t n)
{
    for (int i = 0; i < 8; i++)
        *acc = *acc + vload_part(p[i] + shift, n);
}
VINLINE void vadd8_narrow_pairs(vec *acc, const char *const *p, const int pairs, int ahead)
{
    (void)ahead;
    for (int v = 0; v < 2 * pairs; v++)
        vadd8_narrow(acc + v, p, v * VBYTES, LANES);
}
VINLINE void vadd_narrow_runs(vec *acc, const int runs, const char *const *p, Py_ssize_t shift, Py_ssize_t n)
{
    for (int r = 0; r < runs; r++)
        for (Py_ssize_t i = 0; i < 2 * n; i++)
            acc[r] = acc[r] + vload(p[r] + shift + i * VBYTES);
}
VINLINE void vstore_narrow_part(char *p, vec v, Py_ssize_t n) { vstore_part(p, v, n); }
#endif
VINLINE void vstore_narrow(char *p, vec v) { vstore_narrow_part(p, v, LANES); }

#endif
