"""Networks of PyTorch, which we did not write, brought here; run by ``pytest tests/peers`` where it is installed."""

import time
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

import cyconv
from cyconv import layers, models

torch.set_num_threads(1)  # two runtimes of OpenMP would wait for each other's processors
TOLERANCE = 1e-5  # of the largest output


def network():
    """What an image classifier of a usual kind is made of."""
    return nn.Sequential(
        OrderedDict(
            features=nn.Sequential(
                nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(32),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(3, stride=2, padding=1),
                nn.Conv2d(32, 64, 3, padding="same"),
                nn.BatchNorm2d(64),
                nn.ReLU(),
                nn.Conv2d(64, 128, 5, stride=2, padding=2, groups=4),
                nn.BatchNorm2d(128),
                nn.ReLU6(),
                nn.Conv2d(128, 128, 3, dilation=2, padding=2),
                nn.ReLU(),
                nn.AdaptiveAvgPool2d((3, 4)),
            ),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(nn.Dropout(), nn.Linear(128 * 12, 100), nn.ReLU(), nn.Linear(100, 10)),
        )
    )


def randomized(module, seed=0):
    """Random weights and statistics, in ``eval()``."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if tensor.is_floating_point():
                tensor.uniform_(-0.2, 0.2, generator=generator)
                if name.endswith(("running_var",)):
                    tensor.abs_().add_(0.5)
    return module.eval()


def assert_same(module, x, ours=None):
    """That a network gives PyTorch's numbers here, with any batch; the network."""
    ours = models.from_torch(module) if ours is None else ours
    with torch.inference_mode():
        expected = module(torch.from_numpy(x)).numpy()
    y = ours.predict(x, batch_size=2, verbose=0)
    assert y.shape == expected.shape
    assert y.dtype == expected.dtype
    assert np.abs(y - expected).max() <= TOLERANCE * np.abs(expected).max()
    return ours


@pytest.mark.parametrize("batch", [1, 16])
def test_a_network_gives_the_same_numbers(batch, capsys):
    module = randomized(network())
    x = np.random.default_rng(batch).uniform(-1, 1, (batch, 3, 224, 224)).astype(np.float32)
    ours = assert_same(module, x, models.from_torch(module, input_shape=(3, 224, 224)))
    assert ours.count_params() == sum(
        t.numel() for name, t in module.state_dict().items() if not name.endswith("num_batches_tracked")
    )
    assert ours.output_shape == (None, 10)
    with torch.inference_mode(), cyconv.num_threads(1):
        taken = torch.from_numpy(x)
        times = [best(lambda: ours(x)), best(lambda: module(taken))]
    with capsys.disabled():
        print(f"\nbatch {batch}: {times[0]:.1f} ms here, {times[1]:.1f} ms in PyTorch, one thread each")


def best(call, rounds=7):
    """The shortest of some times, in ms."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def test_names_are_those_of_the_state_dict():
    module = randomized(network())
    ours = models.from_torch(module)
    assert [layer.name for layer in ours.layers][:3] == ["features.0", "features.1", "features.2"]
    state = module.state_dict()
    for layer in ours.layers:
        if isinstance(layer, layers.Dense):
            np.testing.assert_array_equal(layer.kernel.T, state[f"{layer.name}.weight"].numpy())


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_every_layer_that_is_supported(ndim):
    def of(name):
        return getattr(nn, f"{name}{ndim}d")

    sizes = (23, 18, 12)[:ndim]
    module = nn.Sequential(
        of("ZeroPad")(tuple(range(1, 2 * ndim + 1))),
        of("Conv")(3, 8, 3, padding=2, dilation=2, groups=1),
        of("BatchNorm")(8, eps=1e-2),
        nn.LeakyReLU(0.07),
        of("AvgPool")(3, stride=2, padding=1),
        of("Conv")(8, 12, 2, stride=1, bias=False, groups=2),
        of("BatchNorm")(12, affine=False),
        nn.Tanh(),
        of("AvgPool")(2, stride=1, padding=1, count_include_pad=False),
        nn.Identity(),
        of("MaxPool")(2, stride=1, padding=1),
        nn.Sigmoid(),
        nn.Softmax(dim=1),
        of("Dropout")(),
        of("AdaptiveMaxPool")((4, None, 2)[:ndim] if ndim > 1 else 4),
        nn.LeakyReLU(0.2),
        of("AdaptiveAvgPool")(3),
        nn.Flatten(),
        nn.Linear(12 * 3**ndim, 7, bias=False),
        nn.BatchNorm1d(7),
        nn.Softmax(dim=-1),
    )
    x = np.random.default_rng(ndim).uniform(-1, 1, (3, 3, *sizes)).astype(np.float32)
    assert_same(randomized(module), x)


def test_a_module_that_comes_twice():
    relu = nn.ReLU()
    module = nn.Sequential(nn.Linear(5, 6), relu, nn.Linear(6, 5), relu, nn.Linear(5, 3))
    x = np.random.default_rng(0).uniform(-1, 1, (4, 5)).astype(np.float32)
    ours = assert_same(randomized(module), x)
    assert len(ours.layers) == 5


def test_classes_of_sequential():
    """As torchvision has them: the same but a name, or computing something else."""

    class Block(nn.Sequential):
        pass

    class Residual(nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    x = np.random.default_rng(0).uniform(-1, 1, (4, 5)).astype(np.float32)
    assert_same(randomized(Block(nn.Linear(5, 5), Block(nn.ReLU(), nn.Linear(5, 2)))), x)
    with pytest.raises(ValueError, match="layer '1' is a Residual, which is not supported"):
        models.from_torch(nn.Sequential(nn.ReLU(), Residual(nn.Linear(5, 5))))


def test_float64_and_one_module_alone():
    module = randomized(nn.Conv2d(2, 3, 3).double())
    x = np.random.default_rng(0).uniform(-1, 1, (4, 2, 7, 7))
    ours = assert_same(module, x)
    assert ours(x).dtype == np.float64


def test_linear_on_more_axes():
    module = randomized(nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 5)))
    assert_same(module, np.random.default_rng(0).uniform(-1, 1, (4, 7, 5)).astype(np.float32))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            nn.Sequential(nn.ReLU(), nn.Hardswish()),
            "layer '1' is a Hardswish, which is not supported; supported are Seq",
        ),
        (nn.Sequential(nn.Sequential(nn.ConvTranspose2d(1, 1, 2))), r"layer '0\.0' is a ConvTranspose2d, which is not"),
        (
            nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"),
            "is a Conv2d, and padding_mode='reflect' is not supported",
        ),
        (nn.MaxPool2d(2, ceil_mode=True), "is a MaxPool2d, and ceil_mode=True is not supported there, only False"),
        (nn.MaxPool2d(2, dilation=(1, 2)), r"is a MaxPool2d, and dilation=\(1, 2\) is not supported there, only 1"),
        (
            nn.AvgPool2d(2, divisor_override=3),
            "is a AvgPool2d, and divisor_override=3 is not supported there, only None",
        ),
        (
            nn.BatchNorm2d(3, track_running_stats=False),
            "has no running statistics; make it with track_running_stats=True",
        ),
        (nn.Flatten(0), "is a Flatten, and start_dim=0 is not supported there, only 1"),
        (nn.Linear(2, 2).to(torch.bfloat16), "dtype must be one of 'float16', 'float32', 'float64', got 'bfloat16'"),
        (nn.ReLU, "module must be a torch.nn.Module, got type"),
        (3, "module must be a torch.nn.Module, got int"),
    ],
)
def test_what_from_torch_refuses(module, message):
    with pytest.raises((TypeError, ValueError), match=message):
        models.from_torch(module)
