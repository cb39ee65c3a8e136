"""Results of pools along one axis, as PyTorch, Keras, JAX and ONNX Runtime give them or worked by hand.

Rows are (function, x, arguments, expected), of functions by their names without ``1d``.
"""

from math import inf, nan, sqrt

UP_TO_5 = [1, 2, 3, 4, 5]
UP_TO_6 = [1, 2, 3, 4, 5, 6]
WITH_NAN = [1, nan, 3, 4, 5, 6]

GOLDEN = [
    # Means: "same", what counts, and windows that are cut.
    ("avg_pool", UP_TO_5, {"kernel_size": 3, "stride": 2, "padding": "same"}, [1.5, 3, 4.5]),
    ("avg_pool", UP_TO_5, {"kernel_size": 2, "stride": 1, "padding": "same"}, [1.5, 2.5, 3.5, 4.5, 5]),
    ("avg_pool", UP_TO_6, {"kernel_size": 2, "stride": 1, "padding": "same"}, [1.5, 2.5, 3.5, 4.5, 5.5, 6]),
    ("avg_pool", UP_TO_6, {"kernel_size": 2, "stride": 1, "padding": "same_lower"}, [1, 1.5, 2.5, 3.5, 4.5, 5.5]),
    (
        "avg_pool",
        UP_TO_6,
        {"kernel_size": 3, "stride": 2, "ceil_mode": True, "count_include_pad": True},
        [2, 4, 5.5],
    ),
    ("avg_pool", UP_TO_6, {"kernel_size": 3, "stride": 2, "ceil_mode": True}, [2, 4, 5.5]),
    (
        "avg_pool",
        UP_TO_6,
        {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": True},
        [1, 3, 5, 3],
    ),
    ("avg_pool", UP_TO_6, {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, [1.5, 3, 5, 6]),
    (
        "avg_pool",
        UP_TO_6,
        {"kernel_size": 3, "stride": 1, "padding": 1, "count_include_pad": True},
        [1, 2, 3, 4, 5, 11 / 3],
    ),
    ("avg_pool", UP_TO_6, {"kernel_size": 3, "stride": 1, "padding": 1}, [1.5, 2, 3, 4, 5, 5.5]),
    (
        "avg_pool",
        UP_TO_6,
        {"kernel_size": 3, "stride": 1, "padding": 1, "divisor": 4},
        [0.75, 1.5, 2.25, 3, 3.75, 2.75],
    ),
    ("avg_pool", UP_TO_5, {"kernel_size": 2, "padding": "full", "stride": 1}, [1, 1.5, 2.5, 3.5, 4.5, 5]),
    ("avg_pool", UP_TO_5, {"kernel_size": 2, "padding": "causal", "stride": 1}, [1, 1.5, 2.5, 3.5, 4.5]),
    ("avg_pool", UP_TO_5, {"kernel_size": 2, "dilation": 3, "stride": 1}, [2.5, 3.5]),
    # The largest: windows that start in the padding behind, NaN, infinity.
    ("max_pool", UP_TO_5, {"kernel_size": 2}, [2, 4]),
    ("max_pool", UP_TO_5, {"kernel_size": 2, "ceil_mode": True}, [2, 4, 5]),
    ("max_pool", UP_TO_5, {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True}, [1, 4]),
    ("max_pool", [-3, -1, -2], {"kernel_size": 3, "stride": 1, "padding": 1}, [-1, -1, -1]),
    ("max_pool", [-3, -1, -2], {"kernel_size": 3, "stride": 1, "padding": "full"}, [-3, -1, -1, -1, -2]),
    ("max_pool", UP_TO_6, {"kernel_size": 2, "dilation": 2, "stride": 1, "padding": ((1, 0),)}, [2, 3, 4, 5, 6]),
    ("max_pool", WITH_NAN, {"kernel_size": 2}, [nan, 4, 6]),
    ("max_pool", WITH_NAN, {"kernel_size": 2, "nan": "ignore"}, [1, 4, 6]),
    ("max_pool", [nan, nan, nan, -inf], {"kernel_size": 2, "nan": "ignore"}, [nan, -inf]),
    ("max_pool", [-inf, -inf, nan, inf], {"kernel_size": 2}, [-inf, nan]),
    # Norms: odd powers of negative numbers, and no making up for what is cut off.
    ("lp_pool", [-v for v in UP_TO_6], {"kernel_size": 2, "p": 3}, [9 ** (1 / 3), 91 ** (1 / 3), 341 ** (1 / 3)]),
    ("lp_pool", [1] * 5, {"kernel_size": 2, "p": 2, "ceil_mode": True}, [sqrt(2), sqrt(2), 1]),
    ("lp_pool", [3, -4, 0, 2], {"kernel_size": 2}, [5, 2]),
    ("lp_pool", [4, 9, 0, 2], {"kernel_size": 2, "p": 0.5}, [25, 2]),
    # As many as are asked for.
    ("adaptive_avg_pool", [1, 2, 3, 4, 5, 6, 7], {"output_size": 3}, [2, 4, 6]),
    ("adaptive_avg_pool", [1, 2, 3], {"output_size": 5}, [1, 1.5, 2, 2.5, 3]),
    ("adaptive_avg_pool", UP_TO_5, {"output_size": None}, UP_TO_5),
    ("adaptive_max_pool", [1, 2, 3, 4, 5, 6, 7], {"output_size": 3}, [3, 5, 7]),
    ("adaptive_max_pool", [3, 2, 1], {"output_size": 5}, [3, 3, 2, 2, 1]),
    ("adaptive_max_pool", WITH_NAN, {"output_size": 3, "nan": "ignore"}, [1, 4, 6]),
]

# The same functions with return_indices=True; expected are the indices.
GOLDEN_INDICES = [
    ("max_pool", UP_TO_6, {"kernel_size": 2}, [1, 3, 5]),
    ("max_pool", [7, 7, 7, 7, 7], {"kernel_size": 3, "stride": 1, "padding": 1}, [0, 0, 1, 2, 3]),
    ("max_pool", [1, 8, 3, 8], {"kernel_size": 2, "dilation": 2, "stride": 1}, [2, 1]),
    ("max_pool", [nan, nan, 3, nan], {"kernel_size": 2}, [0, 3]),
    ("max_pool", [nan, nan, 3, nan, nan, -inf], {"kernel_size": 2, "nan": "ignore"}, [0, 2, 5]),
    ("max_pool", [-inf, -inf, nan, -inf], {"kernel_size": 4, "nan": "ignore"}, [0]),
    ("adaptive_max_pool", [3, 2, 1], {"output_size": 5}, [0, 0, 1, 1, 2]),
    ("adaptive_max_pool", [1, nan, 3, nan], {"output_size": 1}, [1]),
]
