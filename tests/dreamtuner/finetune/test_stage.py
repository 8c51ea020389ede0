"""What learns and what stays, what a resumed training comes to, and how the model knows the subject afterwards."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.family import load_backbone
from dreamtuner.finetune.factory import FineTuneFactory
from dreamtuner.finetune.result import WORD, load_finetuned
from dreamtuner.finetune.run import fine_tune
from dreamtuner.finetune.subject import NamedSubject
from dreamtuner.models.profiles import Profile
from dreamtuner.preprocess.foreground import on_white
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell
from dreamtuner.train.stage import Events

Learning = Callable[..., FineTuneFactory]
ALL = {"unet": 1e-2, "text_encoder": 1e-2, "resblocks": 1e-2, "word": 1e-2}
CPU = torch.device("cpu")


def only(**rates: float | None) -> dict[str, float | None]:
    return {**dict.fromkeys(ALL), **rates}


def weights(models: UNetBackbone) -> dict[str, Tensor]:
    parts = {"unet": models.unet, "text_encoder": models.text_encoder, "vae": models.vae, "encoder": models.encoder}
    parts["tower"] = models.image_encoder
    return {f"{part}.{n}": p.detach().clone() for part, m in parts.items() for n, p in m.named_parameters()}


def changed(factory: FineTuneFactory) -> set[str]:
    """The parameters that a few steps change, by name; the word's row is `word.row`, adapters end in lora_A or B."""
    stage = factory.build(CPU)
    before = {name: p.detach().clone() for name, p in stage.learns.named_parameters()}
    others = {**weights(stage.backbone)}
    optimizer = torch.optim.SGD([p for p in stage.learns.parameters() if p.requires_grad], lr=1.0)
    for step in range(3):
        loss, _ = stage.loss(step, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = weights(stage.backbone)
    for name, value in others.items():
        if name.startswith(("vae.", "tower.")):
            assert torch.equal(value, after[name]), name
    return {name for name, p in stage.learns.named_parameters() if not torch.equal(p, before[name])}


def parts(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("mode", ["full", "lora"])
def test_in_the_papers_form_unet_text_encoder_resblocks_and_the_word_learn(learning: Learning, mode: str) -> None:
    names = changed(learning(mode=mode))
    assert parts(names) == {"unet", "text_encoder", "encoder", "word"}
    assert {name for name in names if name.startswith("word.")} == {"word.row"}
    assert not any("token_embedding" in name for name in names)
    assert not any(name.startswith("encoder.layers.") for name in names), "the attention layers of SE stay"
    inside = {name for name in names if name.startswith(("unet.", "text_encoder."))}
    assert all(".lora_" in name for name in inside) == (mode == "lora")


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"lr": only(word=1e-2)}, {"word"}),
        ({"lr": only(unet=1e-2)}, {"unet"}),
        ({"lr": only(text_encoder=1e-2, unet=1e-2), "word": "zz", "mode": "full"}, {"unet", "text_encoder"}),
        ({"beta": 0.0}, {"unet", "text_encoder", "word"}),
    ],
    ids=["textual inversion", "unet", "dreambooth", "without encoder"],
)
def test_what_has_no_rate_stays_frozen(learning: Learning, changes: dict[str, Any], wanted: set[str]) -> None:
    assert parts(changed(learning(regular="none", **changes))) == wanted


def test_rates_are_those_of_the_groups(learning: Learning) -> None:
    rates = {"unet": 1e-3, "text_encoder": 2e-3, "resblocks": 3e-3, "word": 4e-3}
    stage = learning(lr=rates, regular="none").build(CPU)
    found = {
        (name.partition(".")[0], stage.rate(name)) for name, p in stage.learns.named_parameters() if p.requires_grad
    }
    assert found == {("unet", 1e-3), ("text_encoder", 2e-3), ("encoder", 3e-3), ("word", 4e-3)}


def test_the_word_begins_as_the_class_word_and_no_word_but_it_may_begin_twice(learning: Learning) -> None:
    stage = learning(regular="none").build(CPU)
    word = stage.learns.words["text_encoder"]
    ids = stage.learns.tokenizers["text_encoder"]("bear", add_special_tokens=False)["input_ids"]
    assert torch.equal(word.row[0], word.table.weight[ids].mean(0))
    with torch.no_grad():
        assert torch.allclose(word(torch.tensor([[len(word.table.weight)]]))[0], word.row)
    with pytest.raises(ValueError, match="token of this model already"):
        learning(regular="none", word="a").build(CPU)
    with pytest.raises(ValueError, match="init"):
        learning(regular="none", init=" ").build(CPU)


@pytest.mark.slow
def test_the_reference_is_on_white_or_keeps_its_background(learning: Learning, bear: NamedSubject) -> None:
    white, kept = (learning(regular="none", background=one).build(CPU) for one in ("white", "kept"))
    assert not torch.equal(white.pairs.reference, kept.pairs.reference)
    alone = on_white(bear.reference.image, bear.reference.mask)
    twin = NamedSubject(type(bear.reference)(alone, bear.reference.mask, ""), "bear", "natural")
    again = FineTuneFactory(**{**vars(learning(regular="none", background="kept")), "subject": twin}).build(CPU)
    assert torch.allclose(white.pairs.reference, again.pairs.reference, atol=1e-5)
    assert torch.equal(white.pairs.states, kept.pairs.states), "the subject-encoder sees the subject alone either way"


def test_captions_name_the_word_beside_the_reference_alone(learning: Learning) -> None:
    pairs = learning(regular="none").build(CPU).pairs
    assert (pairs.caption, pairs.class_caption) == ("a bear [S*]", "a bear")


@pytest.mark.slow
def test_regular_images_are_drawn_once(learning: Learning, tmp_path: Path) -> None:
    learning().build(CPU)
    files = sorted((tmp_path / "run" / "regular").iterdir())
    assert [file.name for file in files] == ["0000.png", "0001.png"]
    Image.new("RGB", (32, 32), "red").save(files[0])
    stage = learning().build(CPU)
    with torch.no_grad():
        red = stage.backbone.encode_image(Image.new("RGB", (32, 32), "red"))
    assert torch.allclose(stage.learns.regular[0, 0], red, atol=1e-6)
    assert not torch.equal(
        learning("plain", regular="prior").build(CPU).learns.regular, learning("other").build(CPU).learns.regular
    )


@pytest.mark.slow
def test_a_killed_fine_tuning_goes_on_to_what_the_unbroken_one_comes_to(learning: Learning, tmp_path: Path) -> None:
    settings = {"steps": 6, "preview_every": 2}
    unbroken = fine_tune(learning("unbroken", **settings), save_every=3, report=lambda line: None)

    class Killed(RuntimeError):
        pass

    def kill(step: int) -> None:
        if step == 3:
            raise Killed

    factory = learning("killed", **settings)
    with pytest.raises(Killed):
        fine_tune(factory, save_every=3, report=lambda line: None, events=Events(saved=kill))
    for file in (tmp_path / "killed" / "regular").iterdir():
        Image.new("RGB", (32, 32)).save(
            file
        )  # as on another machine, which draws them otherwise: the state has its own
    resumed = fine_tune(factory, save_every=3, report=lambda line: None)
    assert resumed.steps == unbroken.steps == 6
    assert resumed.identities == unbroken.identities
    assert len(resumed.identities) == 3
    assert resumed.tuned.tensors.keys() == unbroken.tuned.tensors.keys()
    for name, one in unbroken.tuned.tensors.items():
        assert torch.equal(one, resumed.tuned.tensors[name]), name


@pytest.mark.slow
def test_it_stops_when_previews_are_no_more_alike(learning: Learning, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([0.1, 0.3, 0.2, 0.3, 0.9])
    monkeypatch.setattr(
        "dreamtuner.finetune.preview.FineTunePreview.generate",
        lambda self, backbone: (Image.new("RGB", (8, 8)), next(drawn)),
    )
    factory = learning(steps=50, preview_every=1, patience=2, regular="none")
    learnt = fine_tune(factory, report=lambda line: None)
    assert learnt.steps == 4
    assert learnt.identities == pytest.approx((0.1, 0.3, 0.2, 0.3))
    assert fine_tune(factory, report=lambda line: None).steps == 4, "a finished one learns no further"


def pictures(backbone: UNetBackbone, factory: FineTuneFactory, prompt: str) -> np.ndarray:
    drawn = generate(backbone, factory.subject.reference, [Cell(prompt, 7)], factory.sampling)
    return np.asarray(drawn[0]).astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [pytest.param("full", marks=pytest.mark.slow), "lora"])
def test_a_model_knows_the_subject_inside_and_is_as_it_was_outside(
    learning: Learning, seeing_profile: Profile, mode: str
) -> None:
    factory = learning(mode=mode)
    learnt = fine_tune(factory, report=lambda line: None)
    trained = factory.finished(CPU)
    backbone = load_backbone(seeing_profile)
    before, plain = weights(backbone), pictures(backbone, factory, "a bear")
    with load_finetuned(backbone, learnt.tuned) as knows:
        inside = pictures(knows, factory, "a bear [S*]")
        assert not np.array_equal(pictures(knows, factory, "a bear"), plain)
    assert np.abs(inside - pictures(trained.backbone, factory, "a bear [S*]")).max() <= 1, "merged and not merged"
    after = weights(backbone)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert before.keys() == after.keys()
    assert np.array_equal(pictures(backbone, factory, "a bear"), plain)
    assert backbone.tokenizer("[S*]")["input_ids"] != knows.tokenizer("[S*]")["input_ids"]


@pytest.mark.slow
def test_a_learnt_word_alone_changes_no_picture_of_another(learning: Learning, seeing_profile: Profile) -> None:
    factory = learning(lr=only(word=0.5), regular="none")
    learnt = fine_tune(factory, report=lambda line: None)
    assert set(learnt.tuned.tensors) == {WORD}
    backbone = load_backbone(seeing_profile)
    plain = pictures(backbone, factory, "a bear")
    with load_finetuned(backbone, learnt.tuned) as knows:
        assert np.array_equal(pictures(knows, factory, "a bear"), plain)
        assert not np.array_equal(pictures(knows, factory, "a bear [S*]"), plain)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["lora", "full"])
def test_a_share_of_what_the_unet_learnt_may_be_kept(learning: Learning, seeing_profile: Profile, mode: str) -> None:
    shares = {share: learning(f"{share}", mode=mode, unet_kept=share, regular="none") for share in (0.0, 0.5, 1.0)}
    stages = {share: (fine_tune(one, report=lambda line: None), one.finished(CPU))[1] for share, one in shares.items()}
    tuned = {share: stage.tuned() for share, stage in stages.items()}
    backbone = load_backbone(seeing_profile)
    untrained = {name: p.detach().clone() for name, p in backbone.unet.named_parameters()}
    none, half, whole = (tuned[share].weights("unet", backbone.unet) for share in (0.0, 0.5, 1.0))
    assert none.keys() == half.keys() == whole.keys()
    assert all(torch.equal(one, untrained[name]) for name, one in none.items())
    assert not all(torch.equal(one, untrained[name]) for name, one in whole.items())
    for name, one in half.items():
        torch.testing.assert_close(one, (untrained[name] + whole[name]) / 2)
    if mode == "lora":  # to the last bit: what is kept goes into one matrix of each product
        products = {name for name in tuned[1.0].tensors if name.startswith("unet.") and name.endswith(".lora_B.weight")}
        expected = {name: 0.5 * one if name in products else one for name, one in tuned[1.0].tensors.items()}
        assert all(torch.equal(tuned[0.5].tensors[name], one) for name, one in expected.items())
    rest = {name for name in tuned[1.0].tensors if not name.startswith("unet.")}
    assert len(rest) > 1
    assert all(torch.equal(tuned[0.5].tensors[name], tuned[1.0].tensors[name]) for name in rest)

    learnt = {name: p.detach().clone() for name, p in stages[0.5].learns.unet.named_parameters()}
    shown = np.asarray(stages[0.5].preview()).astype(int)
    assert all(torch.equal(learnt[name], p) for name, p in stages[0.5].learns.unet.named_parameters())
    with load_finetuned(backbone, tuned[0.5]) as knows:
        drawn = np.asarray(stages[0.5].previews.generate(knows)[0]).astype(int)
    assert np.abs(shown - drawn).max() <= 1, "previews show what is kept"


@pytest.mark.parametrize("mode", ["lora", "full"])
def test_of_a_unet_that_does_not_learn_there_is_no_share(learning: Learning, mode: str) -> None:
    stage = learning("frozen", mode=mode, lr=only(word=1e-2), unet_kept=0.5, regular="none").build(CPU)
    stage.preview()
    assert not any(name.startswith("unet.") for name in stage.tuned().tensors)


def test_what_belongs_to_another_model_is_refused(learning: Learning, tiny: UNetBackbone) -> None:
    factory = learning(regular="none")
    tuned = factory.build(CPU).tuned()
    with pytest.raises(ValueError, match="subject-encoder"), load_finetuned(tiny, tuned):
        pass
