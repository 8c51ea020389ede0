"""The order of images is a function of the step: every image at most once an epoch, whichever step one begins at."""

import numpy as np
import pytest

from dreamtuner.train.data.order import Order, by_size, held_out


def _order(seed: int = 0, **more: int) -> Order:
    images = 103
    shard = np.arange(images) // 10
    size = np.arange(images) % 3 // 2  # two thirds of one size, a third of another
    return Order(shard, size, np.arange(images), batch=8, seed=seed, **more)


def test_an_epoch_shows_an_image_at_most_once_and_nearly_all():
    order = _order(window=4)
    shown = np.concatenate([order.batch_of(step) for step in range(order.steps_per_epoch)])
    assert len(shown) == len(set(shown.tolist())) == 103 // 8 * 8
    later = np.concatenate([order.batch_of(order.steps_per_epoch + step) for step in range(order.steps_per_epoch)])
    assert shown.tolist() != later.tolist()


def test_a_step_has_the_same_images_from_wherever_one_begins():
    unbroken, resumed = _order(), _order()
    for step in range(40):
        unbroken.batch_of(step)
    for step in (39, 3, 25):
        assert unbroken.batch_of(step).tolist() == resumed.batch_of(step).tolist()
    assert _order(seed=1).batch_of(3).tolist() != resumed.batch_of(3).tolist()


def test_batches_have_one_size_as_far_as_there_are_enough_images():
    order = _order()
    mixed = [step for step in range(order.steps_per_epoch) if len(set((order.batch_of(step) % 3 // 2).tolist())) > 1]
    assert len(mixed) <= 1


def test_a_window_reads_a_few_shards_at_a_time():
    order = _order(window=2)
    shards = [set((order.batch_of(step) // 10).tolist()) for step in range(order.steps_per_epoch - 2)]
    assert max(map(len, shards)) <= 4  # its own two, and those of images left over from before


def test_fewer_images_than_a_batch_are_refused():
    with pytest.raises(ValueError, match=r"103 images .* batch of 200"):
        Order(np.zeros(103, int), np.zeros(103, int), np.arange(103), batch=200, seed=0)


def test_held_out_images_are_not_trained_on():
    chosen, apart = held_out(50, 4)
    assert apart.tolist() == [0, 16, 32, 49]
    assert sorted([*chosen.tolist(), *apart.tolist()]) == list(range(50))
    assert held_out(50, 0)[1].tolist() == []


def test_parts_have_one_size_and_fit():
    assert by_size([4, 5, 6, 7, 8], [(1, 1), (2, 1), (1, 1), (1, 1), (2, 1)], 2) == [[4, 6], [7], [5, 8]]
