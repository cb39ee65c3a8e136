"""SciPy: filters of one channel, and of channels that are not mixed."""

import numpy as np

from benchmarks.libraries import Library, Prepared, need


class SciPy(Library):
    """``ndimage`` (correlate, maximum_filter, uniform_filter) and ``correlate``, ``fftconvolve``, ``oaconvolve`` of
    ``signal``.  Strides are taken from the result at full resolution, as users do.
    """

    modules = ("scipy",)
    distributions = ("scipy", "numpy")

    @classmethod
    def ways(cls, options):
        return ["ndimage", "correlate", "fftconvolve", "oaconvolve"]

    def __init__(self, threads):
        super().__init__(threads)
        import scipy.fft
        import scipy.ndimage
        import scipy.signal

        self.scipy = scipy

    def prepare(self, case, x, w, way):
        return self._ndimage(case, x, w) if way == "ndimage" else self._signal(case, x, w, way)

    def _ndimage(self, case, x, w):
        need(case.c == case.k == case.n == 1, "one channel and one filter only")
        need(all(d == 1 for d in case.dilation), "no dilation")
        need(all(k % 2 and p == (k // 2,) * 2 for k, p in zip(case.kernel, case.pad, strict=True)),
             "an odd window and an output of the input's size")  # fmt: skip
        nd, picture = self.scipy.ndimage, x[0, 0]
        steps = tuple(slice(None, None, s) for s in case.stride)
        run = {
            "conv": lambda: nd.correlate(picture, w[0, 0], mode="constant")[steps],
            "max": lambda: nd.maximum_filter(picture, case.kernel, mode="constant", cval=-np.inf)[steps],
            "avg": lambda: nd.uniform_filter(picture, case.kernel, mode="constant")[steps],
        }[case.op]
        return Prepared(run, lambda y: y[None, None])

    def _signal(self, case, x, w, way):
        need(case.op == "conv", "no pools")
        need(all(d == 1 for d in case.dilation), "no dilation")
        steps = tuple(slice(None, None, s) for s in case.stride)
        if case.n == case.k == 1:  # all channels in one correlation of one more axis
            a, b, axes, sums = x[0], w[0], None, True
        else:
            need(way != "correlate", "one filter and one picture only")
            need(case.groups == case.c, "no sum over channels for several filters")
            a, b, axes, sums = x, w[:, 0][None], tuple(range(2, case.ndim + 2)), False
        signal, threads = self.scipy.signal, self.scipy.fft.set_workers
        pads = ((0, 0),) * (a.ndim - case.ndim) + case.pad
        flipped = np.flip(b, axis=axes if axes else tuple(range(b.ndim)))

        def run():
            big = np.pad(a, pads) if any(map(sum, case.pad)) else a
            with threads(self.threads):
                if way == "correlate":
                    y = signal.correlate(big, b, "valid")
                else:
                    y = getattr(signal, way)(big, flipped, "valid", axes=axes)
            return y[..., *steps]

        return Prepared(run, lambda y: y[None] if sums else y)
