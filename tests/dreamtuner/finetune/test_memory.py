"""What a fine-tuning takes is counted before anything is loaded, and what does not fit is refused with what would."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from dreamtuner.families.inference_memory import MIN_KV_BYTES, free_bytes, limited_to
from dreamtuner.families.memory import LiveBytes, Need, optimizer_bytes
from dreamtuner.families.unet.family import load_backbone
from dreamtuner.finetune import fitting
from dreamtuner.finetune.factory import FineTuneFactory
from dreamtuner.finetune.fitting import ImageMemory, generate_fitting
from dreamtuner.finetune.memory import InsufficientMemoryError, image_memory, memory_of, need_of, require_memory
from dreamtuner.finetune.processes import need_of_each
from dreamtuner.models.profiles import Profile
from dreamtuner.sampling.request import Cell
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.train.optimizers import optimizer_of
from dreamtuner.train.settings import LoopSettings

CPU = torch.device("cpu")


@pytest.mark.slow
def test_weights_and_what_learns_are_counted_exactly(
    seeing_profile: Profile, learning: Callable[..., FineTuneFactory]
) -> None:
    stage = learning(mode="full", precision="bfloat16", regular="none").build(CPU)
    settings = stage.settings
    need = need_of(seeing_profile, settings, 32)
    trained = [p for p in stage.learns.parameters() if p.requires_grad]
    words = sum(word.row.numel() for word in stage.learns.words.values())
    assert need.gradients == 4 * (sum(p.numel() for p in trained) - words)
    assert need.learning == 3 * need.gradients
    assert need_of(seeing_profile, settings.model_copy(update={"ema": 0.9}), 32).learning == 4 * need.gradients
    loaded = {id(p): p for model in (stage.learns, *stage.backbone.fixed) for p in model.parameters()}
    assert stage.previews.clip is not None
    loaded |= {id(p): p for p in stage.previews.clip.model.parameters()}
    assert need.weights == sum(p.nbytes for p in loaded.values()) - 4 * words


@pytest.mark.parametrize("name", ["adamw", "adamw16bit", "adafactor"])
def test_an_optimizers_state_is_counted_exactly(name: Any) -> None:
    shapes = [(64, 32), (5,), (8, 4, 3, 3)]
    parameters = [nn.Parameter(torch.randn(shape)) for shape in shapes]
    optimizer = optimizer_of(LoopSettings(steps=1, lr=0.1, optimizer=name), [{"params": parameters}])
    for p in parameters:
        p.grad = torch.ones_like(p)
    optimizer.step()
    held = [one for state in optimizer.state.values() for one in state.values() if isinstance(one, torch.Tensor)]
    assert optimizer_bytes(name, shapes) == sum(one.nbytes for one in held if one.dim())
    assert optimizer_bytes("adamw8bit", [(4096, 16)]) < optimizer_bytes("adamw", [(4096, 16)]) / 3.8


def test_each_of_two_processes_takes_half_of_what_is_trained_if_it_can_be_divided() -> None:
    need = Need(weights=1000, learning=1600, step=100, gradients=800, images=50, keys=10)
    full = FineTuneConfig(mode="full", optimizer="adamw16bit")
    each = need_of_each(need, full, 2)
    assert (each.weights, each.learning, each.gradients, each.step) == (600, 800, 400, 100)
    assert need_of_each(need, full, 7) == each, "a step has two images"
    for settings in (FineTuneConfig(), full.model_copy(update={"optimizer": "adafactor"})):
        assert need_of_each(need, settings, 2) == need
    many = full.model_copy(update={"batch": 32})
    assert need_of_each(need, many, 64).live == 1000, "weights are loaded whole before they are divided"


def test_what_lives_is_counted_and_what_is_freed_is_not() -> None:
    with FakeTensorMode(), LiveBytes() as live:
        a = torch.empty(1000)
        b = a + 1
        view = b[:10]
        del b
        assert (live.now, live.peak) == (8000, 8000)
        del view
        c = torch.empty(500)
        assert (live.now, live.peak) == (6000, 8000)
        del a, c
        assert live.now == 0


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"precision": "bfloat16", "gradient_checkpointing": True}])
@pytest.mark.parametrize("mode", ["lora", "full"])
def test_a_step_is_counted_as_the_profiler_counts_it(
    seeing_profile: Profile, learning: Callable[..., FineTuneFactory], mode: str, changes: dict[str, Any]
) -> None:
    """The rest of a step, such as text states and noise, takes more beside a tiny U-Net than beside a real one."""
    factory = learning(mode=mode, regular="none", beta=0.0, batch=4, **changes)
    stage, settings = factory.build(CPU), factory.settings
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bfloat16"):
            loss, _ = stage.loss(0, torch.Generator().manual_seed(0))
        loss.backward()
    sizes = sorted(
        (e.start_ns(), e.nbytes()) for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"
    )
    now = peak = 0
    for _, size in sizes:
        now += size
        peak = max(peak, now)
    need = need_of(seeing_profile, settings, 32)
    assert 0.6 * peak < need.gradients + need.step < 1.15 * peak


@pytest.mark.slow
def test_a_step_takes_more_where_pictures_are_larger_or_more(seeing_profile: Profile) -> None:
    settings = seeing_profile.finetuning("lora")
    small, large = (need_of(seeing_profile, settings, side).step for side in (32, 64))
    assert 3 * small < large < 5 * small
    alone = need_of(seeing_profile, settings.model_copy(update={"regular": "none"}), 32).step
    assert 1.8 * alone < small < 2.6 * alone
    less = need_of(seeing_profile, settings.model_copy(update={"gradient_checkpointing": True}), 32).step
    assert less < small / 2


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> Callable[[FineTuneConfig], Need]:
    """What settings take, in round numbers."""

    def size(settings: FineTuneConfig) -> Need:
        half, full = settings.precision == "bfloat16", settings.mode == "full"
        learning = (
            (4000 if settings.optimizer == "adamw" else 1500) if full else 20 * (settings.lr.text_encoder is None)
        )
        step = (200 if settings.gradient_checkpointing else 900) // (1 + (settings.regular == "none"))
        return Need(1000 if half else 2000, learning, step, gradients=learning // 4, images=150, keys=20)

    monkeypatch.setattr("dreamtuner.finetune.memory.need_of", lambda profile, settings, resolution: size(settings))
    return size


def test_what_does_not_fit_is_refused_with_what_would(
    seeing_profile: Profile, sizes: Callable[[FineTuneConfig], Need]
) -> None:
    full = seeing_profile.finetuning("full")
    low = {"precision": "bfloat16", "gradient_checkpointing": True}
    lora = seeing_profile.finetuning("lora", **low)
    large, low_full, small = (sizes(one).total for one in (full, full.model_copy(update=low), lora))
    require_memory(seeing_profile, full, 32, large)
    with pytest.raises(InsufficientMemoryError, match=r"precision: bfloat16 and .*: true needs .* and fits"):
        require_memory(seeing_profile, full, 32, low_full)
    with pytest.raises(InsufficientMemoryError, match=r"optimizer: adafactor needs .* and fits"):
        require_memory(seeing_profile, full, 32, low_full - 1)
    with pytest.raises(InsufficientMemoryError, match=r"mode: lora, .* needs .* and fits"):
        require_memory(seeing_profile, full, 32, small)
    with pytest.raises(InsufficientMemoryError, match=r"text_encoder: null}, regular: none needs .* and fits"):
        require_memory(seeing_profile, lora, 32, small - 1)
    with pytest.raises(InsufficientMemoryError, match="use a device with more memory"):
        require_memory(seeing_profile, full, 32, 1000)


def test_images_may_take_what_a_step_takes_in_their_place_or_what_is_left(
    seeing_profile: Profile, sizes: Callable[[FineTuneConfig], Need]
) -> None:
    settings = seeing_profile.finetuning("full")
    need = sizes(settings)
    assert need.room == need.gradients + need.step
    assert image_memory(seeing_profile, settings, 32, 1000) == ImageMemory(need.room, need.keys)
    much = image_memory(seeing_profile, settings, 32, 10 * MIN_KV_BYTES)
    assert need.room < much.room < 10 * MIN_KV_BYTES
    assert (much.kv_bytes, ImageMemory(2000, 10).kv_bytes, ImageMemory(2000, 1500).kv_bytes) == (None, 1000, 1500)
    assert Need(100, 60, 5, gradients=20, images=30).live == 100 + 40 + 30
    assert Need(100, 60, 5, gradients=20, images=10).live == 100 + 60 + 5
    with limited_to(123):
        assert free_bytes(CPU) == 123
    assert free_bytes(CPU) != 123


def test_batches_that_do_not_fit_are_halved_until_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[int | None, int | None]] = []

    def generate(_: object, reference: object, cells: Sequence[Cell], *rest: object, **given: Any) -> list[Image.Image]:
        tried.append((given["batch_size"], given["kv_bytes"]))
        if given["batch_size"] is None or given["batch_size"] > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [Image.new("RGB", (8, 8))] * len(cells)

    monkeypatch.setattr(fitting, "generate", generate)
    cells = [Cell("a bear", seed) for seed in range(9)]
    arguments: Any = (None, None, cells, None)
    most = 2
    assert len(generate_fitting(*arguments)) == 9
    assert tried == [(None, None), (4, MIN_KV_BYTES), (2, MIN_KV_BYTES)]
    most = 0
    with pytest.raises(torch.OutOfMemoryError):
        generate_fitting(*arguments, memory=ImageMemory(1000, 700))
    assert tried[-3:] == [(4, 700), (2, 700), (1, 700)]


def test_this_machine_has_memory() -> None:
    assert memory_of("cpu") > 1e8


@pytest.mark.slow
def test_counting_leaves_no_trace_in_what_is_loaded_later(seeing_profile: Profile) -> None:
    need_of(seeing_profile, FineTuneConfig(steps=7), 32)
    assert all(type(p) is nn.Parameter for p in load_backbone(seeing_profile).unet.parameters())
