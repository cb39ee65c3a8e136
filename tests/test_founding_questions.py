"""Questions that are asked over and over about convolution layers, with the numbers of those who asked.

The snippets are Keras code in which only the imports were changed.
"""

import time

import numpy as np
import pytest
from tables import printed, table

import cyconv
from cyconv import models, shapes
from cyconv.layers import Conv2D, Convolution2D, Dense, Flatten, Input, MaxPooling2D
from cyconv.models import Model, Sequential


@pytest.fixture(autouse=True)
def names_from_the_start():
    models.clear_session()


@pytest.mark.parametrize("spelling", ["input", "inputs"])
def test_1_why_is_the_channel_axis_missing_from_the_shape_of_the_output(spelling):
    image = Input((128, 128, 3))
    x = Conv2D(24, kernel_size=(8, 8), strides=(2, 2), activation="relu", name="conv_1")(image)
    x = Conv2D(24, kernel_size=(8, 8), strides=(2, 2), activation="relu", name="conv_2")(x)
    x = Conv2D(24, kernel_size=(8, 8), strides=(2, 2), activation="relu", name="conv_3")(x)
    x = Flatten(name="flatten")(x)
    output = Dense(1, activation="relu", name="output")(x)
    model = Model(input=image, output=output) if spelling == "input" else Model(inputs=image, outputs=output)

    assert printed(model, line_length=76) == table("""
Model: "functional"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ input_layer (InputLayer)        │ (None, 128, 128, 3)    │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ conv_1 (Conv2D)                 │ (None, 61, 61, 24)     │         4,632 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ conv_2 (Conv2D)                 │ (None, 27, 27, 24)     │        36,888 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ conv_3 (Conv2D)                 │ (None, 10, 10, 24)     │        36,888 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ flatten (Flatten)               │ (None, 2400)           │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ output (Dense)                  │ (None, 1)              │         2,401 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 80,809 (315.66 KB)
 Trainable params: 80,809 (315.66 KB)
 Non-trainable params: 0 (0.00 B)
""")
    assert printed(model, style="keras2") == table("""
_________________________________________________________________
Layer (type)                 Output Shape              Param #   |
=================================================================
input_layer (InputLayer)     (None, 128, 128, 3)       0         |
_________________________________________________________________
conv_1 (Conv2D)              (None, 61, 61, 24)        4632      |
_________________________________________________________________
conv_2 (Conv2D)              (None, 27, 27, 24)        36888     |
_________________________________________________________________
conv_3 (Conv2D)              (None, 10, 10, 24)        36888     |
_________________________________________________________________
flatten (Flatten)            (None, 2400)              0         |
_________________________________________________________________
output (Dense)               (None, 1)                 2401      |
=================================================================
Total params: 80,809
Trainable params: 80,809
Non-trainable params: 0
_________________________________________________________________
""")
    # 61 = floor((128 - 8 + 2 * 0) / 2) + 1
    assert shapes.output_size(128, kernel=8, stride=2) == (128 - 8 + 2 * 0) // 2 + 1 == 61
    # A filter is 8 * 8 * 3 = 192 weights, not 64: one filter spans all channels.
    kernel, bias = model.layers[1].get_weights()
    assert kernel[..., 0].size == 8 * 8 * 3 == 192
    assert kernel.size + bias.size == 24 * (192 + 1) == 4632
    # ... and sums over them: what a filter makes of all channels is the sum of what it makes of each.
    picture = np.random.default_rng(1).random((1, 128, 128, 3), np.float32)
    alone = [picture * np.eye(3, dtype=np.float32)[c] for c in range(3)]
    together = cyconv.conv2d(picture, kernel, stride=2)
    assert together.shape == (1, 61, 61, 24)
    summed = sum(cyconv.conv2d(x, kernel, stride=2).astype(np.float64) for x in alone)
    np.testing.assert_allclose(together, summed, atol=194 * 2.0**-24 * np.abs(kernel).sum(axis=(0, 1, 2)).max())
    assert model.predict(picture, verbose=0).shape == (1, 1)


def test_2_how_many_parameters_has_a_layer_on_cifar_10():
    model = Sequential()
    model.add(Conv2D(32, (3, 3), padding="same", input_shape=(32, 32, 3)))
    assert model.output_shape == (None, 32, 32, 32)
    assert model.count_params() == 32 * (3 * 3 * 3 + 1) == 896
    assert shapes.conv_params((3, 3, 3, 32)) == 896
    assert printed(model, line_length=76) == table("""
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ conv2d (Conv2D)                 │ (None, 32, 32, 32)     │           896 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 896 (3.50 KB)
 Trainable params: 896 (3.50 KB)
 Non-trainable params: 0 (0.00 B)
""")


def test_3_a_receptive_field_of_5_x_5_on_32_x_32_x_3():
    model = Sequential([Conv2D(1, (5, 5), input_shape=(32, 32, 3))])
    kernel, bias = model.get_weights()
    assert (kernel.size, bias.size) == (5 * 5 * 3, 1) == (75, 1)
    assert shapes.receptive_field([model.layers[0]]).size == (5, 5)
    # An output depends on these 75 numbers and on no others.
    x = np.zeros((1, 32, 32, 3), np.float32)
    seen = np.zeros_like(x, bool)
    kernel = np.ones_like(kernel)
    for place in np.ndindex(12, 12, 3):
        x[(0, *place)] = 1
        seen[(0, *place)] = cyconv.conv2d(x[:, :12, :12], kernel)[0, 3, 4, 0] != 0
        x[(0, *place)] = 0
    assert seen.sum() == 75
    assert seen[0, 3:8, 4:9, :].all()


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_4_is_the_aggregation_over_channels_a_sum(data_format):
    image = np.ones((1, 3, 3, 3)) * [1, 100, 10000]
    shape = (1, 2, 2, 1)
    if data_format == "channels_first":  # (samples, channels, rows, cols)
        image, shape = np.moveaxis(image, -1, 1), (1, 1, 2, 2)
    layer = Conv2D(
        filters=1,
        strides=1,
        padding="valid",
        activation="relu",
        kernel_size=2,
        kernel_initializer="ones",
        bias_initializer="zeros",
        data_format=data_format,
        input_shape=(3, 3, 3),
    )
    model = Sequential([layer])
    output = model.predict(image)
    assert output.shape == shape
    np.testing.assert_array_equal(output, 40404)
    assert 4 * (1 + 100 + 10000) == 40404
    assert output.size == 4
    assert model.count_params() == 3 * 4 + 1 == 13
    row = f"│ conv2d (Conv2D)                 │ {(None, *shape[1:])!s:<22} │            13 │"
    assert printed(model, line_length=76)[4] == row


def test_4_the_kernels_of_different_channels_have_different_weights():
    layer = Conv2D(1, 2, input_shape=(3, 3, 3), kernel_initializer="glorot_uniform")
    Sequential([layer])
    kernel = layer.get_weights()[0]
    assert kernel.shape == (2, 2, 3, 1)
    assert len({kernel[:, :, c, 0].tobytes() for c in range(3)}) == 3
    # Other weights for one channel change the output, whatever the other channels.
    for c, constant in enumerate((1, 100, 10000)):
        weights = np.ones((2, 2, 3, 1))
        weights[:, :, c] = 2
        layer.set_weights([weights, np.zeros(1)])
        np.testing.assert_array_equal(layer(np.ones((1, 3, 3, 3)) * [1, 100, 10000]), 40404 + 4 * constant)


def test_5_how_does_the_second_convolution_layer_work():
    model = Sequential()
    model.add(Conv2D(32, kernel_size=(3, 3), activation="relu", input_shape=(28, 28, 1)))
    model.add(Conv2D(64, (3, 3), activation="relu"))
    found = []
    for l in model.layers:  # noqa: E741
        if len(l.get_weights()) > 0:
            found.append(l.get_weights()[0].shape)
    assert found == [(3, 3, 1, 32), (3, 3, 32, 64)]
    x = np.random.default_rng(5).random((1, 28, 28, 1), np.float32)
    first, second = model.layers
    assert first(x).shape == (1, 26, 26, 32)
    assert model(x).shape == (1, 24, 24, 64)  # 64 maps, not 32 * 64 = 2048
    # Each of the 64 filters is (3, 3, 32) and makes one map, alone as with the others.
    between = first(x)
    kernel, bias = second.get_weights()
    one = cyconv.conv2d(between, kernel[..., 7:8], bias[7:8], activation="relu")
    assert kernel[..., 7].shape == (3, 3, 32)
    bound = (9 * 32 + 2) * 2.0**-24 * np.abs(kernel[..., 7]).sum() * np.abs(between).max()
    np.testing.assert_allclose(second(between)[..., 7], one[..., 0], rtol=0, atol=2 * bound)
    assert printed(model, style="keras2")[3:6:2] == [
        "conv2d (Conv2D)              (None, 26, 26, 32)        320       ",
        "conv2d_1 (Conv2D)            (None, 24, 24, 64)        18496     ",
    ]


def test_6_the_same_without_bias():
    model = Sequential()
    model.add(Convolution2D(32, 5, activation="relu", use_bias=False, input_shape=(28, 28, 3)))
    model.add(Convolution2D(64, 5, activation="relu", use_bias=False))
    assert printed(model, style="keras2") == table("""
_________________________________________________________________
Layer (type)                 Output Shape              Param #   |
=================================================================
conv2d (Conv2D)              (None, 24, 24, 32)        2400      |
_________________________________________________________________
conv2d_1 (Conv2D)            (None, 20, 20, 64)        51200     |
=================================================================
Total params: 53,600
Trainable params: 53,600
Non-trainable params: 0
_________________________________________________________________
""")
    assert printed(model, line_length=76) == table("""
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ conv2d (Conv2D)                 │ (None, 24, 24, 32)     │         2,400 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ conv2d_1 (Conv2D)               │ (None, 20, 20, 64)     │        51,200 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 53,600 (209.38 KB)
 Trainable params: 53,600 (209.38 KB)
 Non-trainable params: 0 (0.00 B)
""")


def test_7_two_convolutions_and_two_pools():
    model = Sequential(
        [
            Conv2D(32, (3, 3), activation="relu", input_shape=(300, 300, 3)),
            MaxPooling2D(2, 2),
            Conv2D(64, (3, 3), activation="relu"),
            MaxPooling2D(2, 2),
        ]
    )
    assert printed(model, line_length=76) == table("""
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ conv2d (Conv2D)                 │ (None, 298, 298, 32)   │           896 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ max_pooling2d (MaxPooling2D)    │ (None, 149, 149, 32)   │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ conv2d_1 (Conv2D)               │ (None, 147, 147, 64)   │        18,496 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ max_pooling2d_1 (MaxPooling2D)  │ (None, 73, 73, 64)     │             0 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 19,392 (75.75 KB)
 Trainable params: 19,392 (75.75 KB)
 Non-trainable params: 0 (0.00 B)
""")
    # Keras 2 itself would cut the last name: "max_pooling2d_1 (MaxPooling2".
    assert printed(model, style="keras2") == table("""
___________________________________________________________________
Layer (type)                   Output Shape              Param #   |
===================================================================
conv2d (Conv2D)                (None, 298, 298, 32)      896       |
___________________________________________________________________
max_pooling2d (MaxPooling2D)   (None, 149, 149, 32)      0         |
___________________________________________________________________
conv2d_1 (Conv2D)              (None, 147, 147, 64)      18496     |
___________________________________________________________________
max_pooling2d_1 (MaxPooling2D) (None, 73, 73, 64)        0         |
===================================================================
Total params: 19,392
Trainable params: 19,392
Non-trainable params: 0
___________________________________________________________________
""")
    assert model.layers[2].kernel[..., 0].shape == (3, 3, 32)
    assert model.predict(np.zeros((1, 300, 300, 3), np.uint8)).shape == (1, 73, 73, 64)


def test_8_weights_of_shape_5_5_1_32_and_then_5_5_32_64():
    rng = np.random.default_rng(8)
    x = rng.random((1, 28, 28, 1), np.float32)
    lengths, params = [x.shape[1]], []
    for w in (rng.random((5, 5, 1, 32), np.float32), rng.random((5, 5, 32, 64), np.float32)):
        x = cyconv.conv2d(x, w, np.zeros(w.shape[3], np.float32), padding="same", activation="relu")
        lengths.append(x.shape[1])
        x = cyconv.max_pool2d(x, 2, padding="same")
        lengths.append(x.shape[1])
        params.append(shapes.conv_params(w.shape))
    assert lengths == [28, 28, 14, 14, 7]
    assert params == [832, 51264]
    assert x.shape == (1, 7, 7, 64)
    model = Sequential(
        [
            Conv2D(32, (5, 5), padding="same", activation="relu", input_shape=(28, 28, 1)),
            MaxPooling2D((2, 2), padding="same"),
            Conv2D(64, (5, 5), padding="same", activation="relu"),
            MaxPooling2D((2, 2), padding="same"),
        ]
    )
    assert [layer.count_params() for layer in model.layers] == [832, 0, 51264, 0]
    assert [layer.output_shape[1] for layer in model.layers] == [28, 14, 14, 7]


def test_9_does_max_pooling_reduce_anything_with_padding_same():
    image = Sequential([Conv2D(15, (5, 5), padding="same", input_shape=(25, 20, 7))])
    assert image.output_shape == (None, 25, 20, 15)
    x = image.predict(np.random.default_rng(9).random((1, 25, 20, 7)))
    expected = {
        ("same", 1): (25, 20),  # the stride reduces, not the window
        ("valid", 1): (24, 19),
        ("same", 2): (13, 10),
        ("valid", 2): (12, 10),
    }
    for (padding, strides), size in expected.items():
        layer = MaxPooling2D(pool_size=(2, 2), strides=strides, padding=padding)
        assert layer.compute_output_shape((None, 25, 20, 15)) == (None, *size, 15)
        assert layer(x).shape == (1, *size, 15)
        if padding == "same":  # ceil(n / stride)
            assert size == (-(-25 // strides), -(-20 // strides))
    # The usual mistake, (25 - 2 + 2 * 1) / 1 + 1 = 26: "same" pads once, behind, and not on both sides.
    assert shapes.same_padding(25, 2) == (0, 1)
    assert shapes.output_size(25, 2, 1, 1, *shapes.same_padding(25, 2)) == 25
    assert shapes.output_size(25, 2, 1, 1, 1, 1) == (25 - 2 + 2 * 1) // 1 + 1 == 26
    four = np.arange(16.0).reshape(1, 4, 4, 1)
    assert MaxPooling2D(pool_size=(2, 2))(four).tolist() == [[[[5], [7]], [[13], [15]]]]


def test_10_three_axes_or_time_as_channels(capsys):
    volume = np.random.default_rng(10).random((16, 1024, 1024), np.float32)
    assert volume.nbytes == 64 << 20
    cases = {
        # kernel (5, 5, 5, 1): the filter slides along time, too
        "3-D": (volume[None, ..., None], (5, 5, 5, 1, 1), cyconv.plan_conv3d, 125, 16 * 1024 * 1024, 12 * 1020 * 1020),
        # kernel (5, 5, 16): time is summed away
        "2-D": (volume[None], (1, 16, 5, 5), cyconv.plan_conv2d, 400, 1024 * 1024, 1020 * 1020),
    }  # fmt: skip
    macs, outputs, report = {}, {}, []
    for name, (x, w_shape, make, weights, same, valid) in cases.items():
        layout = {"layout": "NCHW"} if name == "2-D" else {}
        w = np.random.default_rng(11).random(w_shape, np.float32)
        assert (w.size, shapes.conv_params(w_shape, kernel_layout="OIHW" if layout else None)) == (weights, weights + 1)
        for padding, size in (("same", same), ("valid", valid)):
            plan = make(x.shape, w, padding=padding, **layout)
            cost = shapes.conv_cost(x.shape, w_shape, padding=padding, **layout)
            assert plan.macs == cost.macs == size * weights
            assert np.prod(plan.output_shape) == size
            macs[name, padding] = plan.macs
            assert plan.workspace_bytes < 8 << 20
            if padding == "same":
                start = time.perf_counter()
                outputs[name] = plan(x)
                seconds = time.perf_counter() - start
                report.append(
                    f"{name}: {plan.macs:,} multiply-adds in {1000 * seconds:.0f} ms with {plan.threads} threads,"
                    f" workspace {plan.workspace_bytes / 2**20:.2f} MiB;"
                    f" im2col would take {cost.im2col_bytes / 1e9:.1f} GB"
                )
    assert macs == {
        ("3-D", "same"): 2_097_152_000,
        ("3-D", "valid"): 1_560_600_000,
        ("2-D", "same"): 419_430_400,
        ("2-D", "valid"): 416_160_000,
    }
    assert macs["3-D", "same"] / macs["2-D", "same"] == 5
    # Not the same thing: one output has as many frames as the input, of the other time is gone.
    assert outputs["3-D"].shape == (1, 16, 1024, 1024, 1)
    assert outputs["2-D"].shape == (1, 1, 1024, 1024)
    # Why training "tends to crash": the matrix of im2col has each element of the volume 125 times.
    unfolded = shapes.conv_cost(cases["3-D"][0].shape, cases["3-D"][1], padding="same").im2col_bytes
    assert unfolded == 125 * volume.nbytes == 8_388_608_000
    # Both are right: a window in the middle, added up by NumPy.
    w3, w2 = (np.random.default_rng(11).random(case[1], np.float32) for case in cases.values())
    three = (volume[6:11, 500:505, 700:705].astype(np.float64) * w3[..., 0, 0]).sum()
    two = (volume[:, 500:505, 700:705].astype(np.float64) * w2[0]).sum()
    np.testing.assert_allclose(outputs["3-D"][0, 8, 502, 702, 0], three, rtol=127 * 2.0**-24)
    np.testing.assert_allclose(outputs["2-D"][0, 0, 502, 702], two, rtol=402 * 2.0**-24)
    with capsys.disabled():
        print("", *report, sep="\n")


def test_11_convolution_as_matrix_multiplication():
    rng = np.random.default_rng(11)
    x, w = rng.random((2, 3, 9, 8)), rng.random((4, 3, 3, 3))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))  # (2, 3, 7, 6, 3, 3)
    columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(2 * 7 * 6, 3 * 3 * 3)
    # (outputs, in_channels * k * k) @ (in_channels * k * k, out_channels): in_channels are contracted away.
    product = (columns @ w.reshape(4, 27).T).reshape(2, 7, 6, 4).transpose(0, 3, 1, 2)
    y = cyconv.conv2d(x, w, layout="NCHW")
    assert y.shape == (2, 4, 7, 6)
    np.testing.assert_allclose(y, product, rtol=2 * 29 * 2.0**-53)
    # The matrix is as large as many inputs, and never built here: the workspace does not grow with it.
    large = cyconv.plan_conv2d((1, 512, 512, 64), np.ones((3, 3, 64, 64), np.float32), padding="same")
    cost = shapes.conv_cost((1, 512, 512, 64), (3, 3, 64, 64), padding="same")
    assert cost.im2col_bytes == 9 * cost.input_bytes == 603_979_776
    assert large.workspace_bytes < cost.im2col_bytes / 64


def test_12_a_kernel_of_two_or_three_axes_for_rgb():
    # "2-D" is the number of axes along which the window slides: the filter has three.
    layer = Conv2D(8, 3, input_shape=(32, 32, 3))
    Sequential([layer])
    assert layer.kernel[..., 0].shape == (3, 3, 3)
    picture = np.random.default_rng(12).random((1, 32, 32, 3), np.float32)
    y = layer(picture)
    assert y.shape == (1, 30, 30, 8)
    # The same as a 3-D convolution whose window is as long as the axis of the colours: it has one place there.
    as_volume = cyconv.conv3d(picture[..., None], layer.kernel[:, :, :, None, :])
    assert as_volume.shape == (1, 30, 30, 1, 8)
    bound = 2 * 29 * 2.0**-24 * np.abs(layer.kernel).sum(axis=(0, 1, 2)).max()
    np.testing.assert_allclose(as_volume[:, :, :, 0], y, rtol=0, atol=bound)


def test_13_does_a_stride_of_2_need_valid_and_which_way_does_same_pad():
    # No: under "same" the output has ceil(n / 2) elements. An odd total puts the extra cell at the end.
    assert shapes.same_padding(5, 3) == (1, 1)  # even total
    assert shapes.same_padding(6, 3, stride=2) == (0, 1)  # odd total
    assert shapes.same_padding(6, 2) == (0, 1)
    x = np.arange(1.0, 7).reshape(1, 1, 6, 1)

    def keras(length, kernel_size, strides=1):
        layer = Conv2D(1, (1, kernel_size), strides=(1, strides), padding="same", kernel_initializer="ones")
        return layer(x[:, :, :length]).ravel().tolist()

    assert keras(6, 3, strides=2) == [6, 12, 11]
    assert keras(5, 3, strides=2) == [3, 9, 9]
    assert keras(5, 2) == [3, 5, 7, 9, 5]
    assert keras(5, 4) == [6, 10, 14, 12, 9]
    # ONNX's SAME_LOWER puts it in front, and so does what PyTorch's users write for "same", padding=k // 2,
    # here with a stride of 2 (PyTorch itself refuses "same" with a stride).
    w = np.ones((1, 3, 1, 1))
    assert cyconv.conv2d(x, w, stride=(1, 2), padding="same_lower").ravel().tolist() == [3, 9, 15]
    assert cyconv.conv2d(x, w, stride=(1, 2), padding=(0, 3 // 2)).ravel().tolist() == [3, 9, 15]
    # SciPy centres an even kernel the other way around: scipy.signal.convolve(1..5, [1, 10], "same").
    line, pair = np.arange(1.0, 6).reshape(1, 5, 1), np.array([1.0, 10]).reshape(2, 1, 1)
    assert cyconv.conv1d(line, pair, flip=True, padding="same_lower").ravel().tolist() == [1, 12, 23, 34, 45]
    assert cyconv.conv1d(line, pair, flip=True, padding="same").ravel().tolist() == [12, 23, 34, 45, 50]
