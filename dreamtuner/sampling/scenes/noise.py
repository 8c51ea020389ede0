"""The noise of an image of several subjects: in each region, that of its own subject's reference. Ours.

As in an image of one subject (`sampling.initial_noise`), x_T = sqrt(1 - a^2) z + a z_r, but z_r is inverted at the size
of the region's bounding box and acts inside the region alone; outside all regions there is the seed's noise.
"""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from dreamtuner.attention.by_region import Regions
from dreamtuner.families.backbone import Parts
from dreamtuner.sampling.initial_noise import noise_of_reference
from dreamtuner.sampling.reference_cache import SubjectFeatures
from dreamtuner.sampling.scenes.prepared import PreparedSubject, used
from dreamtuner.settings.sampling import Sampling
from dreamtuner.settings.size import step_of


def noise_of_regions(
    parts: Parts,
    subjects: Sequence[PreparedSubject],
    images: Sequence[Image.Image | None],
    regions: Regions,
    sampling: Sampling,
    features: Sequence[SubjectFeatures],
) -> tuple[Tensor | None, Tensor | None]:
    """Return z_r, 1 C H W float32, and where it is, H W bool; None twice where every region starts from its seed.

    `images`: the first reference of each subject, None without one; `regions`: of the latents; `features`: keep what
    was inverted for later calls. Raises ValueError as `noise_of_reference` does.
    """
    shape = parts.latent_shape(sampling.width, sampling.height)
    owners = regions.owners[shape[1] * shape[2]].view(shape[1:]).cpu()
    f = sampling.width // shape[2]
    step = max(1, step_of(sampling.width, sampling.height) // f)
    z_r, inside = torch.zeros(1, *shape), torch.zeros(shape[1:], dtype=torch.bool)
    for i, (one, image, held) in enumerate(zip(subjects, images, features, strict=True)):
        own = owners == i
        if not own.any():
            continue
        down, across = _span(own.any(1), step), _span(own.any(0), step)
        size = (across.stop - across.start) * f, (down.stop - down.start) * f
        whole = size == (sampling.width, sampling.height)
        with used(one.weights, parts):
            found = noise_of_reference(parts, one.references, image, sampling, held, None if whole else size)
        if found is not None:
            z_r[:, :, down, across] = torch.where(own[down, across], found, z_r[:, :, down, across])
            inside |= own
    if not inside.any():
        return None, None
    return z_r, None if inside.all() else inside


def _span(present: Tensor, step: int) -> slice:
    """Return the smallest span of whole steps that contains all that is present. present: L bool."""
    at = present.nonzero()[:, 0]
    return slice(int(at[0]) // step * step, -(-(int(at[-1]) + 1) // step) * step)
