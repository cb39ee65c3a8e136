"""The tables that `summary` prints, line by line."""

import numpy as np
import pytest
from tables import printed, table

from cyconv import models, summary
from cyconv.layers import (
    Activation,
    AdaptiveAveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalMaxPooling2D,
    Input,
    MaxPooling2D,
)
from cyconv.models import Model, Sequential


@pytest.fixture(autouse=True)
def names_from_the_start():
    models.clear_session()


def classifier():
    return Sequential(
        [
            Conv2D(32, (3, 3), use_bias=False, input_shape=(32, 32, 3)),
            BatchNormalization(),
            Activation("relu"),
            MaxPooling2D(),
            Conv2D(64, 5, strides=2, activation="relu"),
            Dropout(0.5),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )


def test_keras3():
    assert printed(classifier(), line_length=76) == table("""
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ conv2d (Conv2D)                 │ (None, 30, 30, 32)     │           864 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ batch_normalization             │ (None, 30, 30, 32)     │           128 │
│ (BatchNormalization)            │                        │               │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ activation (Activation)         │ (None, 30, 30, 32)     │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ max_pooling2d (MaxPooling2D)    │ (None, 15, 15, 32)     │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ conv2d_1 (Conv2D)               │ (None, 6, 6, 64)       │        51,264 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dropout (Dropout)               │ (None, 6, 6, 64)       │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ flatten (Flatten)               │ (None, 2304)           │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense (Dense)                   │ (None, 10)             │        23,050 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 75,306 (294.16 KB)
 Trainable params: 75,242 (293.91 KB)
 Non-trainable params: 64 (256.00 B)
""")


def test_keras2():
    """Keras 2 itself would cut the second name: "batch_normalization (BatchNo"."""
    assert printed(classifier(), style="keras2") == table("""
_____________________________________________________________________________
Layer (type)                             Output Shape              Param #   |
=============================================================================
conv2d (Conv2D)                          (None, 30, 30, 32)        864       |
_____________________________________________________________________________
batch_normalization (BatchNormalization) (None, 30, 30, 32)        128       |
_____________________________________________________________________________
activation (Activation)                  (None, 30, 30, 32)        0         |
_____________________________________________________________________________
max_pooling2d (MaxPooling2D)             (None, 15, 15, 32)        0         |
_____________________________________________________________________________
conv2d_1 (Conv2D)                        (None, 6, 6, 64)          51264     |
_____________________________________________________________________________
dropout (Dropout)                        (None, 6, 6, 64)          0         |
_____________________________________________________________________________
flatten (Flatten)                        (None, 2304)              0         |
_____________________________________________________________________________
dense (Dense)                            (None, 10)                23050     |
=============================================================================
Total params: 75,306
Trainable params: 75,242
Non-trainable params: 64
_____________________________________________________________________________
""")


def test_costs():
    assert printed(classifier(), costs=True) == table("""
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                             ┃ Output Shape       ┃ Param # ┃ Multiply-adds ┃ Output bytes ┃ Receptive field ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩
│ conv2d (Conv2D)                          │ (None, 30, 30, 32) │     864 │       777,600 │      115,200 │ 3 x 3           │
├──────────────────────────────────────────┼────────────────────┼─────────┼───────────────┼──────────────┼─────────────────┤
│ batch_normalization (BatchNormalization) │ (None, 30, 30, 32) │     128 │             0 │      115,200 │ 3 x 3           │
├──────────────────────────────────────────┼────────────────────┼─────────┼───────────────┼──────────────┼─────────────────┤
│ activation (Activation)                  │ (None, 30, 30, 32) │       0 │             0 │      115,200 │ 3 x 3           │
├──────────────────────────────────────────┼────────────────────┼─────────┼───────────────┼──────────────┼─────────────────┤
│ max_pooling2d (MaxPooling2D)             │ (None, 15, 15, 32) │       0 │             0 │       28,800 │ 4 x 4           │
├──────────────────────────────────────────┼────────────────────┼─────────┼───────────────┼──────────────┼─────────────────┤
│ conv2d_1 (Conv2D)                        │ (None, 6, 6, 64)   │  51,264 │     1,843,200 │        9,216 │ 12 x 12         │
├──────────────────────────────────────────┼────────────────────┼─────────┼───────────────┼──────────────┼─────────────────┤
│ dropout (Dropout)                        │ (None, 6, 6, 64)   │       0 │             0 │        9,216 │ 12 x 12         │
├──────────────────────────────────────────┼────────────────────┼─────────┼───────────────┼──────────────┼─────────────────┤
│ flatten (Flatten)                        │ (None, 2304)       │       0 │             0 │        9,216 │ 12 x 12         │
├──────────────────────────────────────────┼────────────────────┼─────────┼───────────────┼──────────────┼─────────────────┤
│ dense (Dense)                            │ (None, 10)         │  23,050 │        23,040 │           40 │ all             │
└──────────────────────────────────────────┴────────────────────┴─────────┴───────────────┴──────────────┴─────────────────┘
 Total params: 75,306 (294.16 KB)
 Trainable params: 75,242 (293.91 KB)
 Non-trainable params: 64 (256.00 B)
 Multiply-adds of one sample: 2,643,840
 Largest output of one sample: 115,200 bytes
""")  # noqa: E501


def test_costs_in_the_style_of_keras2():
    model = Sequential([Conv2D(4, 3, input_shape=(9, 8, 2), name="c"), MaxPooling2D(name="p")])
    assert printed(model, style="keras2", costs=True) == [
        "_" * 107,
        "Layer (type)                 Output Shape              Param #   Multiply-adds Output bytes Receptive field",
        "=" * 107,
        "c (Conv2D)                   (None, 7, 6, 4)           76        3,024         672          3 x 3          ",
        "_" * 107,
        "p (MaxPooling2D)             (None, 3, 3, 4)           0         0             144          4 x 4          ",
        "=" * 107,
        "Total params: 76",
        "Trainable params: 76",
        "Non-trainable params: 0",
        "Multiply-adds of one sample: 3,024",
        "Largest output of one sample: 672 bytes",
        "_" * 107,
    ]


def test_costs_of_what_is_not_put_together():
    """A normalization that stands behind an activation multiplies itself."""
    model = Sequential([Conv2D(4, 3, activation="relu", input_shape=(9, 8, 2)), BatchNormalization()])
    rows = [line.split("│") for line in printed(model, costs=True) if line.startswith("│")]
    assert [row[4].strip() for row in rows] == ["3,024", "168"]  # 7 * 6 * 4


def test_costs_that_are_not_known():
    image = Input((None, None, 3))
    x = Conv2D(4, 3)(image)
    x = AdaptiveAveragePooling2D(4)(x)
    model = Model(image, Dense(3)(GlobalMaxPooling2D()(x)))
    rows = [[cell.strip() for cell in line.split("│")[4:7]] for line in printed(model, costs=True) if line[0] == "│"]
    assert rows == [
        ["0", "?", "1 x 1"],
        ["?", "?", "3 x 3"],
        ["0", "256", "?"],
        ["0", "16", "all"],
        ["12", "12", "all"],
    ]
    assert printed(model, costs=True)[-2:] == [
        " Multiply-adds of one sample: ?",
        " Largest output of one sample: ? bytes",
    ]


def test_costs_of_even_adaptive_pools_and_nested_models():
    inner = Sequential([Conv2D(4, 3, input_shape=(18, 18, 3)), AdaptiveAveragePooling2D((4, 8))])
    model = Sequential([inner, Conv2D(2, 2)])
    rows = [[cell.strip() for cell in line.split("│")[4:7]] for line in printed(model, costs=True) if line[0] == "│"]
    assert rows == [[f"{16 * 16 * 4 * 27:,}", "512", "6 x 4"], [f"{3 * 7 * 2 * 16:,}", "168", "10 x 6"]]


def test_before_an_input():
    model = Sequential([Conv2D(4, 3), MaxPooling2D(), Sequential([Dense(3)])])
    assert printed(model, line_length=76)[4::2][:3] == [
        "│ conv2d (Conv2D)                 │ ?                      │   0 (unbuilt) │",
        "│ max_pooling2d (MaxPooling2D)    │ ?                      │             0 │",
        "│ sequential (Sequential)         │ ?                      │   0 (unbuilt) │",
    ]
    assert printed(model, style="keras2")[3] == "conv2d (Conv2D)              ?                         0 (unbuilt)"
    with pytest.raises(ValueError, match="costs are not known before the model has seen an input"):
        model.summary(costs=True)


def test_what_is_trainable():
    model = classifier()
    model.layers[0].trainable = False
    assert printed(model)[-3:] == [
        " Total params: 75,306 (294.16 KB)",
        " Trainable params: 74,378 (290.54 KB)",
        " Non-trainable params: 928 (3.62 KB)",
    ]
    model.trainable = False
    assert printed(model, style="keras2")[-4:-1] == [
        "Total params: 75,306",
        "Trainable params: 0",
        "Non-trainable params: 75,306",
    ]
    assert not model.layers[4].trainable
    nested = Sequential([Sequential([Dense(2, input_shape=(3,))], trainable=False), Dense(1)])
    assert printed(nested, style="keras2")[-3:-1] == ["Trainable params: 3", "Non-trainable params: 8"]


def test_sizes_of_other_types():
    model = Sequential([Dense(1024, use_bias=False, input_shape=(1024,), dtype="float64")])
    assert printed(model)[-3] == " Total params: 1,048,576 (8.00 MB)"


def test_long_names_are_continued_and_not_cut():
    model = Sequential([Conv2D(3, 1, input_shape=(4, 4, 1), name="a_name_that_is_longer_than_its_column_is_wide")])
    text = printed(model, line_length=60)
    assert [line.split("│")[1].strip() for line in text[4:7]] == [
        "a_name_that_is_longer_th",
        "an_its_column_is_wide",
        "(Conv2D)",
    ]
    assert {len(line) for line in text[1:8]} == {60}
    narrow = printed(model, line_length=30)
    assert "".join(line.split("│")[1].strip() for line in narrow[5:] if line[0] == "│").startswith(model.layers[0].name)
    assert "a_name_that_is_longer_than_its_column_is_wide (Conv2D)" in printed(model, style="keras2")[3]


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_lines_are_as_long_as_the_terminal_allows(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert len(printed(classifier())[1]) == min(88, columns - 4)


@pytest.mark.parametrize("line_length", [50, 65, 70, 100])
def test_length_of_lines_in_the_style_of_keras2(line_length):
    model = Sequential([Conv2D(4, 3, input_shape=(9, 8, 2), name="c")])
    lines = printed(model, style="keras2", line_length=line_length)
    assert {len(line) for line in lines[:5]} == {line_length}
    assert lines[1].index("Output Shape") == int(0.45 * line_length)
    assert lines[1].index("Param #") == int(0.85 * line_length)


def test_costs_in_a_line_of_given_length():
    lines = printed(classifier(), costs=True, line_length=100)
    assert {len(line) for line in lines[1:-5]} == {100}


def test_it_prints(capsys):
    assert Sequential([Dense(3, input_shape=(2,))]).summary() is None
    assert capsys.readouterr().out.startswith('Model: "sequential"\n┏━')


def test_layers_that_are_used_twice_are_counted_once():
    x = image = Input((8, 8, 3))
    layer = Conv2D(3, 3, padding="same")
    model = Model(image, layer(layer(x)))
    assert model.count_params() == 84
    assert len([line for line in printed(model) if "conv2d" in line]) == 1
    x = np.random.default_rng(0).random((1, 8, 8, 3))
    np.testing.assert_array_equal(model(x), layer(layer(x)))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"style": "keras1"}, ValueError, "summary: style must be one of 'keras2', 'keras3', got 'keras1'"),
        ({"style": 100}, TypeError, "summary: style must be one of 'keras2', 'keras3', got 100"),
        ({"costs": 1}, TypeError, "summary: costs must be True or False, got 1"),
        ({"line_length": 0}, ValueError, "summary: line_length must be at least 1, got 0"),
        ({"line_length": 10}, ValueError, "line_length must leave room for 3 columns, got 10; use 40 or more"),
        ({"line_length": 40, "costs": True}, ValueError, "line_length must leave room for 6 columns, got 40"),
    ],
)
def test_what_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        classifier().summary(**arguments)


def test_words_are_wrapped():
    assert summary.wrapped("a bc def", 4) == ["a bc", "def"]
    assert summary.wrapped("abcdef g", 4) == ["abcd", "ef g"]
    assert summary.wrapped("a abcdef", 4) == ["a", "abcd", "ef"]
