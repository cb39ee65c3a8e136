"""ncnn: a network of one layer, in float32."""

import pathlib
import tempfile

import numpy as np

from benchmarks.libraries import Library, Prepared, need


class Ncnn(Library):
    """One way; pictures, and volumes without groups."""

    modules = ("ncnn",)
    distributions = ("ncnn",)

    def __init__(self, threads):
        super().__init__(threads)
        import ncnn

        self.ncnn = ncnn

    def prepare(self, case, x, w, way):
        need(case.n == 1, "one sample only")
        need(case.dtype == "float32", "float32 only")
        kind, arguments = self._picture(case, w) if case.ndim == 2 else self._volume(case, w)
        net = self.ncnn.Net()
        net.opt.num_threads = self.threads
        for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
            setattr(net.opt, f"use_{name}", False)
        with tempfile.TemporaryDirectory() as folder:
            param, weights = pathlib.Path(folder) / "case.param", pathlib.Path(folder) / "case.bin"
            param.write_text(f"7767517\n2 2\nInput in 0 1 in\n{kind} layer 1 1 in out {arguments}\n")
            weights.write_bytes(b"" if w is None else bytes(4) + w.tobytes())
            net.load_param(str(param))
            net.load_model(str(weights))
        given = self.ncnn.Mat(x[0])

        def run():
            extractor = net.create_extractor()
            extractor.input("in", given)
            return extractor.extract("out")[1]

        run.keeps = net
        return Prepared(run, lambda y: np.array(y)[None])

    def _picture(self, case, w):
        (kh, kw), (sh, sw), (dh, dw), ((top, bottom), (left, right)) = case.kernel, case.stride, case.dilation, case.pad
        if case.op == "conv":
            kind = "Convolution" if case.groups == 1 else "ConvolutionDepthWise"
            groups = f" 7={case.groups}" if case.groups > 1 else ""
            return kind, (
                f"0={case.k} 1={kw} 11={kh} 2={dw} 12={dh} 3={sw} 13={sh} 4={left} 14={top} 15={right} 16={bottom} "
                f"5=0 6={w.size}{groups}"
            )
        need((dh, dw) == (1, 1), "no dilation in pools")
        mean = int(case.op == "avg")
        return "Pooling", (f"0={mean} 1={kw} 11={kh} 2={sw} 12={sh} 3={left} 13={top} 14={right} 15={bottom} 5=1 6=1")

    def _volume(self, case, w):
        need(case.ndim == 3, "no filters along one axis here")
        need(case.op == "conv" and case.groups == 1, "volumes: convolutions without groups only")
        need(case.symmetric, "volumes: as much padding before as after")
        (kd, kh, kw), (sd, sh, sw), (dd, dh, dw) = case.kernel, case.stride, case.dilation
        pd, ph, pw = (a for a, _ in case.pad)
        return "Convolution3D", (
            f"0={case.k} 1={kw} 11={kh} 21={kd} 2={dw} 12={dh} 22={dd} 3={sw} 13={sh} 23={sd} "
            f"4={pw} 14={ph} 24={pd} 5=0 6={w.size}"
        )
