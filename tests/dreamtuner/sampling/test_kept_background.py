"""A kept background: its pixels are the picture's own under every sampler, and a region of all is no region."""

import time

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, HeunDiscreteScheduler
from PIL import Image, ImageDraw, ImageFilter

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.sampling.edits.kept_background import GROWTH, Background, _grown, prepare_background
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.loop import fresh_scheduler
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling

pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # inside diffusers
CELLS = [Cell("a bear, smiling", 1), Cell("a bear, waving", 2)]
S = Sampling(steps=3, p_r=0.6, w_r=2.0, w_c=4.0)


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def mask_of(box: tuple[int, int, int, int] | None, size: tuple[int, int] = (64, 64)) -> Image.Image:
    mask = Image.new("L", size, 0)
    if box is not None:
        ImageDraw.Draw(mask).rectangle(box, fill=255)
    return mask


def apart(a: Image.Image, b: Image.Image) -> np.ndarray:
    return np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max(axis=2)


@pytest.mark.parametrize(
    "scheduler",
    [
        None,
        pytest.param("DPM++ 2M Karras", marks=pytest.mark.slow),
        pytest.param("Euler", marks=pytest.mark.slow),
        pytest.param("Heun", marks=pytest.mark.slow),
        pytest.param("Euler a", marks=pytest.mark.slow),
    ],
)
def test_pixels_outside_are_the_pictures_own_and_inside_are_new(
    tiny: UNetBackbone, pip: Reference, picture: Image.Image, scheduler: str | None
) -> None:
    s = S.model_copy(update={"scheduler": scheduler})
    [image] = generate(tiny, pip, CELLS[:1], s, background=Background(picture, mask_of((24, 24, 39, 39))))
    changed = apart(image, picture) > 0
    assert not changed[:20].any()  # grown by 4 pixels
    assert not changed[44:].any()
    assert not changed[:, :20].any()
    assert not changed[:, 44:].any()
    assert changed[26:38, 26:38].mean() > 0.9


def test_a_mask_of_everything_keeps_nothing_and_an_empty_one_everything(
    tiny: UNetBackbone, pip: Reference, picture: Image.Image
) -> None:
    plain = generate(tiny, pip, CELLS, S)
    whole = generate(tiny, pip, CELLS, S, background=Background(picture, mask_of((0, 0, 63, 63))))
    nothing = generate(tiny, pip, CELLS[:1], S, background=Background(picture, mask_of(None)))
    assert [one.tobytes() for one in whole] == [one.tobytes() for one in plain]
    assert nothing[0].tobytes() == picture.tobytes()


@pytest.mark.parametrize(
    "kind", [DDIMScheduler, EulerDiscreteScheduler, HeunDiscreteScheduler, DPMSolverMultistepScheduler]
)
def test_the_background_is_at_the_noise_level_that_each_step_reaches(
    tiny: UNetBackbone, picture: Image.Image, kind: type
) -> None:
    kept = prepare_background(tiny, Background(picture, mask_of(None)), S)
    assert kept is not None
    scheduler = fresh_scheduler(kind.from_config(tiny.scheduler.config), 5)
    z = torch.randn((2, *kept.x_0.shape), generator=torch.Generator().manual_seed(1))
    blend, x = kept.blending(scheduler, z), z * scheduler.init_noise_sigma
    levels = []
    for step, t in enumerate(scheduler.timesteps):
        x = scheduler.step(torch.zeros_like(x), t, x, return_dict=False)[0]
        x = blend(step, x)
        scale = 1.0 if hasattr(scheduler, "sigmas") and kind is not DPMSolverMultistepScheduler else None
        if scale is not None:  # x_0 is not scaled there: what is left is sigma z
            levels.append(float(((x - kept.x_0) / z).median()))
            torch.testing.assert_close(x, kept.x_0 + levels[-1] * z, rtol=1e-3, atol=1e-3)
    assert levels == sorted(levels, reverse=True)
    torch.testing.assert_close(x, kept.x_0.expand_as(x))


@pytest.mark.slow
def test_a_cell_alone_is_the_cell_in_its_grid_and_steps_are_counted(
    tiny: UNetBackbone, pip: Reference, picture: Image.Image
) -> None:
    background, seen = Background(picture, mask_of((10, 10, 50, 50))), []
    together = generate(
        tiny, pip, CELLS, S, background=background, on_step=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
    alone = generate(tiny, pip, CELLS[1:], S, background=background)
    assert apart(alone[0], together[1]).max() <= 1


@pytest.mark.parametrize(
    ("background", "s", "said"),
    [
        (((96, 64), (96, 64)), S, "the picture has 96 x 64 pixels and the images 64 x 64"),
        (((64, 64), (32, 32)), S, r"the mask is \(32, 32\) and the picture \(64, 64\) pixels"),
        (((64, 64), (64, 64)), S.model_copy(update={"second_pass": 1.5}), "set sampling.second_pass to 1"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    tiny: UNetBackbone, background: tuple[tuple[int, int], tuple[int, int]], s: Sampling, said: str
) -> None:
    image, mask = background
    with pytest.raises(ValueError, match=said):
        generate(tiny, None, CELLS[:1], s, background=Background(Image.new("RGB", image), Image.new("L", mask)))


def test_masks_grow_as_by_a_maximum_filter_up_to_the_border() -> None:
    mask = Image.fromarray((np.random.default_rng(0).random((48, 64)) > 0.98).astype(np.uint8) * 255)
    mask.paste(255, (0, 20, 3, 30))
    mask.paste(255, (60, 44, 64, 48))
    for share in (0.0, GROWTH / 2, GROWTH, 0.3):
        side = 2 * round(share * 64) + 1
        assert _grown(mask, share).tobytes() == mask.filter(ImageFilter.MaxFilter(side)).tobytes()


def test_a_large_mask_grows_in_no_time() -> None:
    started = time.process_time()
    grown = _grown(mask_of((500, 500, 509, 509), (1024, 1024)), GROWTH)
    assert grown.getbbox() == (436, 436, 574, 574)
    assert time.process_time() - started < 1, "a filter by area takes many seconds"
