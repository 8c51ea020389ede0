"""Baseline: reference-only control, as the community pipeline of that name for Stable Diffusion does it.

The noised reference passes through the U-Net beside the pictures at every step, and every self-attention layer attends
to [own tokens, all tokens of the reference]. What differs from self-subject-attention:
- no mask and no weight: background and subject count alike, m = 1;
- the reference passes under the picture's own prompt, and once more under the undesired one, not under its own caption,
  so that nothing of its pass can be shared between prompts;
- text guidance in every step, no guidance by the reference (Eq. 4). In the undesired branch a layer's output is
  style_fidelity * (without the reference) + (1 - style_fidelity) * (with it): at 1 guidance strengthens reference and
  prompt together, at 0 the reference cancels out of the difference;
- reference and picture are at the same timestep (dt = dt' = 0).
Its attention half alone, `reference_attn`: the other, which shifts feature statistics (AdaIN), is another method. Every
layer attends, as by its default. The noise of a step is the subject's, as everywhere here, where the pipeline draws it
from the call's generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from dreamtuner.attention.self_subject import Attendable, SubjectKeys, attend
from dreamtuner.attention.subject_layers import SelfSubject
from dreamtuner.baselines.concurrent_reference import Beside, Layers, all_tokens, generate_beside, whole_reference
from dreamtuner.baselines.method import Given, Prepared
from dreamtuner.families.backbone import Backbone, Parts
from dreamtuner.families.denoiser import Denoiser
from dreamtuner.families.text_states import TextStates
from dreamtuner.sampling.loop import seeded
from dreamtuner.sampling.reference_pass import reference_digest
from dreamtuner.sampling.request import Cell


@dataclass(frozen=True, eq=False)
class Blended:
    """`style_fidelity` of a layer's plain output, the rest of its output beside the reference."""

    keys: SubjectKeys
    style_fidelity: float

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q, k, v: B h L d. Returns B h L d."""
        return torch.lerp(self.keys.attend(q, k, v), attend(q, k, v, None), self.style_fidelity)


@dataclass(frozen=True)
class ReferenceOnly:
    """Reference-only control with `style_fidelity` in 0..1, see above.

    The pipeline's default is 0.5. On eight validation subjects, 16 pictures each,
    identity and prompts: at 0.5 69.2 and 98.9 %, at 1 74.6 and 98.8; on one of them at 0.25 60.2, at 0.5 64.1.
    """

    style_fidelity: float = 1.0
    name: str = "reference-only"

    @property
    def training(self) -> str:
        """Empty: it needs no training."""
        return ""

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """Encode the reference; its passes depend on the prompts."""
        with torch.inference_mode():
            x_0 = backbone.encode_image(whole_reference(given))

        digest = reference_digest(given.reference.image)

        def generate_cells(cells: Sequence[Cell]) -> list[Image.Image]:
            def step_of(denoiser: Denoiser, ssa: SelfSubject, batch: Sequence[Cell]) -> _Step:
                return _Step(backbone, denoiser, ssa, x_0, digest, batch, given, self)

            return generate_beside(backbone, cells, given.sampling, step_of)

        return Prepared(generate_cells)


class _Step(Beside):
    """The reference passes under every prompt of the batch."""

    def __init__(
        self,
        backbone: Parts,
        denoiser: Denoiser,
        ssa: SelfSubject,
        x_0: Tensor,
        digest: str,
        cells: Sequence[Cell],
        given: Given,
        method: ReferenceOnly,
    ) -> None:
        super().__init__(denoiser, ssa, given.sampling.w_c)
        self._x_0, self._digest, self._style_fidelity = x_0, digest, method.style_fidelity
        self._tokens = all_tokens(denoiser, x_0)
        prompts = list(dict.fromkeys(cell.prompt for cell in cells))
        self._of_cell = [prompts.index(cell.prompt) for cell in cells]
        encoded = [backbone.encode_text(text, given.sampling.text) for text in (*prompts, None)]
        self._texts = TextStates.together(encoded, encoded[-1])
        self.text = TextStates.cat([self._texts[-1:].expand(len(cells)), self._texts[self._of_cell]])

    def seen(self, t: Tensor, step: int) -> tuple[Layers, Layers]:
        """By layer; the undesired branch blends in its output without the reference."""
        noise = torch.randn(self._x_0.shape, generator=seeded(self._digest, "noise", step)).to(self._x_0)
        x_r = self.denoiser.noised(self._x_0, noise, float(t))
        with self.ssa.capture(self._tokens) as captured:
            self.denoiser.predict(x_r.expand(len(self._texts), -1, -1, -1), t, self._texts, {})
        uc: dict[str, Attendable] = {}
        c: dict[str, Attendable] = {}
        for name, (k, v) in captured.items():
            even = k.new_zeros(k.shape[2])
            c[name] = SubjectKeys(k[self._of_cell], v[self._of_cell], even)
            uc[name] = Blended(SubjectKeys(k[-1:], v[-1:], even), self._style_fidelity)
        return uc, c
