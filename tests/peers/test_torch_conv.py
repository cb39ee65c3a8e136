"""Convolution against PyTorch, which we did not write; run by ``pytest tests/peers`` where it is installed."""

import numpy as np
import pytest
import torch
from bounds import assert_within_bound
from cases import FLOATS, Case, draw, kernel_layouts, layouts, moved, reals

import cyconv

torch.set_num_threads(1)  # two runtimes of OpenMP would wait for each other's processors
functional = torch.nn.functional
CONV = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
PAD_MODES = {"constant": "constant", "edge": "replicate", "reflect": "reflect", "wrap": "circular"}
ACTIVATIONS = {None: lambda y: y, "relu": torch.relu, "relu6": functional.relu6}


def in_torch(case):
    """PyTorch's result, in the layout of the case; whether PyTorch did the padding, too."""
    ndim, arguments = case.ndim, case.arguments
    layout, pads, mode = arguments["layout"], case.pads, arguments["pad_mode"]
    first = layouts(ndim)[1][-len(layout) :]
    x, w = moved(case.x, first, layout), moved(case.w, kernel_layouts(ndim)[1], arguments["kernel_layout"])
    if arguments["flip"]:
        w = np.flip(w, range(2, w.ndim))
    x, w, bias = (None if a is None else torch.from_numpy(a.copy()) for a in (x, w, case.bias))
    own, theirs = True, 0
    widest = max(max(p) / n for p, n in zip(pads, x.shape[-ndim:], strict=True))
    if mode == "constant" and arguments["padding"] == "same" and arguments["stride"] in (1, (1,) * ndim):
        theirs = "same"
    elif mode == "constant" and all(before == after for before, after in pads):
        theirs = tuple(before for before, _ in pads)
    elif mode in ("constant", "edge") or (mode == "reflect" and widest < 1) or (mode == "wrap" and widest <= 1):
        alone = x.ndim == ndim + 1
        x = functional.pad(x[None] if alone else x, [p for pair in reversed(pads) for p in pair], PAD_MODES[mode])
        x = x[0] if alone else x
    else:
        own = False
        x = torch.from_numpy(np.pad(x.numpy(), [(0, 0)] * (x.ndim - ndim) + list(pads), mode=mode))
    y = CONV[ndim](
        x, w, bias, stride=arguments["stride"], padding=theirs, dilation=arguments["dilation"],
        groups=arguments["groups"],
    )  # fmt: skip
    return moved(ACTIVATIONS[arguments["activation"]](y).numpy(), layout, first), own


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("dtype", FLOATS)
def test_random_convolutions(ndim, dtype):
    """1,000 configurations that fit; PyTorch refuses the others as well."""
    rng = np.random.default_rng(20261121)
    compared = padded_by_torch = refused = 0
    while compared < 1000:
        case = draw(rng, ndim=ndim, dtypes=(dtype,), values=reals)
        try:
            y = case.convolved(threads=int(rng.integers(1, 4)))
        except ValueError as error:
            if "does not fit" not in str(error):
                raise
            refused += 1
            with pytest.raises(RuntimeError, match=r"[Kk]ernel size"):
                in_torch(case)
            continue
        expected, own = in_torch(case)
        assert y.shape == expected.shape, str(case)
        assert y.dtype == expected.dtype
        assert_within_bound(y, case, expected)
        compared += 1
        padded_by_torch += own
    assert refused > 10
    assert padded_by_torch > 700


@pytest.mark.parametrize("dtype", FLOATS)
def test_depthwise_and_separable(dtype):
    """As PyTorch's users write them, with `groups`; of the second step the input is ours."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        channels, multiplier, filters = (int(n) for n in rng.integers(1, 20, 3))
        steps = {
            "stride": int(rng.integers(1, 4)),
            "padding": int(rng.integers(0, 3)),
            "dilation": int(rng.integers(1, 3)),
        }
        x = reals(rng, (2, channels, *rng.integers(7, 20, 2)), dtype, 0)
        w = reals(rng, (channels * multiplier, 1, *rng.integers(1, 4, 2)), dtype, 0)
        bias = reals(rng, (channels * multiplier,), dtype, 0)
        names = {"layout": "NCHW", "kernel_layout": "OIHW"}
        first = Case(x, w, bias, {**steps, **names, "groups": channels})
        y = cyconv.depthwise_conv2d(x, w, bias, layout="NCHW", **steps)
        arrays = [torch.from_numpy(a) for a in (x, w, bias)]
        assert_within_bound(y, first, functional.conv2d(*arrays, groups=channels, **steps).numpy())

        pointwise = reals(rng, (filters, channels * multiplier, 1, 1), dtype, 0)
        between = cyconv.depthwise_conv2d(x, w, layout="NCHW", **steps)
        y = cyconv.separable_conv2d(x, w, pointwise, bias[:1].repeat(filters), layout="NCHW", **steps)
        second = Case(between, pointwise, bias[:1].repeat(filters), names)
        arrays = [torch.from_numpy(a) for a in (second.x, second.w, second.bias)]
        assert_within_bound(y, second, functional.conv2d(*arrays).numpy())
