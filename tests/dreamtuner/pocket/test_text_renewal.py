"""A renewed text encoder: the old one's states, and a vector of its own for each lost word."""

import random
from itertools import combinations

import pytest
import torch

from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.training.text_renewal import LENGTH, USED, TextRenewalStage, sample_captions
from dreamtuner.pocket.world.identity import ATTRIBUTES

CPU = torch.device("cpu")
EMBLEMS = ATTRIBUTES["emblem"]


@pytest.fixture(scope="module")
def stage() -> TextRenewalStage:
    torch.manual_seed(0)
    return TextRenewalStage(get_profile("pocket").weights, ("emblem",), 8, CPU)


@torch.no_grad()
def test_the_states_to_learn_are_the_old_ones_but_from_a_lost_word_on(stage: TextRenewalStage) -> None:
    plain = stage._tokens(["a photo of a bear in the snow, smiling", ""])
    assert torch.equal(stage.target(plain), stage.old(plain).last_hidden_state)
    tokens = stage._tokens([f"a photo of a bear with red {emblem}, crown, big eyes" for emblem in EMBLEMS])
    more = stage.target(tokens) - stage.old(tokens).last_hidden_state
    place = int((tokens[0] != tokens[1]).nonzero()[0])
    assert not more[:, :place].any()
    assert torch.allclose(more[:, place:].norm(dim=-1), torch.tensor(LENGTH), atol=1e-4)
    apart = {round(float((more[i, -1] - more[j, -1]).norm()), 3) for i, j in combinations(range(4), 2)}
    assert apart == {round(LENGTH * (8 / 3) ** 0.5, 3)}, "each is as far from every other"


@torch.no_grad()
def test_the_vectors_lie_where_old_states_hardly_vary(stage: TextRenewalStage) -> None:
    captions = sample_captions(random.Random("others"), 200)
    states = stage.old(stage._tokens(captions)).last_hidden_state.flatten(0, 1)
    most = torch.linalg.eigh(torch.cov(states.T))[1][:, -USED // 2 :]
    for vector in stage.vectors.values():
        assert float((vector @ most).norm()) < 0.1 * LENGTH


def test_a_few_steps_bring_the_new_states_nearer(stage: TextRenewalStage) -> None:
    optimizer = torch.optim.AdamW(stage.learns.parameters(), lr=2e-3)
    found = []
    for step in range(40):
        loss, figures = stage.loss(step, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(figures["distance"])
    assert sum(found[-5:]) < 0.8 * sum(found[:5])
    assert not any(parameter.requires_grad for parameter in stage.old.parameters())
