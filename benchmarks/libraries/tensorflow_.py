"""TensorFlow: `tf.function` of a `tf.nn` function, channels last."""

import os

import numpy as np

from benchmarks.libraries import Library, Prepared, channels_first, channels_last, need


class TensorFlow(Library):
    """One way."""

    modules = ("tensorflow",)
    distributions = ("tensorflow", "tensorflow-cpu")

    def __init__(self, threads):
        super().__init__(threads)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
        import tensorflow

        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        self.tf = tensorflow

    def prepare(self, case, x, w, way):
        tf = self.tf
        need(case.ndim > 1, "no filters along one axis here")
        x = tf.constant(channels_last(x))
        pads = [(0, 0), *case.pad, (0, 0)]
        lowest = x.dtype.min if case.op == "max" else 0

        def padded():
            return tf.pad(x, pads, constant_values=lowest) if any(map(sum, case.pad)) else x

        if case.op != "conv":
            need(all(d == 1 for d in case.dilation), "no dilation in pools")
            pool = tf.nn.max_pool if case.op == "max" else tf.nn.avg_pool
            run = tf.function(lambda: pool(padded(), case.kernel, case.stride, "VALID"))
        elif case.groups == case.c > 1:
            need(case.ndim == 2, "volumes: no groups")
            need(len(set(case.stride)) == 1, "depthwise: equal strides only")
            # (K, 1, h, w) as (h, w, C, K / C)
            many = case.k // case.c
            w = tf.constant(np.ascontiguousarray(w.reshape(case.c, many, *case.kernel).transpose(2, 3, 0, 1)))
            run = tf.function(lambda: tf.nn.depthwise_conv2d(x, w, (1, *case.stride, 1), pads, dilations=case.dilation))
        else:
            need(case.ndim == 2 or case.groups == 1, "volumes: no groups")
            w = tf.constant(np.ascontiguousarray(np.moveaxis(w, (0, 1), (-1, -2))))
            if case.ndim == 2:
                run = tf.function(lambda: tf.nn.conv2d(x, w, case.stride, pads, dilations=case.dilation))
            else:
                steps, gaps = (1, *case.stride, 1), (1, *case.dilation, 1)
                run = tf.function(lambda: tf.nn.conv3d(padded(), w, steps, "VALID", dilations=gaps))
        return Prepared(run, lambda y: channels_first(y.numpy()))
