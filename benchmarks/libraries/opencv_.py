"""OpenCV: filter2D, dilate and boxFilter on pictures of one channel."""

import numpy as np

from benchmarks.libraries import Library, Prepared, need


class OpenCV(Library):
    """One way."""

    modules = ("cv2",)
    distributions = ("opencv-python-headless", "opencv-python")

    def __init__(self, threads):
        super().__init__(threads)
        import cv2

        cv2.setNumThreads(threads)
        self.cv2 = cv2

    def prepare(self, case, x, w, way):
        need(case.ndim == 2 and case.single, "pictures of one channel and one filter only")
        need(case.same, "an odd window and an output of the input's size")
        need(all(d == 1 for d in case.dilation), "no dilation")
        cv2, picture = self.cv2, x[0, 0]
        constant = cv2.BORDER_CONSTANT
        box = np.ones(case.kernel, np.uint8)
        run = {
            "conv": lambda: cv2.filter2D(picture, -1, w[0, 0], borderType=constant),
            "max": lambda: cv2.dilate(picture, box),
            "avg": lambda: cv2.boxFilter(picture, -1, case.kernel[::-1], borderType=constant),
        }[case.op]
        return Prepared(run, lambda y: y[None, None])
