"""The matrices of Winograd's transforms, without signs: what errors are bounded with."""

import numpy as np

ROOTS = np.array([0, np.sqrt(0.5), -np.sqrt(0.5), np.sqrt(2), -np.sqrt(2)])
"""The points of kernels/winograd.pxi, but for infinity;"""
WHOLE = np.array([0, 1, -1, 2, -2])
"""and those for few channels."""


def inputs_matrix(points=ROOTS):
    """|B^T|, from its definition by polynomials."""
    matrix = np.zeros((6, 6))
    for i in range(5):
        matrix[i, :5] = np.abs(np.poly(np.delete(points, i))[::-1])
    matrix[5] = np.abs(np.poly(points)[::-1])
    return matrix


def weights_matrix(taps, points=ROOTS):
    """|G|."""
    scale = [np.prod(p - np.delete(points, i)) for i, p in enumerate(points)]
    return np.abs(np.vstack([points[:, None] ** np.arange(taps) / np.array(scale)[:, None], np.eye(taps)[-1:]]))


def outputs_matrix(m, points=ROOTS):
    """|A^T|."""
    return np.abs(np.vstack([points[:, None] ** np.arange(m), np.eye(m)[-1:]]).T)
