"""What users of other trainers know: precision, checkpointing, alpha, targets, DoRA, prior weight and SNR gamma."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from dreamtuner.families.low_rank import read_lora
from dreamtuner.families.unet.family import load_backbone
from dreamtuner.finetune.factory import FineTuneFactory
from dreamtuner.finetune.formats import CheckpointExportError, export
from dreamtuner.finetune.result import Checkpoint, load_finetuned
from dreamtuner.finetune.stage import FineTuneStage
from dreamtuner.models.profiles import Profile
from dreamtuner.sampling.request import Reference
from dreamtuner.settings.finetune import FineTuneConfig

Learning = Callable[..., FineTuneFactory]
CPU = torch.device("cpu")
UNET = {"unet": 1e-2, "text_encoder": None, "resblocks": None, "word": None}


def gradients(stage: FineTuneStage) -> dict[str, torch.Tensor]:
    loss, _ = stage.loss(0, torch.Generator().manual_seed(0))
    loss.backward()
    return {name: p.grad for name, p in stage.learns.named_parameters() if p.grad is not None}


def stepped(factory: FineTuneFactory) -> FineTuneStage:
    """The stage after one step of plain gradient descent."""
    stage = factory.build(CPU)
    with torch.autocast("cpu", torch.bfloat16, enabled=factory.settings.precision == "bfloat16"):
        gradients(stage)
    with torch.no_grad():
        for p in stage.learns.parameters():
            if p.grad is not None:
                p -= p.grad
    return stage


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"mode": "full", "alpha": 8}, "alpha"),
        ({"mode": "full", "dora": True}, "dora"),
        ({"mode": "full", "targets": ["to_q"]}, "targets"),
        ({"dora": True, "unet_kept": 0.5}, "dora"),
        ({"regular": "none", "prior_weight": 0.5}, "prior_weight"),
        ({"targets": ["conv_in"]}, "targets.0"),
        ({"precision": "float8"}, "precision"),
        ({"lr": dict.fromkeys(UNET)}, "lr"),
    ],
)
def test_what_does_not_go_together_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        FineTuneConfig.model_validate({"lr": UNET, **changes})
    assert ".".join(map(str, refused.value.errors()[0]["loc"])) == field


@pytest.mark.slow
def test_checkpointed_activations_change_no_gradient(learning: Learning) -> None:
    plain = gradients(learning("plain", regular="none").build(CPU))
    stage = learning("again", regular="none", gradient_checkpointing=True).build(CPU)
    again = gradients(stage)
    assert plain.keys() == again.keys()
    assert all(torch.equal(one, again[name]) for name, one in plain.items())
    with torch.no_grad():
        stage.tuned()  # detaches the subject-encoder, which the backward pass needed
    assert not hasattr(stage.learns.unet, "position_net") or stage.learns.unet.position_net is None


@pytest.mark.parametrize("mode", [pytest.param("lora", marks=pytest.mark.slow), "full"])
def test_what_learns_is_held_in_float32_and_all_else_in_bfloat16(learning: Learning, mode: str) -> None:
    stage = learning(mode=mode, precision="bfloat16", regular="none").build(CPU)
    models = [*stage.backbone.learnable.values(), *stage.backbone.fixed]
    found = {(p.requires_grad, p.dtype) for model in models for p in model.parameters()}
    assert found == {(True, torch.float32), (False, torch.bfloat16)}
    if mode == "full":  # the masters are the released weights, not their rounded values
        own = load_backbone(learning().profile).unet.state_dict()
        assert all(torch.equal(value, own[name]) for name, value in stage.learns.unet.state_dict().items())


@pytest.mark.parametrize(
    "changes",
    [
        {"alpha": 7.0},
        pytest.param({"dora": True}, marks=pytest.mark.slow),
        pytest.param({"dora": True, "alpha": 1.0, "precision": "bfloat16"}, marks=pytest.mark.slow),
        pytest.param({"targets": ["to_q", "ff.net.0.proj", "ff.net.2"]}, marks=pytest.mark.slow),
    ],
)
def test_merged_adapters_are_the_trained_ones(
    learning: Learning, seeing_profile: Profile, changes: dict[str, Any]
) -> None:
    stage = stepped(learning(regular="none", lr=UNET, **changes))
    tuned = stage.tuned()
    targets = {name.rpartition(".lora_")[0] for name in tuned.tensors}
    assert all(name.endswith(tuple(stage.settings.targets)) for name in targets)
    backbone, half = load_backbone(seeing_profile), stage.settings.precision == "bfloat16"
    x, t, c = torch.randn(1, 8, 8, 8), torch.tensor([5]), torch.randn(1, 24, 16)
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            trained = stage.learns.unet(x, t, c).sample
        before = backbone.unet(x, t, c).sample
        with load_finetuned(backbone, tuned) as inside:
            merged = inside.unet(x, t, c).sample
    assert not torch.allclose(before, merged, atol=1e-4)
    torch.testing.assert_close(merged, trained.float(), atol=0.05 if half else 1e-5, rtol=1e-3)


@pytest.mark.slow
def test_a_dora_is_exported_where_it_is_read(learning: Learning, seeing_profile: Profile, tmp_path: Path) -> None:
    tuned = learning(regular="none", lr=UNET, dora=True).build(CPU).tuned()
    assert any(name.endswith(".lora_magnitude_vector") for name in tuned.tensors)
    backbone = load_backbone(seeing_profile)
    with pytest.raises(CheckpointExportError, match="lora or diffusers"):
        export(tuned, backbone, "lora-kohya", tmp_path / "kohya")
    [file] = export(Checkpoint(tuned.settings, tuned.class_word, tuned.tensors), backbone, "lora", tmp_path / "lora")
    with pytest.raises(ValueError, match="is a DoRA"):  # whose magnitudes would be lost in a sum of updates
        read_lora(file, {"unet": backbone.unet, "text_encoder": backbone.text_encoder})


@pytest.mark.slow
def test_class_images_weigh_what_the_prior_weight_says(learning: Learning, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = learning(regular="prior", prior_weight=0.25, snr_gamma=None).build(CPU)
    given: dict[str, Any] = {}

    def loss(*_: object, **more: Any) -> tuple[torch.Tensor, float]:
        given.update(more)
        return torch.zeros(()), 0.0

    monkeypatch.setattr("dreamtuner.finetune.stage.diffusion_loss", loss)
    stage.loss(0, torch.Generator().manual_seed(0))
    assert sorted(given["row_weights"].tolist()) == [0.25, 1.0]
    assert given["gamma"] is None


@pytest.mark.slow
def test_further_images_of_a_subject_are_trained_on_as_its_reference_is(learning: Learning) -> None:
    factory = learning(regular="none", flip=0.0)
    red = Image.new("RGB", (32, 32), "red")
    other = Reference(red, Image.new("L", (32, 32), 255), "")
    stage = replace(factory, subject=replace(factory.subject, others=(other,))).build(CPU)
    alone = factory.build(CPU)
    assert torch.equal(stage.learns.reference[:1], alone.learns.reference)
    assert len(stage.learns.reference) == 2
    assert stage.pairs.states is not None
    assert torch.equal(stage.pairs.states, alone.pairs.states)
    seen = {
        int(
            (stage.learns.reference[:, 0] == stage._batch(torch.Generator().manual_seed(i))[0])
            .flatten(1)
            .all(1)
            .int()
            .argmax()
        )
        for i in range(8)
    }
    assert seen == {0, 1}
