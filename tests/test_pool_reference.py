"""The definition of pooling, against other libraries' results and against SciPy."""

import re

import numpy as np
import pytest
import scipy.ndimage
from golden import GOLDEN, GOLDEN_INDICES

from cyconv import reference, shapes

NAMES = ("max_pool", "avg_pool", "lp_pool", "adaptive_max_pool", "adaptive_avg_pool")
LAYOUTS = {1: ("NWC", "NCW", "WC", "CW"), 2: ("NHWC", "NCHW", "HWC", "CHW"), 3: ("NDHWC", "NCDHW", "DHWC", "CDHW")}


@pytest.mark.parametrize(("function", "x", "arguments", "expected"), GOLDEN)
def test_golden_vectors(function, x, arguments, expected):
    y = getattr(reference, function)(np.array(x, float).reshape(1, -1, 1), **arguments)
    assert y.shape == (1, len(expected), 1)
    np.testing.assert_allclose(y.ravel(), expected, rtol=1e-15)


@pytest.mark.parametrize(("function", "x", "arguments", "expected"), GOLDEN_INDICES)
def test_golden_indices(function, x, arguments, expected):
    x = np.array(x, float)
    y, at = getattr(reference, function)(x.reshape(1, -1, 1), return_indices=True, **arguments)
    assert at.dtype == np.int64
    assert at.ravel().tolist() == expected
    np.testing.assert_array_equal(y.ravel(), x[expected])


@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "HWC", "CHW"])
def test_indices_count_along_a_plane_whatever_the_layout(layout):
    x = in_layout(np.arange(32.0).reshape(1, 2, 4, 4), layout)
    y, at = reference.max_pool(x, 2, return_indices=True, layout=layout)
    np.testing.assert_array_equal(at, in_layout(np.tile([[5, 7], [13, 15]], (1, 2, 1, 1)), layout))
    np.testing.assert_array_equal(y, in_layout(np.array([[[[5, 7], [13, 15]], [[21, 23], [29, 31]]]]), layout))


def in_layout(x, layout):
    """An array in the order N, C, window axes brought to a layout."""
    x = np.moveaxis(x, 1, -1) if layout[-1] == "C" else x
    return x if layout[0] == "N" else x[0]


def draw(rng, ndim):
    """A random array in the order N, C, window axes, and arguments of a pool."""
    x = rng.standard_normal((int(rng.integers(1, 3)), int(rng.integers(1, 4)), *rng.integers(1, 9, ndim)))
    kernel, stride, dilation, before, after = (
        tuple(int(v) for v in rng.integers(low, high, ndim)) for low, high in ((1, 5), (1, 4), (1, 3), (0, 3), (0, 3))
    )
    padding = ("valid", "same", "same_lower", "full", before, tuple(zip(before, after, strict=True)))[rng.integers(6)]
    arguments = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": bool(rng.integers(2))}
    return x, kernel, arguments


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_shapes_agree_with_what_comes_out(ndim):
    """In all layouts, and also in what is refused."""
    rng = np.random.default_rng(ndim)
    refused = 0
    for _ in range(150):
        x, kernel, arguments = draw(rng, ndim)
        layout = str(rng.choice(LAYOUTS[ndim]))
        x = in_layout(x, layout)
        try:
            shape = shapes.pool_output_shape(x.shape, kernel, layout=layout, **arguments)
        except ValueError as error:
            refused += 1
            same = re.escape(str(error).replace("pool_output_shape", "max_pool"))
            with pytest.raises(ValueError, match=f"^{same}$"):
                reference.max_pool(x, kernel, layout=layout, **arguments)
        else:
            assert all(type(n) is int for n in shape)
            for function in (reference.max_pool, reference.avg_pool, reference.lp_pool):
                y = function(x, kernel, layout=layout, **arguments)
                assert y.shape == shape
                assert np.isfinite(y).all()
    assert 10 < refused < 120


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_scipy(ndim):
    """Filters of SciPy have odd windows around every element: those are "same" with a stride of 1."""
    rng = np.random.default_rng(ndim)
    for _ in range(30):
        shape, kernel = rng.integers(1, 8, ndim), tuple(int(k) for k in rng.choice((1, 3, 5), ndim))
        stride, dilation = (tuple(int(v) for v in rng.integers(1, 4, ndim)) for _ in range(2))
        x = rng.standard_normal(shape)
        pads = tuple(min((k - 1) // 2 * d, n - 1) for k, d, n in zip(kernel, dilation, shape, strict=True))
        footprint = np.zeros([(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)])
        footprint[tuple(slice(None, None, d) for d in dilation)] = 1
        # What a filter gives that is centred half a window from the start of the padding, and every stride from there.
        centres = tuple(
            slice((k - 1) // 2 * d - p, n - ((k - 1) // 2 * d - p), s)
            for k, d, p, n, s in zip(kernel, dilation, pads, shape, stride, strict=True)
        )

        def pool(function, x=x, kernel=kernel, stride=stride, pads=pads, dilation=dilation, **arguments):
            x = x[np.newaxis, ..., np.newaxis]
            return function(x, kernel, stride=stride, padding=pads, dilation=dilation, **arguments)[0, ..., 0]

        def total(x, footprint=footprint, centres=centres):
            return scipy.ndimage.correlate(x, footprint, mode="constant")[centres]

        if 0 in total(x).shape:
            with pytest.raises(ValueError, match="does not fit"):
                pool(reference.max_pool)
            continue
        largest = scipy.ndimage.maximum_filter(x, footprint=footprint, mode="constant", cval=-np.inf)[centres]
        np.testing.assert_array_equal(pool(reference.max_pool), largest)
        close = {"rtol": 1e-12, "atol": 1e-12}
        cells = footprint.sum()
        np.testing.assert_allclose(pool(reference.avg_pool), total(x) / total(np.ones(shape)), **close)
        np.testing.assert_allclose(pool(reference.avg_pool, count_include_pad=True), total(x) / cells, **close)
        np.testing.assert_allclose(pool(reference.lp_pool, p=3), total(np.abs(x) ** 3) ** (1 / 3), **close)
        if max(dilation) == 1:
            mean = scipy.ndimage.uniform_filter(x, kernel, mode="constant")[centres]
            np.testing.assert_allclose(pool(reference.avg_pool, count_include_pad=True), mean, **close)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_windows_of_any_kind_by_padding_and_slicing(ndim):
    """Each output is worked from a padded copy of the input, in which NaN stands for nothing."""
    rng = np.random.default_rng(10 + ndim)
    pooled = 0
    while pooled < 60:
        x, kernel, arguments = draw(rng, ndim)
        stride, dilation = arguments["stride"], arguments["dilation"]
        try:
            shape = shapes.pool_output_shape(x.shape, kernel, layout=LAYOUTS[ndim][1], **arguments)
        except ValueError:
            continue
        pooled += 1
        pads = shapes.resolve_padding("test", arguments["padding"], x.shape[2:], kernel, stride, dilation)
        beyond = tuple((0, 50) for _ in pads)
        cells = np.pad(np.pad(np.ones(x.shape[2:]), pads, constant_values=1), beyond)
        padded = np.pad(np.pad(x, ((0, 0), (0, 0), *pads), constant_values=np.nan),
                        ((0, 0), (0, 0), *beyond), constant_values=np.nan)  # fmt: skip
        largest, mean, included = (np.empty(shape) for _ in range(3))
        for place in np.ndindex(*shape[2:]):
            window = tuple(
                slice(i * s, i * s + (k - 1) * d + 1, d)
                for i, s, k, d in zip(place, stride, kernel, dilation, strict=True)
            )
            axes = tuple(range(2, ndim + 2))
            at = (..., *place)
            largest[at] = np.nanmax(padded[..., *window], axis=axes)
            mean[at] = np.nanmean(padded[..., *window], axis=axes)
            included[at] = np.nansum(padded[..., *window], axis=axes) / cells[window].sum()
        arguments["layout"] = LAYOUTS[ndim][1]
        y, at = reference.max_pool(x, kernel, return_indices=True, **arguments)
        np.testing.assert_array_equal(y, largest)
        planes = x.reshape(*x.shape[:2], -1)
        np.testing.assert_array_equal(np.take_along_axis(planes, at.reshape(*x.shape[:2], -1), -1).reshape(shape), y)
        np.testing.assert_allclose(reference.avg_pool(x, kernel, **arguments), mean, rtol=1e-12, atol=1e-12)
        y = reference.avg_pool(x, kernel, count_include_pad=True, **arguments)
        np.testing.assert_allclose(y, included, rtol=1e-12, atol=1e-12)


def test_adaptive_of_divisible_sizes_is_a_pool():
    x = np.random.default_rng(1).standard_normal((2, 12, 8, 6, 3))
    y, at = reference.adaptive_max_pool(x, (4, 2, None), return_indices=True)
    expected = reference.max_pool(x, (3, 4, 1), return_indices=True)
    np.testing.assert_array_equal(y, expected[0])
    np.testing.assert_array_equal(at, expected[1])
    np.testing.assert_allclose(reference.adaptive_avg_pool(x, (4, 2, None)), reference.avg_pool(x, (3, 4, 1)))


@pytest.mark.parametrize("layout", LAYOUTS[2])
def test_adaptive_layouts(layout):
    x = np.random.default_rng(1).standard_normal((2, 3, 7, 5))
    expected = reference.adaptive_avg_pool(np.moveaxis(x, 1, -1), (3, 6))
    y = reference.adaptive_avg_pool(in_layout(x, layout), (3, 6), layout=layout)
    np.testing.assert_array_equal(y, in_layout(np.moveaxis(expected, -1, 1), layout))
    assert shapes.adaptive_output_shape(in_layout(x, layout).shape, (3, 6), layout=layout) == y.shape


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "f2", "f4", "f8", ">f4"]
)
def test_dtypes(dtype):
    x = np.array([0, 1, 1, 0, 1]).astype(dtype).reshape(1, 5, 1)
    y = reference.max_pool(x, 2, ceil_mode=True)
    assert y.dtype == x.dtype.newbyteorder("=")
    assert y.ravel().tolist() == [1, 1, 1]
    for function, expected in ((reference.avg_pool, [0.5, 0.5]), (reference.lp_pool, [1, 1])):
        y = function(x, 2)
        assert y.dtype == np.float64
        assert y.ravel().tolist() == expected


@pytest.mark.parametrize("nan", ["propagate", "IGNORE"])
def test_large_integers_are_exact(nan):
    top = 2**64 - 1
    x = np.array([top - 1, top, 2, 1], np.uint64).reshape(1, 4, 1)
    assert reference.max_pool(x, 2, nan=nan).ravel().tolist() == [top, 2]
    x = np.array([-(2**63), 1 - 2**63], np.int64).reshape(1, 2, 1)
    assert reference.max_pool(x, 2, nan=nan).ravel().tolist() == [1 - 2**63]


def test_infinity_and_overflow_are_silent():
    x = np.array([np.inf, -np.inf, 1e200, 1.0]).reshape(1, 4, 1)
    with np.errstate(all="raise"):
        assert np.isnan(reference.avg_pool(x, 2).ravel()[0])
        assert reference.lp_pool(x, 2).ravel().tolist() == [np.inf, np.inf]


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (2, 4, 4, 0)])
def test_empty_batch_and_channels(shape):
    x = np.ones(shape, np.float32)
    y, at = reference.max_pool(x, 2, return_indices=True)
    assert y.shape == at.shape == (shape[0], 2, 2, shape[3])
    assert (y.dtype, at.dtype) == (np.float32, np.int64)
    assert reference.avg_pool(x, 2).shape == y.shape
    assert reference.lp_pool(x, 2).shape == y.shape
    assert reference.adaptive_max_pool(x, 2).shape == y.shape
    assert reference.adaptive_avg_pool(x, 2).shape == y.shape


X = np.ones((1, 8, 8, 4), np.float32)


@pytest.mark.parametrize(
    ("function", "arguments", "error", "message"),
    [
        (
            "max_pool",
            {"kernel_size": 2, "nan": "omit"},
            ValueError,
            "nan must be one of 'propagate', 'ignore', got 'omit'",
        ),
        ("max_pool", {"kernel_size": 2, "nan": None}, TypeError, "nan must be one of"),
        ("max_pool", {"kernel_size": 2, "return_indices": 1}, TypeError, "return_indices must be True or False, got 1"),
        ("max_pool", {"kernel_size": 2, "ceil_mode": 1}, TypeError, "ceil_mode must be True or False, got 1"),
        (
            "max_pool",
            {"kernel_size": 9},
            ValueError,
            "the kernel does not fit the input along H: .* = 9 is more than 8",
        ),
        ("max_pool", {"kernel_size": 2, "padding": 2}, ValueError, "padding along H must be less than a window"),
        ("avg_pool", {"kernel_size": 2, "count_include_pad": 0}, TypeError, "count_include_pad must be True or False"),
        ("avg_pool", {"kernel_size": 2, "divisor": 0}, ValueError, "divisor must be at least 1, got 0"),
        ("avg_pool", {"kernel_size": 2, "divisor": -1}, ValueError, "divisor must be at least 1, got -1"),
        ("avg_pool", {"kernel_size": 2, "divisor": 1.5}, TypeError, "divisor must be an integer, got 1.5"),
        ("lp_pool", {"kernel_size": 2, "p": 0}, ValueError, "p must be above 0 and finite, got 0"),
        ("lp_pool", {"kernel_size": 2, "p": -1.5}, ValueError, "p must be above 0 and finite, got -1.5"),
        ("lp_pool", {"kernel_size": 2, "p": np.inf}, ValueError, "p must be above 0 and finite, got inf"),
        ("lp_pool", {"kernel_size": 2, "p": np.nan}, ValueError, "p must be above 0 and finite, got nan"),
        ("lp_pool", {"kernel_size": 2, "p": 10**400}, ValueError, "p must be above 0 and finite"),
        ("lp_pool", {"kernel_size": 2, "p": "2"}, TypeError, "p must be a number, got '2'"),
        ("lp_pool", {"kernel_size": 2, "p": True}, TypeError, "p must be a number, got True"),
        ("adaptive_max_pool", {"output_size": 0}, ValueError, "output_size must be at least 1, got 0"),
        ("adaptive_max_pool", {"output_size": 2, "nan": "omit"}, ValueError, "nan must be one of"),
        ("adaptive_avg_pool", {"output_size": (2, 2.0)}, TypeError, "output_size must be an integer, got 2.0"),
    ],
)
def test_errors(function, arguments, error, message):
    with pytest.raises(error, match=f"^{function}: {message}"):
        getattr(reference, function)(X, **arguments)


@pytest.mark.parametrize("name", NAMES)
def test_errors_of_arrays(name):
    function = getattr(reference, name)
    with pytest.raises(TypeError, match=f"^{name}: x must hold .* got dtype complex128"):
        function(X.astype(complex), 2)
    with pytest.raises(TypeError, match=f"^{name}: x is a masked array"):
        function(np.ma.masked_array(X), 2)
    with pytest.raises(
        ValueError, match=f"^{name}: x must have 4 axes \\(NHWC\\), got 3: x.shape=\\(8, 8, 4\\); .*'HWC'"
    ):
        function(X[0], (2, 2))
    with pytest.raises(ValueError, match=f"^{name}: x must have elements along W to pool, got none"):
        function(X[:, :, :0], 2)
