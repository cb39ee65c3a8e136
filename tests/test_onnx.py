"""The cases that the `onnx` package makes to test implementations of its operators."""

import importlib

import numpy as np
import onnx
import pytest
from onnx.backend.test.case import node as cases_of_nodes
from pool_cases import function

import cyconv

# Operators, the modules that make their cases as they are imported, and how many there are at least.
OPERATORS = {
    "Conv": ("conv", 6),
    "MaxPool": ("maxpool", 19),
    "AveragePool": ("averagepool", 20),
    "LpPool": ("lppool", 8),
    "GlobalMaxPool": ("globalmaxpool", 2),
    "GlobalAveragePool": ("globalaveragepool", 2),
}
EXACT = ("MaxPool", "GlobalMaxPool")
TYPED = ("test_averagepool_2d_ceil_last_window_starts_on_pad",)  # with four digits; the tolerance is the package's


def made():
    """Cases of our operators: node, inputs, outputs and how far from them results may be."""
    for module, _ in OPERATORS.values():
        importlib.import_module(f"onnx.backend.test.case.node.{module}")
    for case in cases_of_nodes._NodeTestCases:
        if case.model.graph.node[0].op_type in OPERATORS:
            (node,), ((inputs, outputs),) = case.model.graph.node, case.data_sets
            tolerance = case.rtol if case.name in TYPED else 0 if node.op_type in EXACT else 1e-5
            yield pytest.param(node, inputs, outputs, tolerance, id=case.name)


CASES = list(made())


def sliding(attributes, ndim, plain):
    """Arguments that convolutions and pools share; `plain` is the stride where none is given."""
    pads = np.reshape(attributes.get("pads", [0] * 2 * ndim), (2, ndim))  # all that are in front, then all behind
    words = {"VALID": "valid", "SAME_UPPER": "same", "SAME_LOWER": "same_lower"}
    return {
        "stride": attributes.get("strides", plain),
        "padding": words.get(attributes.get("auto_pad", b"NOTSET").decode(), pads.T),
        "dilation": attributes.get("dilations", 1),
    }


def conv(attributes, x, w, bias=None):
    ndim = x.ndim - 2
    arguments = sliding(attributes, ndim, 1)
    named = {"layout": "channels_first", "groups": attributes.get("group", 1)}
    return [getattr(cyconv, f"conv{ndim}d")(x, w, bias, **named, **arguments)]


def max_pool(attributes, x):
    y, at = slide("max_pool", attributes, x, return_indices=True)
    if attributes.get("storage_order"):  # along columns
        at = np.ravel_multi_index(np.unravel_index(at, x.shape[2:])[::-1], x.shape[:1:-1])
    planes = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *(1,) * (x.ndim - 2))
    return [y, at + planes * np.prod(x.shape[2:])]  # of all samples and channels


def average_pool(attributes, x):
    return [slide("avg_pool", attributes, x, count_include_pad=bool(attributes.get("count_include_pad", 0)))]


def lp_pool(attributes, x):
    return [slide("lp_pool", attributes, x, p=attributes.get("p", 2))]


def slide(op, attributes, x, **more):
    arguments = sliding(attributes, x.ndim - 2, 1)
    more = {"ceil_mode": bool(attributes.get("ceil_mode", 0)), "layout": "channels_first", **more}
    return function(op, x.ndim - 2)(x, attributes["kernel_shape"], **arguments, **more)


def of_all(op):
    return lambda attributes, x: [function(op, x.ndim - 2)(x, keepdims=True, layout="channels_first")]


RUN = {
    "Conv": conv,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "LpPool": lp_pool,
    "GlobalMaxPool": of_all("global_max_pool"),
    "GlobalAveragePool": of_all("global_avg_pool"),
}


@pytest.mark.parametrize(("node", "inputs", "outputs", "tolerance"), CASES)
def test_cases_of_onnx(each_isa, node, inputs, outputs, tolerance):
    """Within 1e-5 of what comes out for magnitudes, since those that `onnx` expects are sums in float32 as well."""
    attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    results = RUN[node.op_type](attributes, *inputs)
    magnitudes = RUN[node.op_type](attributes, *map(np.abs, inputs))
    for result, expected, magnitude in zip(results, outputs, magnitudes, strict=False):
        assert result.dtype == expected.dtype
        assert result.shape == expected.shape
        assert np.all(np.abs(result.astype(float) - expected) <= tolerance * magnitude)


@pytest.mark.parametrize("operator", OPERATORS)
def test_no_case_is_lost(operator):
    assert sum(case.values[0].op_type == operator for case in CASES) >= OPERATORS[operator][1]


def test_no_attribute_is_lost():
    """What the adapters above do not read, no case sets."""
    read = {"pads", "auto_pad", "strides", "dilations", "group", "kernel_shape", "ceil_mode", "storage_order",
            "count_include_pad", "p"}  # fmt: skip
    assert {attribute.name for case in CASES for attribute in case.values[0].attribute} <= read
