# All kernels of one element type and instruction set, in reading order, and their table.
# Each module beside this file includes it once; setup.py gives the module its type and flags.
from cpython.pycapsule cimport PyCapsule_New
from libc.string cimport memcpy
from kernel_table cimport (AROUND, CLAMP, FETCHED, FETCHED_PIECES, FEW_CHANNELS, LEAKY_RELU, LINEAR, MAX_COLUMNS,
                           MAX_FALLING, MAX_MR, MAX_NV, MAX_STRIDE, MAX_TURNS, MAXIMUM, MAXIMUM_NUMBER, MET, PANEL,
                           SIGMOID, SUM, TANH, WHOLE_SCALE, CLines, Columns, Difference, Fold, FourierAxis,
                           FourierTurn, Gather, InputTransform, KernelTable, LateProducts, LineInputs, LineOutputs,
                           LineProducts, OutputTransform, Place, RowStencil, Segment, Slide, Spectra, Spread, Stencil,
                           Tile, VanHerk, WeightTransform, gather_function, has_point, tile_function)
from simd cimport *

include "tile.pxi"
include "falling.pxi"
include "turns.pxi"
include "stencil.pxi"
include "row_stencil.pxi"
include "gather.pxi"
include "spread.pxi"
include "winograd.pxi"
include "activation.pxi"
include "fold.pxi"
include "slide.pxi"
include "columns.pxi"
include "van_herk.pxi"
include "fourier.pxi"

cdef KernelTable TABLE
TABLE.item = sizeof(real)
TABLE.lanes = LANES
TABLE.mr = MR
TABLE.nv = NV
TABLE.tile[0][:] = [tile_1x1, tile_2x1, tile_3x1, tile_4x1, tile_5x1, tile_6x1, tile_7x1,
                    tile_8x1, tile_9x1, tile_10x1, tile_11x1, tile_12x1, tile_13x1, tile_14x1]
TABLE.tile[1][:] = [tile_1x2, tile_2x2, tile_3x2, tile_4x2, tile_5x2, tile_6x2, tile_7x2,
                    tile_8x2, tile_9x2, tile_10x2, tile_11x2, tile_12x2, tile_13x2, tile_14x2]
TABLE.spread_tile[:] = [spread_tile_1, spread_tile_2, spread_tile_3, spread_tile_4, spread_tile_5,
                        spread_tile_6, spread_tile_7, spread_tile_8, spread_tile_9, spread_tile_10,
                        spread_tile_11, spread_tile_12, spread_tile_13, spread_tile_14]
TABLE.sliding_tile[:] = [sliding_tile_1, sliding_tile_2, sliding_tile_3, sliding_tile_4, sliding_tile_5,
                         sliding_tile_6, sliding_tile_7, sliding_tile_8, sliding_tile_9, sliding_tile_10,
                         sliding_tile_11, sliding_tile_12, sliding_tile_13, sliding_tile_14]
TABLE.striding_tile[:] = [striding_tile_1, striding_tile_2, striding_tile_3, striding_tile_4, striding_tile_5,
                          striding_tile_6, striding_tile_7, striding_tile_8, striding_tile_9, striding_tile_10,
                          striding_tile_11, striding_tile_12, striding_tile_13, striding_tile_14]
TABLE.wide_tile[:] = [wide_tile_1, wide_tile_2, wide_tile_3, wide_tile_4, wide_tile_5,
                      wide_tile_6, wide_tile_7, wide_tile_8, wide_tile_9, wide_tile_10,
                      wide_tile_11, wide_tile_12, wide_tile_13, wide_tile_14]
TABLE.edges = REAL_IS_FLOATING
TABLE.sliding_edge_tile[:] = [sliding_edge_tile_1, sliding_edge_tile_2, sliding_edge_tile_3,
                              sliding_edge_tile_4, sliding_edge_tile_5, sliding_edge_tile_6,
                              sliding_edge_tile_7, sliding_edge_tile_8, sliding_edge_tile_9,
                              sliding_edge_tile_10, sliding_edge_tile_11, sliding_edge_tile_12,
                              sliding_edge_tile_13, sliding_edge_tile_14]
TABLE.striding_edge_tile[:] = [striding_edge_tile_1, striding_edge_tile_2, striding_edge_tile_3,
                               striding_edge_tile_4, striding_edge_tile_5, striding_edge_tile_6,
                               striding_edge_tile_7, striding_edge_tile_8, striding_edge_tile_9,
                               striding_edge_tile_10, striding_edge_tile_11, striding_edge_tile_12,
                               striding_edge_tile_13, striding_edge_tile_14]
TABLE.falling = FALLING
TABLE.falling_tile[:] = [falling_tile_1, falling_tile_2, falling_tile_3, falling_tile_4, falling_tile_5,
                         falling_tile_6]
TABLE.falling_edge_tile[:] = [falling_edge_tile_1, falling_edge_tile_2, falling_edge_tile_3, falling_edge_tile_4,
                              falling_edge_tile_5, falling_edge_tile_6]
TABLE.picks = VPICKS
TABLE.picking_tile[:] = [picking_tile_1, picking_tile_2, picking_tile_3, picking_tile_4, picking_tile_5,
                         picking_tile_6, picking_tile_7, picking_tile_8, picking_tile_9, picking_tile_10,
                         picking_tile_11, picking_tile_12, picking_tile_13, picking_tile_14]
TABLE.picking_apart_tile[:] = [
    picking_apart_tile_1, picking_apart_tile_2, picking_apart_tile_3, picking_apart_tile_4, picking_apart_tile_5,
    picking_apart_tile_6, picking_apart_tile_7, picking_apart_tile_8, picking_apart_tile_9, picking_apart_tile_10,
    picking_apart_tile_11, picking_apart_tile_12, picking_apart_tile_13, picking_apart_tile_14]
TABLE.stencil[0][:] = [stencil_1x1, stencil_2x1, stencil_3x1, stencil_4x1,
                       stencil_5x1, stencil_6x1, stencil_7x1, stencil_8x1]
TABLE.stencil[1][:] = [stencil_1x2, stencil_2x2, stencil_3x2, stencil_4x2,
                       stencil_5x2, stencil_6x2, stencil_7x2, stencil_8x2]
TABLE.stencil_edges = STENCIL_EDGES
TABLE.stencil_edge[0][:] = [stencil_edge_1x1, stencil_edge_2x1, stencil_edge_3x1, stencil_edge_4x1,
                            stencil_edge_5x1, stencil_edge_6x1, stencil_edge_7x1, stencil_edge_8x1]
TABLE.stencil_edge[1][:] = [stencil_edge_1x2, stencil_edge_2x2, stencil_edge_3x2, stencil_edge_4x2,
                            stencil_edge_5x2, stencil_edge_6x2, stencil_edge_7x2, stencil_edge_8x2]
TABLE.met_least = MET_LEAST
TABLE.stencil_rows = STENCIL_ROWS
TABLE.stencil_height = STENCIL_HEIGHT
TABLE.row_stencil[:] = [row_stencil_2, row_stencil_3, row_stencil_4]
TABLE.spread = spread
TABLE.gather = gather
TABLE.fold = fold
TABLE.slide[<int> MAXIMUM][:] = [slide_maximum_1, slide_maximum_2, slide_maximum_3, slide_maximum_4]
TABLE.slide[<int> MAXIMUM_NUMBER][:] = [slide_number_1, slide_number_2, slide_number_3, slide_number_4]
TABLE.slide[<int> SUM][:] = [slide_sum_1, slide_sum_2, slide_sum_3, slide_sum_4]
TABLE.across = across
TABLE.van_herk = van_herk
TABLE.columns = columns
TABLE.activate = NULL
TABLE.difference = NULL
TABLE.transform_weights = NULL
TABLE.multiply_late = NULL
TABLE.late_sites = LATE_SITES
TABLE.transform_inputs = NULL
TABLE.transform_outputs = NULL
TABLE.transform_input_lines = NULL
TABLE.transform_output_lines = NULL
TABLE.multiply_lines[:] = [NULL, NULL]
TABLE.fourier_forward = TABLE.fourier_backward = NULL
TABLE.fourier_to_lines[:] = [NULL, NULL]
TABLE.fourier_to_rows[:] = [NULL, NULL]
TABLE.pack_spectrum = NULL
TABLE.multiply_spectra = NULL
TABLE.spectra_filters = SPECTRA_FILTERS
TABLE.load_reals = NULL
TABLE.store_reals = NULL
if REAL_IS_FLOATING and sizeof(real) == 8:
    TABLE.fourier_forward = fourier_forward
    TABLE.fourier_backward = fourier_backward
    TABLE.fourier_to_lines[:] = [fourier_apart, fourier_turned]
    TABLE.fourier_to_rows[:] = [fourier_together, fourier_turned_back]
    TABLE.pack_spectrum = pack_spectrum
    TABLE.multiply_spectra = multiply_spectra
    TABLE.load_reals = load_reals
    TABLE.store_reals = store_reals
if REAL_IS_FLOATING:
    TABLE.activate = activate
    TABLE.difference = difference
    TABLE.transform_weights = transform_weights
    TABLE.multiply_late = multiply_late
    TABLE.transform_inputs = transform_inputs
    TABLE.transform_outputs = transform_outputs
    TABLE.transform_input_lines = transform_input_lines
    TABLE.transform_output_lines = transform_output_lines
    TABLE.multiply_lines[:] = [multiply_lines_1, multiply_lines_2]

# Elements of a vector, rows and vectors of the largest register tile, rows of the largest
# stencil tile and of its segments, and whether lanes can pick.
TILE = (LANES, MR, NV, STENCIL_ROWS, STENCIL_HEIGHT, bool(VPICKS))


def table():
    """The address of this module's kernel table, as a capsule."""
    return PyCapsule_New(&TABLE, "cyconv.KernelTable", NULL)
