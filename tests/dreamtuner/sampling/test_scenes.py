"""Images of several subjects: what must be equal to an image of one, and what does not depend on what."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from dreamtuner.attention.by_region import RegionalKeys, Regions, regional_attention
from dreamtuner.attention.self_subject import SubjectKeys, attend
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling import generate as one_subject
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.initial_noise import initial_noise
from dreamtuner.sampling.reference_cache import ReferenceCache
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.sampling.scenes.generate import generate_scene
from dreamtuner.sampling.scenes.regions import inside, regions_of
from dreamtuner.sampling.scenes.request import SceneSubject
from dreamtuner.settings.regions import WHOLE
from dreamtuner.settings.sampling import Sampling
from tests.dreamtuner.sampling.latents import LatentsKept

LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)
CELLS = [Cell("a bear and a duck", 1), Cell("a bear and a duck", 2)]
S = Sampling(steps=3, p_r=0.6, w_r=2.0, w_c=4.0, beta=0.8)
PLAIN = S.model_copy(update={"beta": 0.0})


@pytest.fixture(scope="module")
def seeing(whole: DreamTunerPipeline, tiny: UNetBackbone) -> UNetBackbone:
    """The tiny model with a subject-encoder."""
    read = {"image_encoder": whole.image_encoder, "image_processor": whole.feature_extractor}
    return replace(tiny, encoder=whole.subject_encoder, **read)


@pytest.fixture(scope="module")
def momo() -> Reference:
    """Another subject."""
    image, mask = Image.new("RGB", (80, 96), "white"), Image.new("L", (80, 96), 0)
    for canvas, colour in ((image, "blue"), (mask, 255)):
        ImageDraw.Draw(canvas).ellipse((20, 10, 60, 80), fill=colour)
    return Reference(image, mask, "a duck")


def scene(
    backbone: UNetBackbone,
    subjects: Sequence[SceneSubject],
    background: str = "on the beach",
    s: Sampling = S,
    cells: Sequence[Cell] = CELLS,
    **more: Any,
) -> Tensor:
    kept = LatentsKept(backbone)
    generate_scene(kept, subjects, background, cells, s, **more)
    return torch.stack(kept.latents[-len(cells) :])  # of the second pass, if there is one


def alone(backbone: UNetBackbone, references: Any, prompt: str, s: Sampling = S, **more: Any) -> Tensor:
    kept = LatentsKept(backbone)
    generate(kept, references, [replace(cell, prompt=prompt) for cell in CELLS], s, **more)
    return torch.stack(kept.latents[-len(CELLS) :])


@pytest.mark.parametrize(
    "s",
    [
        S.model_copy(update={"guidance_rescale": 0.3, "inversion": 0.5}),
        pytest.param(S.model_copy(update={"w_r": 1.0, "second_pass": 2.0}), marks=pytest.mark.slow),
        pytest.param(S.model_copy(update={"negative_in": "all", "w_ref": 0.0}), marks=pytest.mark.slow),
    ],
)
def test_one_subject_everywhere_is_the_image_of_it_alone(seeing: UNetBackbone, pip: Reference, s: Sampling) -> None:
    one = SceneSubject([pip], WHOLE, "a bear")
    made = scene(seeing, [one], s=s, negative_prompt="rain")
    assert torch.equal(made, alone(seeing, pip, "a bear", s, negative_prompt="rain"))


def test_the_order_of_regions_that_do_not_overlap_changes_nothing(
    seeing: UNetBackbone, pip: Reference, momo: Reference
) -> None:
    bear, duck = SceneSubject([pip], LEFT, "a bear"), SceneSubject([momo], RIGHT, "a duck", weight=2.0)
    both = scene(seeing, [bear, duck])
    assert torch.equal(both, scene(seeing, [duck, bear]))
    other = scene(seeing, [replace(bear, region=RIGHT), replace(duck, region=LEFT)])
    assert float((both - other).abs().max()) > 1e-2, "who is where matters"


def test_without_references_and_with_one_text_it_is_the_plain_model(tiny: UNetBackbone) -> None:
    nobody = [SceneSubject([], LEFT, "a bear"), SceneSubject([], (0.5, 0.2, 1.0, 0.7), "a bear")]
    made = scene(tiny, nobody, "a bear", PLAIN)
    torch.testing.assert_close(made, alone(tiny, None, "a bear", PLAIN), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_region_of_no_token_leaves_the_image_without_a_reference(tiny: UNetBackbone, pip: Reference) -> None:
    """In front of it stands one without references that is everywhere."""
    hidden = SceneSubject([pip], LEFT, "a bear")
    made = scene(tiny, [hidden, SceneSubject([], WHOLE, "a duck")], s=PLAIN)
    assert torch.equal(made, alone(tiny, None, "a duck", PLAIN))


@pytest.mark.slow
def test_words_weight_and_guidance_act_in_their_region_first(
    tiny: UNetBackbone, pip: Reference, momo: Reference
) -> None:
    """After one step, what changes of one subject changes its region more than the other's."""
    s = PLAIN.model_copy(update={"steps": 1, "p_r": 1.0})
    bear, duck = SceneSubject([pip], LEFT, "a bear"), SceneSubject([momo], RIGHT, "a duck")
    first = scene(tiny, [bear, duck], s=s)
    for changed in (replace(bear, prompt="xyz"), replace(bear, weight=5.0), replace(bear, w_r=6.0)):
        apart = (scene(tiny, [changed, duck], s=s) - first).abs().mean((0, 1))
        half = apart.shape[1] // 2
        assert apart[:, :half].mean() > apart[:, half:].mean()
        if changed.w_r is not None:
            assert apart[:, half:].max() == 0, "guidance is combined by region"


def test_a_subject_has_one_reference_pass_in_whatever_company(
    tiny: UNetBackbone, pip: Reference, momo: Reference
) -> None:
    cache, s = ReferenceCache(spare=1 << 20), PLAIN.model_copy(update={"steps": 2})
    third = replace(momo, image=momo.image.rotate(180), caption="a frog")
    known = {"pip": pip, "momo": momo, "third": third}
    pairs = [("pip", "momo"), ("third", "pip"), ("momo", "third"), ("momo", "pip")]
    for pair in pairs:
        subjects = [SceneSubject([known[n]], r, f"a {n}") for n, r in zip(pair, (LEFT, RIGHT), strict=True)]
        made = scene(tiny, subjects, s=s, cells=CELLS[:1], features=cache.of(pair))
    assert torch.equal(made, scene(tiny, subjects, s=s, cells=CELLS[:1]))
    assert cache.passes == len(known)
    cache.open("pip")
    generate(tiny, pip, CELLS[:1], s, reference_cache=cache)
    assert cache.passes == len(known), "alone, it is the same subject"


def test_what_is_idle_is_freed_where_nothing_is_to_spare(tiny: UNetBackbone, pip: Reference) -> None:
    cache = ReferenceCache()
    scene(tiny, [SceneSubject([pip], LEFT, "a bear")], s=PLAIN, cells=CELLS[:1], features=cache.of(["pip"]))
    assert cache.nbytes > 0
    cache.of(["momo"])
    assert (cache.nbytes, cache.passes) == (0, 1)


@pytest.mark.slow
def test_a_model_of_its_own_predicts_its_region(seeing: UNetBackbone, pip: Reference, momo: Reference) -> None:
    from dreamtuner.finetune.result import Checkpoint, load_finetuned
    from dreamtuner.settings.finetune import FineTuneConfig

    def tuned(seed: int) -> Any:
        g = torch.Generator().manual_seed(seed)
        names = [n for n, _ in seeing.unet.named_parameters() if n.endswith("attn2.to_k.weight")]
        own = dict(seeing.unet.named_parameters())
        tensors = {f"unet.{n}": own[n].data + torch.randn(own[n].shape, generator=g) for n in names}
        return partial(load_finetuned, tuned=Checkpoint(FineTuneConfig(), "bear", tensors))

    before = {name: p.data.clone() for name, p in seeing.unet.named_parameters()}
    one, other = tuned(1), tuned(2)
    with one(seeing) as model:
        wanted = alone(model, pip, "a bear")
    assert torch.equal(scene(seeing, [SceneSubject([pip], WHOLE, "a bear", model=one)]), wanted)
    bear = SceneSubject([pip], LEFT, "a bear", model=one)
    duck = SceneSubject([momo], RIGHT, "a duck", model=other)
    both = scene(seeing, [bear, duck])
    assert torch.equal(both, scene(seeing, [duck, bear]))
    assert float((both - scene(seeing, [replace(bear, model=other), duck])).abs().max()) > 1e-3
    with one(seeing) as model:  # both by one model is that model's scene
        theirs = scene(model, [replace(bear, model=None), replace(duck, model=None)])
    alike = scene(seeing, [bear, replace(duck, model=one)])
    torch.testing.assert_close(alike, theirs, rtol=1e-4, atol=1e-4)
    assert all(torch.equal(p.data, before[name]) for name, p in seeing.unet.named_parameters())


def test_tokens_outside_a_region_attend_to_the_image_alone() -> None:
    q, k, v = (torch.randn(2, 3, 6, 4, dtype=torch.float64) for _ in range(3))
    keys = SubjectKeys(*(torch.randn(1, 3, 5, 4, dtype=torch.float64) for _ in range(2)), torch.zeros(5))
    regions = Regions(2, {6: torch.tensor([0, 0, 2, 1, 1, 2])})
    out = RegionalKeys(regions, [keys, None]).attend(q, k, v)
    torch.testing.assert_close(out[:, :, :2], attend(q, k, v, keys)[:, :, :2])
    torch.testing.assert_close(out[:, :, 2:], attend(q, k, v, None)[:, :, 2:])
    states = [torch.randn(2, 3, 2, 4, dtype=torch.float64) for _ in range(3)]
    read = regional_attention(regions, q, torch.cat(states, 2), torch.cat(states, 2))
    for i in range(3):
        own = regions.owners[6] == i
        torch.testing.assert_close(read[:, :, own], attend(q, states[i], states[i], None)[:, :, own])


def test_the_later_of_two_regions_is_in_front_and_no_layer_is_left_without_a_subject() -> None:
    grids = {64: (8, 8), 4: (2, 2), 1: (1, 1)}
    found = regions_of([WHOLE, (0.25, 0.25, 0.5, 0.75)], (64, 64), grids)
    fine = found.owners[64].view(8, 8)
    assert (fine[2:6, 2:4] == 1).all()
    assert int((fine == 1).sum()) == 8
    assert set(found.owners[4].tolist()) == {0, 1}
    drawn = Image.new("L", (10, 10), 0)
    drawn.paste(255, (0, 0, 5, 10))
    assert torch.equal(inside(drawn, (64, 64)).round(), inside(LEFT, (64, 64)))
    outside = regions_of([LEFT], (64, 64), {64: (8, 8)})
    assert outside.present == (0, 1)
    with pytest.raises(ValueError, match="the mask is black"):
        inside(Image.new("L", (8, 8)), (64, 64))


@pytest.mark.parametrize("box", [(0.5, 0, 0.5, 1), (0, 0, 1.2, 1), (0.6, 0, 0.5, 1), (0, float("nan"), 1, 1)])
def test_a_box_lies_in_the_image(pip: Reference, box: Any) -> None:
    with pytest.raises(ValueError, match="is no box in the image"):
        SceneSubject([pip], box, "a bear")


def test_each_region_starts_from_the_noise_of_its_own_reference(
    tiny: UNetBackbone, pip: Reference, momo: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a scene's first latents, a region of the reference's shape has what an image of the subject alone has."""
    begun: list[Tensor] = []

    def kept(*given: Any) -> Tensor:
        begun.append(initial_noise(*given))
        return begun[-1]

    monkeypatch.setattr(one_subject, "initial_noise", kept)
    s = PLAIN.model_copy(update={"inversion": 1.0})
    own = []
    for reference in (pip, momo):
        generate(tiny, reference, CELLS[:1], s)
        own.append(begun.pop())
    side = own[0].shape[3]
    wide = Sampling.model_validate({**s.model_dump(), "size": "128x64", "reference_resolution": 64})
    bear, duck = SceneSubject([pip], LEFT, "a bear"), SceneSubject([momo], RIGHT, "a duck")
    features = ReferenceCache().of(["pip", "momo"])
    for _ in range(2):  # the second time it is kept
        generate_scene(tiny, [bear, duck], "", CELLS, wide, features=features)
        assert torch.equal(begun[-1], torch.cat(own, dim=3).expand(2, -1, -1, -1))
    small = replace(duck, region=(0.5, 0.25, 0.75, 0.75))
    generate_scene(tiny, [bear, small], "", CELLS, wide)
    one, other = begun[-1]
    assert torch.equal(one[:, :, :side], own[0][0])
    differ = (one != other).any(0)[:, side:]
    box = torch.zeros_like(differ)
    box[side // 4 : 3 * side // 4, : side // 2] = True
    assert torch.equal(differ, ~box), "outside all regions there is the seed's noise"


def test_what_a_scene_cannot_have_is_said(tiny: UNetBackbone, pip: Reference) -> None:
    one = SceneSubject([pip], LEFT, "a bear")
    with pytest.raises(ValueError, match=r"sampling\.inversion: a single step cannot be inverted"):
        generate_scene(tiny, [one], "", CELLS, Sampling(steps=1, inversion=0.5))
    with pytest.raises(ValueError, match="give at least one subject"):
        generate_scene(tiny, [], "", CELLS, PLAIN)
    with pytest.raises(ValueError, match="cells: 2 different prompts of the whole image; call this once for each"):
        generate_scene(tiny, [one], "", [CELLS[0], Cell("a bear hugging a duck", 1)], PLAIN)
    with pytest.raises(ValueError, match="weight"):
        replace(one, weight=0.0)
