"""An ONNX model of one operation, for the libraries that read such models."""


def model(case, w):
    """A model of a case, as bytes.

    Parameters
    ----------
    case : benchmarks.suites.Case
    w : ndarray or None

    Returns
    -------
    bytes
    """
    from onnx import TensorProto, helper, numpy_helper

    kind = TensorProto.DOUBLE if case.dtype == "float64" else TensorProto.FLOAT
    x = helper.make_tensor_value_info("x", kind, [case.n, case.c, *case.size])
    y = helper.make_tensor_value_info("y", kind, [case.n, case.k, *case.output])
    pads = [a for a, _ in case.pad] + [b for _, b in case.pad]
    known = {"kernel_shape": case.kernel, "strides": case.stride, "pads": pads, "dilations": case.dilation}
    if case.op == "conv":
        node = helper.make_node("Conv", ["x", "w"], ["y"], group=case.groups, **known)
    elif case.op == "max":
        node = helper.make_node("MaxPool", ["x"], ["y"], **known)
    else:
        node = helper.make_node("AveragePool", ["x"], ["y"], count_include_pad=1, **known)
    weights = [numpy_helper.from_array(w, "w")] if case.op == "conv" else []
    graph = helper.make_graph([node], "case", [x], [y], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
    made.ir_version = 9
    return made.SerializeToString()
