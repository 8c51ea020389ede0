"""Rows of a batch are changed alike, whichever of them are computed together."""

import pytest
import torch

from dreamtuner.train.augment import augment


@pytest.mark.slow
def test_a_row_is_the_same_in_any_part():
    pictures = torch.rand(5, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    whole = augment(pictures, 7)
    assert not torch.equal(whole, pictures)
    for rows in ([0, 1], [4], [3, 1, 2]):
        torch.testing.assert_close(augment(pictures[rows], 7, rows=torch.tensor(rows), batch=5), whole[rows])
    assert not torch.equal(augment(pictures, 8), whole)
