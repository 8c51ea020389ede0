"""Schedulers by name: each is built on the noise that the model was trained on, and each image has its own draws."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EDMEulerScheduler,
    FlowMatchEulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
)
from torch import Tensor

from dreamtuner.bench.naive import naive_generate
from dreamtuner.families.noising import Chain, SigmaChain, chain_of, noised, noised_by_sigma
from dreamtuner.families.schedulers import build_scheduler, chosen_scheduler
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.models.fit import FitError, demand_fit
from dreamtuner.models.profiles import Profile
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.plugins import UnknownNameError
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.guidance import Branch, Pair
from dreamtuner.sampling.guidance_plan import plan_steps
from dreamtuner.sampling.loop import cell_noise, denoise, fresh_scheduler
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling
from dreamtuner.settings.schedulers import BUILTIN, SCHEDULERS, known_scheduler

BETAS: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
SD15 = PNDMScheduler(**BETAS, skip_prk_steps=True, set_alpha_to_one=False)
ZERO_SNR = DDIMScheduler(
    **BETAS,
    clip_sample=False,
    prediction_type="v_prediction",
    rescale_betas_zero_snr=True,
    timestep_spacing="trailing",
)
NAMES = [name for name, one in BUILTIN.items() if one.process == "diffusion"]
CLASSES = list({BUILTIN[name].builds: name for name in NAMES}.values())
"""One scheduler of each class, where possible with Karras' spacing."""
pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # inside diffusers


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("dpmpp_2m_karras", "DPM++ 2M Karras"),
        ("dpm++ 2m sde karras", "DPM++ 2M SDE Karras"),
        ("EULER_A", "Euler a"),
        ("euler_ancestral", "Euler a"),
        ("uni_pc", "UniPC"),
        ("plms", "PNDM"),
        ("dpm_2_ancestral", "DPM2 a"),
        ("DPMSolverMultistepScheduler", "DPM++ 2M"),
    ],
)
def test_names_of_other_interfaces_are_one_name_in_digests(written: str, name: str) -> None:
    assert known_scheduler(written).name == Sampling(scheduler=written).scheduler == name


def test_no_two_schedulers_share_a_name() -> None:
    for name, record in BUILTIN.items():
        assert {known_scheduler(one).name for one in (name, name.lower(), *record.aliases)} == {name}
    with pytest.raises(
        UnknownNameError, match=r"there is no scheduler 'DPM\+\+ 2M Karas'; did you mean DPM\+\+ 2M Kar"
    ):
        known_scheduler("DPM++ 2M Karas")
    with pytest.raises(UnknownNameError, match="there is no scheduler 'xyz'; choose one of: DDIM, DDPM"):
        known_scheduler("xyz")


@pytest.mark.parametrize(
    ("names", "counts"),
    [(CLASSES[::4], (4,)), pytest.param(NAMES, (1, 2, 3, 50), marks=pytest.mark.slow)],
    ids=["some", "all"],
)
@pytest.mark.parametrize("own", [SD15, pytest.param(ZERO_SNR, marks=pytest.mark.slow)], ids=["sd15", "zero-snr"])
def test_each_has_the_models_noise_levels_and_a_cell_alone_is_the_cell_in_its_grid(
    own: Any, names: list[str], counts: tuple[int, ...]
) -> None:
    for name in names:
        for steps in counts:
            template = chosen_scheduler(own, Sampling(scheduler=name, steps=steps))
            assert float((template.alphas_cumprod - own.alphas_cumprod).abs().max()) < 1e-6, name
            assert template.config.prediction_type == own.config.prediction_type

            def run(*seeds: int, template: Any = template, steps: int = steps) -> Tensor:
                scheduler, noise = fresh_scheduler(template, steps), generators(*seeds)
                x = cell_noise(noise, (4, 4, 4)) * scheduler.init_noise_sigma
                return denoise(lambda x, t, step: 0.1 * x, x, scheduler, generators=noise)

            both = run(1, 2)
            assert both.isfinite().all(), (name, steps)
            assert torch.equal(both[1:], run(2)), (name, steps)


@pytest.mark.parametrize(
    "names",
    [["DDIM", "Euler", "Heun Karras", "DPM++ 2M Karras"], pytest.param(CLASSES, marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_the_reference_is_noised_as_each_scheduler_noises(names: list[str]) -> None:
    x_0, noise = cell_noise(generators(1, 2), (4, 8, 8))
    for name in names:
        scheduler = fresh_scheduler(build_scheduler(SD15, BUILTIN[name]), 4)
        # the second calls of DPM2 lie between two levels, of which diffusers' own add_noise knows only one
        whole = scheduler.timesteps[2::2] if scheduler.order == 2 else scheduler.timesteps[1::2]
        for t in whole:
            at = fresh_scheduler(scheduler, 4)
            if hasattr(at, "set_begin_index"):
                at._begin_index = None
            theirs = at.scale_model_input(at.add_noise(x_0[None], noise[None], t[None]), t)[0]
            ours = noised(x_0, noise, float(t), SD15.alphas_cumprod)
            # some round Karras' timesteps to whole ones, and all interpolate sigma between two of them in their way
            assert float((ours - theirs).abs().max()) < 0.02, (name, float(t))


def test_edm_is_noised_by_sigma_and_its_offsets_count_on_its_own_chain() -> None:
    scheduler = fresh_scheduler(EDMEulerScheduler(), 6)
    scheduler._begin_index = None  # so that add_noise looks its timestep up
    x_0, noise = cell_noise(generators(1, 2), (4, 8, 8))
    for t in scheduler.timesteps:
        sigma = (4 * t).exp()
        theirs = scheduler.precondition_inputs(scheduler.add_noise(x_0[None], noise[None], t[None])[0], sigma)
        torch.testing.assert_close(noised_by_sigma(x_0, noise, float(t), 0.5), theirs, rtol=1e-5, atol=1e-5)
    for config in (scheduler.config, {**scheduler.config, "sigma_schedule": "exponential"}):
        chain = chain_of(config)
        assert isinstance(chain, SigmaChain)
        assert chain.timestep(999) == pytest.approx(np.log(80) / 4)
        assert chain.timestep(0) == pytest.approx(np.log(0.002) / 4)
        assert [chain.place(chain.timestep(place)) for place in (0, 1, 500.5, 999)] == pytest.approx([0, 1, 500.5, 999])
    trained = EDMEulerScheduler(num_train_timesteps=999).timesteps
    assert chain_of(EDMEulerScheduler().config).timestep(999 - 300) == pytest.approx(float(trained[300]), abs=1e-5)
    assert chain_of(SD15.config) == Chain(999.0)
    subjects: Any = [replace_digest()]
    plan = plan_steps(EDMEulerScheduler(), subjects, Sampling(steps=6, p_r=0.0, dt=10, dt_prime=20))
    chain = chain_of(scheduler.config)
    places = [chain.place(float(t)) for t in scheduler.timesteps]
    seen = [(chain.place(pair.wanted.x_r or 0.0), chain.place(pair.other.x_r or 0.0)) for pair in plan]
    for place, (wanted, other) in zip(places, seen, strict=True):
        assert (wanted, other) == pytest.approx((max(place - 10, 0), min(place + 20, 999)), abs=1e-3)


def replace_digest() -> Any:
    class Digest:
        digest = "ab"

    return Digest()


def test_an_edm_model_sees_its_reference(tiny: UNetBackbone, pip: Reference) -> None:
    edm = replace(tiny, scheduler=EDMEulerScheduler())
    s = Sampling(steps=3, p_r=0.6, w_c=3.0)
    cells = [Cell("a bear", 1)]
    [fast], [slow] = generate(edm, pip, cells, s), naive_generate(edm, pip, cells, s, batch_size=1)
    plain = generate(edm, None, cells, s)[0]
    assert np.abs(np.asarray(fast, dtype=int) - np.asarray(slow, dtype=int)).max() <= 1
    assert fast.tobytes() != plain.tobytes()


@pytest.mark.parametrize(
    ("fields", "own", "said"),
    [
        ({"scheduler": "Flow Euler"}, SD15, r"scheduler: Flow Euler is for models trained by flow matching, and this"),
        ({"scheduler": "EDM Euler"}, SD15, r"trained on discrete noise; choose for example DPM\+\+ 2M Karras, Euler a"),
        ({"scheduler": "DDIM"}, EDMEulerScheduler(), "this model was trained by EDM, .* choose for example EDM Euler"),
        ({"scheduler": "nonsense"}, SD15, "scheduler: there is no scheduler 'nonsense'; choose one of"),
        ({"scheduler": "Euler", "eta": 0.5}, SD15, "eta: Euler has none; set eta to 0, or choose DDIM or TCD"),
        ({"eta": 0.5}, SD15, "eta: PNDM has none"),
        ({"scheduler": "LCM", "steps": 60}, SD15, "steps: 60 is more than the 50 that LCM takes; choose fewer"),
        ({"inversion": 0.7, "steps": 1}, SD15, "inversion: a single step cannot be inverted; set inversion to 0"),
        ({"inversion": 0.7}, EDMEulerScheduler(), "inversion: a model that was trained by EDM, .* set inversion to 0"),
        ({"inversion": 0.7}, FlowMatchEulerDiscreteScheduler(), "inversion: a model that was trained by flow matching"),
        ({"inversion": 0.7}, DDIMScheduler(prediction_type="sample"), "inversion: a model that predicts sample has no"),
    ],
)
def test_what_does_not_suit_the_model_is_refused_by_name(fields: dict[str, Any], own: Any, said: str) -> None:
    with pytest.raises(FitError, match=rf"^sampling\..*{said}"):
        chosen_scheduler(own, Sampling.model_validate(fields))


def test_plans_judge_by_the_configs_on_disk(tiny_profile: Profile) -> None:
    demand_fit(tiny_profile, Sampling(scheduler="LCM", steps=4))
    with pytest.raises(FitError, match="Flow Heun is for models trained by flow matching") as caught:
        demand_fit(tiny_profile, Sampling(scheduler="Flow Heun"))
    assert caught.value.field == "scheduler"
    demand_fit(tiny_profile, Sampling(inversion=0.7, steps=2))
    with pytest.raises(FitError, match="a single step cannot be inverted") as caught:
        demand_fit(tiny_profile, Sampling(inversion=0.7, steps=1))
    assert caught.value.field == "inversion"


def test_rescaled_guidance_has_the_wanted_branchs_deviation() -> None:
    eps = cell_noise(generators(1, 2, 3, 4), (4, 8, 8)).chunk(2)
    pair = Pair(7.5, Branch("c", None), Branch("uc", None))
    full, half = (pair._replace(rescale=phi).combine(eps) for phi in (1.0, 0.5))
    torch.testing.assert_close(full.std((1, 2, 3)), eps[1].std((1, 2, 3)))
    torch.testing.assert_close(half, (full + pair.combine(eps)) / 2)
    assert torch.equal(pair._replace(w=1, rescale=0.7).combine(eps[1:]), eps[1])
    plan = plan_steps(SD15, [replace_digest()], Sampling(steps=9, p_r=0.5, guidance_rescale=0.7))
    assert {(one.rescale, one.other.text) for one in plan} == {(0.7, "c"), (0.7, "uc")}


@pytest.mark.parametrize(
    ("names", "changes"),
    [
        (["DPM++ SDE Karras", "Heun Karras", "Euler a", "UniPC"], {}),
        pytest.param(NAMES, {}, marks=pytest.mark.slow),
        (["DDIM", "DPM++ 2M Karras"], {"guidance_rescale": 0.7}),
        (["DDIM", "TCD"], {"eta": 0.6}),
    ],
    ids=["some", "all", "guidance_rescale", "eta"],
)
def test_the_pipeline_is_stock_to_the_last_bit(tiny: UNetBackbone, names: list[str], changes: dict[str, float]) -> None:
    models = {"vae": tiny.vae, "text_encoder": tiny.text_encoder, "tokenizer": tiny.tokenizer, "unet": tiny.unet}
    stock = StableDiffusionPipeline(**models, scheduler=SD15, safety_checker=None, feature_extractor=None)
    ours = DreamTunerPipeline(**models, scheduler=SD15)
    for pipe in (stock, ours):
        pipe.set_progress_bar_config(disable=True)
    for name in names:
        stock.scheduler, ours.scheduler = (build_scheduler(SD15, BUILTIN[name]) for _ in range(2))
        call = {"num_inference_steps": 2, "guidance_scale": 4.0, "height": 32, "width": 48, "output_type": "latent"}
        theirs, mine = (
            pipe("a bear", **call, **changes, generator=torch.Generator().manual_seed(3)).images
            for pipe in (stock, ours)
        )
        assert torch.equal(theirs, mine), name


def test_the_pipeline_keeps_its_own_scheduler(tiny: UNetBackbone) -> None:
    natural = Sampling(scheduler="euler_a", steps=2)
    named = replace(tiny, profile=tiny.profile.model_copy(update={"natural": natural}))
    pipe = DreamTunerPipeline.from_backbone(named)
    assert type(pipe.scheduler).__name__ == "EulerAncestralDiscreteScheduler"
    assert pipe._defaults().scheduler is None
    pipe.set_progress_bar_config(disable=True)
    [cell] = generate(named, None, [Cell("a bear", 1)], named.profile.sampling())
    assert pipe("a bear", generator=torch.Generator().manual_seed(1)).images[0].tobytes() == cell.tobytes()
    with pytest.raises(ValueError, match="eta: EulerAncestralDiscreteScheduler has none"):
        pipe("a bear", eta=0.5)
    with pytest.raises(ValueError, match="defaults: scheduler is 'Euler a', but this pipeline generates with its comp"):
        DreamTunerPipeline(**pipe.components, defaults=natural.model_dump())


def test_the_registry_lists_them_all() -> None:
    assert SCHEDULERS.names() == list(BUILTIN)
    assert not SCHEDULERS.broken()
