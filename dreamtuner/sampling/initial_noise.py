"""The noise that images start from: each seed's own, mixed with the noise that leads to the reference. Ours.

    x_T = sqrt(1 - a^2) z + a z_r        a: `Sampling.inversion`, z: the seed's noise, z_r: the reference's

z_r is where deterministic sampling would have had to start to arrive at the reference: its DDIM inversion under its own
caption, unguided, scaled to unit variance, so that x_T keeps the variance that the model was trained on. It holds what
self-subject-attention loses in its coarse layers, such as emblems; but at a = 1 all seeds give one picture.
"""

from collections.abc import Sequence

import torch
from PIL import Image, ImageOps
from torch import Tensor

from dreamtuner.families.backbone import Parts
from dreamtuner.families.schedulers import build_scheduler
from dreamtuner.families.text_states import TextStates
from dreamtuner.models.fit import demand_invertible
from dreamtuner.sampling.inversion import invert
from dreamtuner.sampling.loop import cell_noise, fresh_scheduler
from dreamtuner.sampling.reference_cache import ReferenceCache, SubjectFeatures
from dreamtuner.sampling.subject import Subject
from dreamtuner.settings.sampling import Sampling
from dreamtuner.settings.schedulers import known_scheduler

REFINEMENTS = 3
"""Model calls of a step of the inversion, as of the published form of MasaCtrl here."""


def noise_of_reference(
    backbone: Parts,
    subjects: Sequence[Subject],
    image: Image.Image | None,
    sampling: Sampling,
    cache: ReferenceCache | SubjectFeatures,
    size: tuple[int, int] | None = None,
) -> Tensor | None:
    """Return z_r of a subject's first reference, 1 C H W, float32; None if there is none or `inversion` is 0.

    `image`: the reference, which is fitted into the image's shape with white around it where the two differ in shape.
    `cache`: keeps z_r for later calls. `size`: width and height of the part of the image in which the subject stands,
    pixels, if not all of it.

    Raises ValueError if the model is of a kind that cannot be inverted.
    """
    if sampling.inversion == 0 or not subjects or image is None:
        return None
    width, height = (sampling.width, sampling.height) if size is None else size
    shape = backbone.latent_shape(width, height)
    subject = subjects[0]

    def inverted() -> Tensor:
        x_0 = subject.x_0
        if tuple(x_0.shape) != shape:
            fitted = ImageOps.pad(image.convert("RGB"), (width, height), color="white")
            x_0 = backbone.encode_image(fitted)
        return _inverted(backbone, x_0, subject.c_r, sampling.steps)

    part = "noise of the reference"
    return cache.tensor(part if size is None else (part, size), inverted)


def initial_noise(
    generators: Sequence[torch.Generator],
    shape: tuple[int, int, int],
    z_r: Tensor | None,
    inversion: float,
    inside: Tensor | None = None,
) -> Tensor:
    """Return x_T of every image at unit variance, N C H W float32 on the CPU.

    Row n comes from generator n and z_r alone. `inversion`: a, 0..1; `z_r`: 1 C H W, or None: the seeds' noise as it
    is. `inside`: where z_r is, H W; None: everywhere.
    """
    z = cell_noise(generators, shape)
    mixed = mixed_noise(z, z_r, inversion)
    return mixed if inside is None else torch.where(inside.to(z.device), mixed, z)


def mixed_noise(z: Tensor, z_r: Tensor | None, inversion: float) -> Tensor:
    """Return x_T from noise z, N C H W, and z_r, 1 C H W; without z_r it is z."""
    return z if z_r is None else (1 - inversion**2) ** 0.5 * z + inversion * z_r.to(z)


def _inverted(backbone: Parts, x_0: Tensor, c_r: TextStates, steps: int) -> Tensor:
    """Return z_r of latents x_0, C H W. The sampler of the images does not matter: the path is always DDIM's."""
    demand_invertible({**backbone.scheduler.config, "_class_name": type(backbone.scheduler).__name__}, steps)
    denoiser = backbone.denoiser()
    scheduler = fresh_scheduler(build_scheduler(backbone.scheduler, known_scheduler("DDIM")), steps, backbone.device)
    path = invert(
        lambda x, t: denoiser.predict(x.to(denoiser.dtype), t, c_r, {}).float(),
        x_0[None].float(),
        scheduler,
        refinements=REFINEMENTS,
    )
    z_r = path[:1].cpu()
    return z_r / z_r.std()
