"""Metrics against values worked out by hand, and their refusals."""

from __future__ import annotations

import numpy as np
import pytest

from dqa.data.dataset import Dataset
from dqa.errors import DataError
from dqa.evaluation import metrics


def dataset(samples: int, y: object = None, group: object = None, shape: tuple[int, ...] = (4,)) -> Dataset:
    x = np.zeros((samples, *shape), np.float32)
    return Dataset(x, None if y is None else np.asarray(y), None if group is None else np.asarray(group, np.int64))


def test_top1_counts_the_first_of_equal_scores() -> None:
    scores = np.array([[0.1, 0.9], [0.5, 0.5], [0.5, 0.5], [0.8, 0.2]])
    assert metrics.top1(scores, np.array([1, 0, 1, 1])) == 0.5


def test_top1_refuses_labels_without_an_output() -> None:
    with pytest.raises(DataError, match="labels go from 0 to 2"):
        metrics.top1(np.zeros((2, 2)), np.array([0, 2]))


def test_auc_is_the_share_of_pairs_in_order() -> None:
    assert metrics.auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])) == 0.75
    assert metrics.auc(np.array([1.0, 1.0, 1.0, 2.0]), np.array([0, 1, 1, 1])) == pytest.approx(2 / 3)


def test_auc_equals_counting_all_pairs() -> None:
    random = np.random.default_rng(0)
    scores, y = random.integers(0, 9, 200).astype(float), random.integers(0, 2, 200)
    pairs = scores[y == 1][:, None] - scores[y == 0][None]
    assert metrics.auc(scores, y) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


@pytest.mark.parametrize("y", [[0, 0, 0], [1, 1, 1]])
def test_auc_of_one_class_is_refused(y: list[int]) -> None:
    with pytest.raises(DataError, match="both classes"):
        metrics.auc(np.arange(3.0), np.array(y))


def test_auc_of_three_classes_is_refused() -> None:
    with pytest.raises(DataError, match="labels 0 and 1"):
        metrics.auc(np.arange(3.0), np.array([0, 1, 2]))


def test_scores_are_averaged_per_group_before_auc() -> None:
    # Clip 0 scores 1 and 3, clip 1 scores 2.5, clip 2 scores 0: by clip, class 1 (clips 0 and 2) wins no pair.
    outputs = np.sqrt(np.array([1.0, 3.0, 2.5, 0.0]))[:, None] * np.ones((4, 4))
    inputs = np.zeros((4, 4))
    per_sample = dataset(4, [1, 1, 0, 1], [0, 0, 1, 2])
    per_group = dataset(4, [1, 0, 1], [0, 0, 1, 2])
    assert metrics.evaluate("auc", outputs, per_sample, inputs) == 0.0
    assert metrics.evaluate("auc", outputs, per_group, inputs) == 0.0
    assert metrics.evaluate("auc", outputs, dataset(4, [1, 1, 0, 1]), inputs) == pytest.approx(1 / 3)


def test_a_group_with_two_labels_is_refused() -> None:
    with pytest.raises(DataError, match="different labels"):
        metrics.evaluate("auc", np.ones((2, 4)), dataset(2, [0, 1], [5, 5]), np.zeros((2, 4)))


def test_two_scores_give_auc_by_their_difference() -> None:
    outputs = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    assert metrics.evaluate("auc", outputs, dataset(3, [0, 1, 1]), np.zeros((3, 4))) == 1.0


def test_mean_iou_leaves_out_labels_past_the_classes() -> None:
    outputs = np.zeros((1, 2, 2, 2))
    outputs[0, 0, :, 1] = 1  # answers: 1 1 / 0 0
    y = np.array([[[1, 0], [0, 11]]])
    data = dataset(1, y, shape=(2, 2, 3))
    # class 0: 1 hit of 2; class 1: 1 hit of 2; the last pixel does not count
    assert metrics.evaluate("miou", outputs, data, data.x) == 0.5
    assert metrics.pixel_accuracy(metrics.confusion(outputs, y)) == pytest.approx(2 / 3)


def test_classes_that_never_occur_do_not_lower_mean_iou() -> None:
    assert metrics.mean_iou(np.array([[3, 0, 0], [0, 1, 0], [0, 0, 0]])) == 1.0


def test_mse_compares_with_the_input_or_with_labels() -> None:
    outputs = np.full((2, 4), 2.0)
    assert metrics.evaluate("mse", outputs, dataset(2), np.ones((2, 4))) == 1.0
    assert metrics.evaluate("mse", outputs, dataset(2, np.zeros((2, 4))), np.ones((2, 4))) == 4.0


@pytest.mark.parametrize(
    ("y", "shapes", "expected"),
    [
        ([0, 1, 2], ((1, 4), (1, 10)), "top1"),
        ([0, 1, 1], ((1, 4), (1, 2)), "top1"),
        ([0, 1, 1], ((1, 4), (1, 1)), "auc"),
        ([0, 1, 1], ((1, 4), (1, 4)), "auc"),
        (None, ((1, 4), (1, 4)), "mse"),
        (np.zeros((3, 5)), ((1, 4), (1, 5)), "mse"),
        (np.zeros((3, 2, 2), int), ((1, 4), (1, 2, 2, 5)), "miou"),
        (np.zeros((3, 6), int), ((1, 4), (1, 6, 5)), "miou"),
        (np.full((3, 6), 2), ((1, 4), (1, 6, 1)), "mse"),
    ],
)
def test_the_metric_follows_from_labels_and_shapes(y: object, shapes: tuple[tuple[int, ...], tuple[int, ...]], expected: str) -> None:
    assert metrics.choose(dataset(3, y), *shapes) == expected


def test_each_step_of_a_series_is_measured_like_a_pixel() -> None:
    y = np.array([[0, 0, 1, 1], [1, 1, 0, 0]])
    answers = np.eye(2)[np.array([[0, 0, 1, 0], [1, 1, 0, 0]])]
    assert metrics.evaluate("miou", answers, dataset(2, y), np.zeros((2, 4))) == pytest.approx((4 / 5 + 3 / 4) / 2)


def test_a_metric_can_be_named() -> None:
    assert metrics.choose(dataset(3, [0, 1, 1]), (1, 4), (1, 2), "auc") == "auc"
    with pytest.raises(DataError, match="not known"):
        metrics.choose(dataset(3), (1, 4), (1, 2), "f1")


def test_without_labels_there_is_no_accuracy() -> None:
    with pytest.raises(DataError, match="no labels"):
        metrics.choose(dataset(3), (1, 4), (1, 2))
    with pytest.raises(DataError, match="no labels"):
        metrics.evaluate("top1", np.zeros((3, 2)), dataset(3), np.zeros((3, 4)))


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "bool"])
@pytest.mark.parametrize(("shape", "outputs"), [((3, 4), (1, 4)), ((3, 1, 4), (1, 4)), ((3, 4), (1, 1, 1, 4))])
def test_one_hot_labels_are_class_numbers(dtype: str, shape: tuple[int, ...], outputs: tuple[int, ...]) -> None:
    y = np.eye(4)[[2, 0, 3]].reshape(shape).astype(dtype)
    found = metrics.with_class_numbers(dataset(3, y), (1, 8), outputs)
    assert found.y is not None and found.y.ravel().tolist() == [2, 0, 3]
    assert metrics.choose(found, (1, 8), outputs) == "top1"
    scores = np.eye(4)[[2, 1, 3]].reshape(3, *outputs[1:])
    assert metrics.evaluate("top1", scores, found, found.x) == pytest.approx(2 / 3)


def test_what_is_not_one_hot_stays_as_it_is() -> None:
    for y, inputs, metric in (
        (np.array([[0.5, 0.5], [1, 0]]), (1, 8), None),
        (np.array([[1, 1], [1, 0]]), (1, 8), None),
        (np.eye(2), (1, 2), None),  # the model rebuilds its input
        (np.eye(2), (1, 8), "mse"),
    ):
        data = dataset(2, y, shape=inputs[1:])
        found = metrics.with_class_numbers(data, inputs, (1, 2), metric)
        assert found.y is not None and found.y.shape == (2, 2)
    assert metrics.choose(dataset(2, np.array([[0.5, 0.5], [1, 0]])), (1, 8), (1, 2)) == "mse"


def test_maps_of_labels_may_have_a_last_dimension() -> None:
    y = np.random.default_rng(0).integers(0, 3, (2, 4, 5))
    for given in (y, y[..., None], np.eye(3)[y]):
        found = metrics.with_class_numbers(dataset(2, given), (1, 8), (1, 4, 5, 3))
        assert found.y is not None and np.array_equal(found.y, y)
        assert metrics.choose(found, (1, 8), (1, 4, 5, 3)) == "miou"


@pytest.mark.parametrize(
    ("y", "outputs", "expected"),
    [
        (np.array([[0], [2], [1]]), (1, 3), "top1"),
        (np.array([[0.0], [1.0], [1.0]]), (1, 1), "auc"),
        (np.array([[True], [False], [True]]), (1, 1), "auc"),
        (np.array([0.5, 1.5, 2.25]), (1, 1), "mse"),
        (np.array([[3], [17], [20]]), (1, 1), "mse"),
    ],
)
def test_labels_in_a_column(y: np.ndarray, outputs: tuple[int, ...], expected: str) -> None:
    found = metrics.with_class_numbers(dataset(3, y), (1, 8), outputs)
    assert metrics.choose(found, (1, 8), outputs) == expected
    if expected == "mse":
        assert metrics.evaluate("mse", y.reshape(3, 1) + 2.0, found, found.x) == 4.0


def test_names_must_be_as_many_as_the_outputs() -> None:
    x = np.zeros((3, 4), np.float32)
    named = Dataset(x, np.array([0, 1, 0]), classes=("cat", "dog"), classes_sorted=True)
    assert metrics.with_class_numbers(named, (1, 4), (1, 2)).y is not None
    with pytest.raises(DataError, match="names 2 classes, the model tells 10 apart") as caught:
        metrics.with_class_numbers(named, (1, 4), (1, 10))
    assert "classes" in caught.value.hint
    with pytest.raises(DataError, match="which of cat and dog is 1"):
        metrics.with_class_numbers(named, (1, 4), (1, 1))
    listed = Dataset(x, np.array([0, 1, 0]), classes=("normal", "anomaly"))
    assert metrics.choose(metrics.with_class_numbers(listed, (1, 4), (1, 1)), (1, 4), (1, 1)) == "auc"


def test_labels_of_pixels_may_be_flattened() -> None:
    y = np.random.default_rng(0).integers(0, 3, (2, 4, 5))
    for given in (y.reshape(2, 20), y.reshape(2, 20, 1), np.eye(3)[y].reshape(2, 20, 3)):
        found = metrics.with_class_numbers(dataset(2, given), (1, 8), (1, 4, 5, 3))
        assert found.y is not None and np.array_equal(found.y, y)


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.9), (-3.0, 2.0)])
@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64", "float32"])
@pytest.mark.parametrize("shape", [(1, 2, 2), (1, 2, 2, 1), (1, 4)])
def test_one_channel_tells_two_classes_of_pixels_apart(low: float, high: float, dtype: str, shape: tuple[int, ...]) -> None:
    outputs = np.array([high, high, low, low], np.float32).reshape(1, 2, 2, 1)  # probabilities, or logits
    y = np.array([1, 0, 0, 0]).reshape(shape).astype(dtype)
    found = metrics.with_class_numbers(dataset(1, y), (1, 4), (1, 2, 2, 1))
    assert metrics.choose(found, (1, 4), (1, 2, 2, 1)) == "miou"
    # class 0: 2 hits of 3; class 1: 1 hit of 2
    assert metrics.evaluate("miou", outputs, found, found.x) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_a_map_of_labels_beside_an_input_of_the_same_shape_is_no_input_rebuilt() -> None:
    y = np.array([1, 0, 0, 1], np.uint8).reshape(1, 2, 2, 1)
    found = metrics.with_class_numbers(dataset(1, y, shape=(2, 2, 1)), (1, 2, 2, 1), (1, 2, 2, 1))
    assert metrics.choose(found, (1, 2, 2, 1), (1, 2, 2, 1)) == "miou"


@pytest.mark.parametrize("y", [np.full((3, 2, 2), 255, np.uint8), np.full((3, 2, 2, 1), 0.5), np.full((3, 2, 2), -1)])
def test_maps_of_other_numbers_than_0_and_1_are_no_classes_of_one_channel(y: np.ndarray) -> None:
    found = metrics.with_class_numbers(dataset(3, y), (1, 4), (1, 2, 2, 1))
    assert metrics.choose(found, (1, 4), (1, 2, 2, 1)) == "mse"


def test_numbers_of_a_model_from_one_number_to_one_are_compared_as_numbers() -> None:
    for y in (np.array([0.1, 0.5, 0.9]), np.array([[0.1], [0.5], [0.9]]), np.array([-1, 0, 1])):
        found = metrics.with_class_numbers(dataset(3, y, shape=(1,)), (1, 1), (1, 1))
        assert metrics.choose(found, (1, 1), (1, 1)) == "mse"


def test_one_label_for_a_whole_map_is_refused() -> None:
    with pytest.raises(DataError, match="do not fit outputs"):
        metrics.choose(dataset(3, [0, 1, 2]), (1, 4), (1, 2, 2, 5))
    with pytest.raises(DataError, match="one score for each class"):
        metrics.evaluate("top1", np.zeros((3, 2, 2, 5)), dataset(3, [0, 1, 2]), np.zeros((3, 4)))


@pytest.mark.parametrize("y", [np.full(3, 1e30), np.full(3, -1e300), np.full(3, 2**64 - 1, np.uint64), np.full(3, 2**63, np.uint64)])
def test_labels_that_no_integer_holds_are_refused_as_they_are(y: np.ndarray) -> None:
    with pytest.raises(DataError, match=rf"labels go from {y[0]} to {y[0]},".replace("+", r"\+")):
        metrics.top1(np.zeros((3, 4)), y)
    maps = np.broadcast_to(y[:, None, None], (3, 2, 2))
    with pytest.raises(DataError, match="no pixel has a label"):
        metrics.confusion(np.zeros((3, 2, 2, 4)), maps)


def test_an_error_beyond_float64_is_refused() -> None:
    with pytest.raises(DataError, match="beyond float64"):
        metrics.evaluate("mse", np.zeros((3, 1), np.float32), dataset(3, np.full(3, 1e200)), np.zeros((3, 4)))


def test_labels_per_group_have_the_forms_of_labels_per_sample() -> None:
    data = dataset(4, [[0], [1]], [0, 1, 0, 1])
    assert metrics.evaluate("auc", np.arange(4.0)[:, None], metrics.with_class_numbers(data, (1, 4), (1, 1)), data.x) == 1.0
    data = metrics.with_class_numbers(dataset(4, np.eye(2), [0, 1, 0, 1]), (1, 4), (1, 2))
    assert metrics.evaluate("top1", np.eye(2)[[0, 1, 1, 1]], data, data.x) == 0.75
