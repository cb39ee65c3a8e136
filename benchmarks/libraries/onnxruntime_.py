"""ONNX Runtime: a session of one node, on the CPU."""

from benchmarks.libraries import Library, Prepared
from benchmarks.libraries.onnx_model import model


class OnnxRuntime(Library):
    """One way: a session with its default optimizations."""

    modules = ("onnxruntime", "onnx")
    distributions = ("onnxruntime",)

    def __init__(self, threads):
        super().__init__(threads)
        import onnxruntime

        self.onnxruntime = onnxruntime

    def prepare(self, case, x, w, way):
        options = self.onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = self.onnxruntime.InferenceSession(model(case, w), options, providers=["CPUExecutionProvider"])
        return Prepared(lambda: session.run(None, {"x": x})[0])
