"""OpenVINO: a compiled model of one node, on the CPU, without lower precision."""

import numpy as np

from benchmarks.libraries import Library, Prepared
from benchmarks.libraries.onnx_model import model


class OpenVino(Library):
    """One way: latency, float32."""

    modules = ("openvino", "onnx")
    distributions = ("openvino",)

    def __init__(self, threads):
        super().__init__(threads)
        import openvino

        self.openvino = openvino

    def prepare(self, case, x, w, way):
        core = self.openvino.Core()
        known = {
            "INFERENCE_NUM_THREADS": self.threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32",
        }  # fmt: skip
        compiled = core.compile_model(core.read_model(model=model(case, w)), "CPU", known)
        request = compiled.create_infer_request()
        request.set_input_tensor(self.openvino.Tensor(x, shared_memory=True))

        def run():
            request.infer()
            return request.get_output_tensor().data

        return Prepared(run, np.array)
