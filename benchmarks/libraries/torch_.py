"""PyTorch: functional calls on tensors in either memory format, without gradients."""

from benchmarks.libraries import Library, Prepared, need


class PyTorch(Library):
    """A way is a memory format: ``NCHW`` is contiguous, ``NHWC`` channels_last."""

    modules = ("torch",)
    distributions = ("torch",)

    @classmethod
    def ways(cls, options):
        return list(options["layouts"])

    def __init__(self, threads):
        super().__init__(threads)
        import torch

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.torch = torch

    def prepare(self, case, x, w, way):
        torch, f, nd = self.torch, self.torch.nn.functional, case.ndim
        need(way == "NCHW" or nd > 1, "no such memory format along one axis")
        form = {2: torch.channels_last, 3: torch.channels_last_3d}[nd] if way == "NHWC" else torch.contiguous_format
        x = torch.from_numpy(x).contiguous(memory_format=form)
        before = [p for pair in reversed(case.pad) for p in pair]
        inside = [a for a, _ in case.pad] if case.symmetric and self._pads(case) else 0

        def padded():  # where the operation itself cannot pad, padding is part of the call
            if inside or not any(before):
                return x
            return f.pad(x, before, value=float("-inf") if case.op == "max" else 0.0)

        if case.op == "conv":
            w = torch.from_numpy(w).contiguous(memory_format=form)
            conv = getattr(f, f"conv{nd}d")
            return Prepared(
                lambda: conv(padded(), w, None, case.stride, inside, case.dilation, case.groups), lambda y: y.numpy()
            )
        pool = getattr(f, f"{case.op}_pool{nd}d")
        more = (case.dilation,) if case.op == "max" else ()
        need(more or all(d == 1 for d in case.dilation), "no dilation in means")
        return Prepared(lambda: pool(padded(), case.kernel, case.stride, inside, *more), lambda y: y.numpy())

    def _pads(self, case):
        """Whether the operation pads by itself: pools do so up to half a window."""
        return case.op == "conv" or all(2 * a <= k for (a, _), k in zip(case.pad, case.kernel, strict=True))

    def details(self):
        return {"parallel": self.torch.__config__.parallel_info().splitlines()[0]}
