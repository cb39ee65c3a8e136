"""What ``python -m cyconv demo`` does: convolutions of a photograph, computed, checked and timed.

Everything is computed twice, with channels last (NHWC) and with channels first (NCHW), and both
results are compared with an independent one.
"""

import importlib.resources
import math
import time

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cyconv import reference, shapes
from cyconv.config import __version__
from cyconv.conv import conv2d, plan_conv2d
from cyconv.isa import CURRENT
from cyconv.threads import get_num_threads

TOLERANCE = 1e-5
"""The largest difference between two results that passes, for results of the order of 1."""

LONGEST_SIDE = 640
"""Larger pictures are reduced to this, so that the demo stays short."""

SECONDS_PER_CONTENDER = 0.12
"""How long each contender of the table of times may run before it is left out of further rounds."""


class DemoError(Exception):
    """The demo cannot go on; the message says why in one line."""


def run(image=None, output="cyconv-demo.png"):
    """Runs the whole demo and prints what it finds.

    Parameters
    ----------
    image : str, optional
        File name of a picture; by default the photograph that comes with cyconv.
    output : str, optional
        File name of the picture to write.

    Raises
    ------
    DemoError
        If Pillow is missing, a file cannot be read or written, or results differ.
    """
    photo = load(image)
    n = get_num_threads()
    print(f"cyconv {__version__}, {CURRENT} kernels, {n} thread{'s' * (n > 1)}\n")
    network(photo)
    blurred, edges = filter_and_check(photo)
    write(output, photo, blurred, edges)
    race(photo)


def _pillow():
    try:
        from PIL import Image, ImageDraw, ImageOps
    except ImportError:
        raise DemoError('Pillow, which reads and writes pictures, is missing: pip install "cyconv[demo]"') from None
    return Image, ImageDraw, ImageOps


def load(image):
    """A picture as an array of shape (H, W, 3), float32, from 0 to 1.

    Parameters
    ----------
    image : str or None
        File name; None for the photograph that comes with cyconv.

    Returns
    -------
    ndarray

    Raises
    ------
    DemoError
        If Pillow is missing or the file cannot be read as a picture.
    """
    pillow, _, ops = _pillow()
    source = importlib.resources.files("cyconv") / "data" / "photo.jpg" if image is None else image
    try:
        with source.open("rb") if image is None else open(image, "rb") as file:
            picture = ops.exif_transpose(pillow.open(file)).convert("RGB")
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or "no picture that Pillow can read"
        raise DemoError(f"cannot read {str(source)!r}: {reason}; give a JPEG or PNG file") from error
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return np.asarray(picture, np.float32) / 255


# --- A network: which shapes come out, and where the channels go ---


def network(photo):
    """Runs a network of three convolutions and a dense unit, and prints its shapes and parameters.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3)
    """
    pillow, _, ops = _pillow()
    picture = ops.fit(pillow.fromarray(np.uint8(photo * 255)), (128, 128))
    x = np.asarray(picture, np.float32)[np.newaxis] / 255
    rng = np.random.default_rng(0)
    rows = [("image (InputLayer)", x, ())]
    for n in range(1, 4):
        w = he_normal(rng, (8, 8, x.shape[-1], 24))
        x = conv2d(x, w, np.zeros(24, np.float32), stride=2, activation="relu")
        rows.append((f"conv_{n} (Conv2D)", x, w.shape))
    x = x.reshape(len(x), -1)
    rows.append(("flatten (Flatten)", x, ()))
    w = he_normal(rng, (x.shape[1], 1))
    x = np.maximum(np.matmul(x, w), 0)
    rows.append(("output (Dense)", x, (1, 1, *w.shape)))  # a convolution of one pixel with 1 x 1 filters

    print(f"{'Layer (type)':<22}{'Output shape':<24}{'Parameters':>12}")
    print("=" * 58)
    total = 0
    for name, y, w_shape in rows:
        params = shapes.conv_params(w_shape) if w_shape else 0
        total += params
        print(f"{name:<22}{_without_batch(y.shape):<24}{params:>12,}")
    print("=" * 58)
    print(f"{'Total':<46}{total:>12,}\n")
    _, before, _ = rows[0]
    _, after, (height, width, channels, filters) = rows[1]
    print(
        f"Where is the channel axis of the picture?  Summed away: a filter of conv_1 has {height} * {width}"
        f" * {channels} = {height * width * channels} weights,\nnot {height * width}.  It spans all {channels}"
        f" channels and sums over them, so each of the {filters} filters makes one plane, of side\n"
        f"floor(({before.shape[1]} - {height}) / 2) + 1 = {after.shape[1]}.\n"
    )


def he_normal(rng, shape):
    """Random weights whose last axis is the filters: normal, of variance 2 / (weights of a filter)."""
    return rng.standard_normal(shape, np.float32) * np.float32(math.sqrt(2 / math.prod(shape[:-1])))


def _without_batch(shape):
    return "(" + ", ".join(["None", *map(str, shape[1:])]) + ")"


# --- Filters: blur and edges, checked ---


def gaussian(size, sigma):
    """A Gaussian window of shape (size, size) whose sum is 1."""
    line = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / sigma) ** 2)
    return (np.outer(line, line) / line.sum() ** 2).astype(np.float32)


def sobel_of_grey():
    """Two filters of shape (3, 3, 3, 2): Sobel's along x and y, of the brightness of an RGB picture."""
    luma = np.array([0.299, 0.587, 0.114])
    along_x = np.outer([1, 2, 1], [-1, 0, 1]) / 8
    sobel = np.stack([along_x, along_x.T], axis=-1)
    return (sobel[:, :, np.newaxis, :] * luma[:, np.newaxis]).astype(np.float32)


def filter_and_check(photo):
    """Blurs a picture and finds its edges, in both layouts, and compares with an independent result.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3)

    Returns
    -------
    blurred : ndarray of shape (H, W, 3)
    edges : ndarray of shape (H, W)

    Raises
    ------
    DemoError
        If results differ by more than `TOLERANCE`.
    """
    blur = np.repeat(gaussian(9, 2.0)[:, :, np.newaxis, np.newaxis], 3, axis=3)
    blurred = _in_both_layouts("blur, 9 x 9, each channel on its own", photo, blur, groups=3)
    edges = _in_both_layouts("edges, 3 x 3, three channels to two filters", photo, sobel_of_grey(), groups=1)
    return blurred, np.hypot(edges[..., 0], edges[..., 1])


def _in_both_layouts(name, photo, w, groups):
    how = {"padding": "same", "pad_mode": "reflect", "groups": groups}
    last = conv2d(photo, w, layout="HWC", **how)
    planes = np.ascontiguousarray(photo.transpose(2, 0, 1))
    first = conv2d(planes, w.transpose(3, 2, 0, 1), layout="CHW", **how).transpose(1, 2, 0)
    wanted, who = _independent(photo, w, how)
    print(f"{name}:")
    for what, difference in (
        ("NHWC and NCHW", np.abs(last - first).max()),
        (f"NHWC and {who}", np.abs(last - wanted).max()),
        (f"NCHW and {who}", np.abs(first - wanted).max()),
    ):
        print(f"  {what:<32} differ by {difference:.1e} at most")
        if not difference <= TOLERANCE:
            raise DemoError(f"{name}: {what} differ by {difference:.1e}, more than {TOLERANCE:.0e}")
    return last


def _independent(photo, w, how):
    """The same convolution in double precision by SciPy, or by the definition in plain NumPy."""
    try:
        from scipy import ndimage
    except ImportError:
        return reference.convolve(photo, w, layout="HWC", **how), "cyconv.reference"
    _, _, channels, filters = w.shape
    result = np.zeros((*photo.shape[:2], filters))
    for o in range(filters):
        group = o // (filters // how["groups"])
        for c in range(channels):
            plane = photo[:, :, group * channels + c].astype(np.float64)
            # What NumPy calls "reflect" is "mirror" in SciPy.
            result[:, :, o] += ndimage.correlate(plane, w[:, :, c, o], mode="mirror")
    return result, "scipy.ndimage.correlate"


def write(output, photo, blurred, edges):
    """Writes a picture that shows before, blurred and edges side by side.

    Parameters
    ----------
    output : str
        File name.
    photo, blurred : ndarray of shape (H, W, 3)
    edges : ndarray of shape (H, W)

    Raises
    ------
    DemoError
        If the file cannot be written.
    """
    pillow, draw, _ = _pillow()
    height, width, _ = photo.shape
    gap, caption = 8, 20
    edges = np.repeat(edges[:, :, np.newaxis] / max(edges.max(), 1e-12), 3, axis=2)
    sheet = pillow.new("RGB", (3 * width + 4 * gap, height + caption + 2 * gap), "white")
    for n, (name, picture) in enumerate((("before", photo), ("blurred", blurred), ("edges", edges))):
        left = gap + n * (width + gap)
        sheet.paste(pillow.fromarray(np.uint8(np.clip(picture, 0, 1) * 255 + 0.5)), (left, gap + caption))
        draw.Draw(sheet).text((left, gap), name, fill="black")
    try:
        sheet.save(output)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DemoError(f"cannot write {output!r}: {reason}; choose another file with --output") from error
    print(f"\nbefore, blurred and edges side by side: {output}\n")


# --- Times ---


def race(photo):
    """Prints how long cyconv, NumPy and SciPy take for two convolutions.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 3)

    Raises
    ------
    DemoError
        If the contenders' results differ.
    """
    rng = np.random.default_rng(0)
    grey = np.pad(photo.mean(axis=2), [(0, max(9 - n, 0)) for n in photo.shape[:2]], mode="edge")
    layer = rng.standard_normal((112, 112, 32), np.float32)
    print("Times in milliseconds, the best of a few runs, and multiples of cyconv's faster layout:\n")
    print(f"{'':<34}{'cyconv NHWC':>16}{'cyconv NCHW':>16}{'NumPy':>16}{'SciPy':>16}")
    for name, x, w in (
        (f"blur 9x9, {grey.shape[0]}x{grey.shape[1]}x1", grey[:, :, np.newaxis], gaussian(9, 2.0)[:, :, None, None]),
        ("layer 3x3, 112x112x32 to 64", layer, he_normal(rng, (3, 3, 32, 64))),
    ):
        times = _times(name, _contenders(x, w))
        best = min(times["cyconv NHWC"], times["cyconv NCHW"])
        cells = [
            f"{times[who] * 1e3:.2f} ({times[who] / best:.1f}x)" if who in times else "not installed"
            for who in ("cyconv NHWC", "cyconv NCHW", "NumPy", "SciPy")
        ]
        print(f"{name:<34}" + "".join(f"{cell:>16}" for cell in cells))
    print("\nNumPy: sliding_window_view with einsum or tensordot.  SciPy: scipy.signal.correlate, filter by filter.")


def _contenders(x, w):
    """Functions that compute the same "valid" convolution, and the transposition of each result to (H, W, O)."""
    planes = np.ascontiguousarray(x.transpose(2, 0, 1))
    of_last = plan_conv2d(x.shape, w, layout="HWC")
    of_first = plan_conv2d(planes.shape, w, layout="CHW", kernel_layout="HWIO")
    windows = sliding_window_view(x, w.shape[:2], axis=(0, 1))  # (OH, OW, C, KH, KW), without a copy

    def numpy():
        if w.shape[2:] == (1, 1):
            return np.einsum("ijuv,uv->ij", windows[:, :, 0], w[:, :, 0, 0])[:, :, np.newaxis]
        return np.tensordot(windows, w, axes=((3, 4, 2), (0, 1, 2)))

    contenders = {
        "cyconv NHWC": (lambda: of_last(x), (0, 1, 2)),
        "cyconv NCHW": (lambda: of_first(planes), (1, 2, 0)),
        "NumPy": (numpy, (0, 1, 2)),
    }
    try:
        from scipy import signal
    except ImportError:
        return contenders

    def scipy():
        filters = range(w.shape[3])
        return np.stack([signal.correlate(x, w[..., o], mode="valid")[:, :, 0] for o in filters], axis=-1)

    contenders["SciPy"] = (scipy, (0, 1, 2))
    return contenders


def _times(name, contenders):
    """The shortest time of each contender in seconds.

    They take turns, so that a busy machine slows all alike; a result is checked before its time counts.
    """
    best = dict.fromkeys(contenders, math.inf)
    spent = dict.fromkeys(contenders, 0.0)
    wanted = None
    while any(seconds < SECONDS_PER_CONTENDER for seconds in spent.values()):
        for who, (compute, axes) in contenders.items():
            if spent[who] >= SECONDS_PER_CONTENDER:
                continue
            start = time.perf_counter()
            result = compute()
            seconds = time.perf_counter() - start
            result = result.transpose(axes)
            wanted = result if wanted is None else wanted
            difference = np.abs(result - wanted).max() / max(np.abs(wanted).max(), 1e-12)
            if not difference <= TOLERANCE:
                raise DemoError(f"{name}: {who} differs from cyconv NHWC by {difference:.1e}, relative")
            best[who] = min(best[who], seconds)
            spent[who] += seconds
    return best
