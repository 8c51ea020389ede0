"""Baseline: MasaCtrl (Cao et al. 2023), mutual self-attention from the reference's inversion.

The reference is inverted by DDIM under its own caption (`dreamtuner.sampling.inversion`). At each step of the
generation the path's latents are run through the U-Net too, and from a given step and layer on the image's queries
attend only to keys and values of the path, not to its own. Differences from self-subject-attention: own tokens are
replaced, not extended; no weight; the reference's noise is the one that leads to it; both guidance branches see the
reference (the negative one sees its pass with an empty caption), so guidance strengthens only the prompt.

`masked` is its paper's second form: the region that the image's cross-attention to the class word marks as subject (in
the previous step, `attention/word_region.py`) attends only to the reference's subject, the rest only to its background,
by the reference's own mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreamtuner.attention.self_subject import Attendable, attend
from dreamtuner.attention.subject_layers import SelfSubject
from dreamtuner.attention.word_region import word_region
from dreamtuner.baselines.concurrent_reference import (
    Beside,
    Layers,
    all_tokens,
    generate_beside,
    subject_share,
    whole_reference,
)
from dreamtuner.baselines.method import Given, Prepared
from dreamtuner.families.backbone import Backbone, FindsWords, Parts
from dreamtuner.families.denoiser import Denoiser
from dreamtuner.families.text_states import TextStates
from dreamtuner.sampling.inversion import invert
from dreamtuner.sampling.loop import fresh_scheduler
from dreamtuner.sampling.request import Cell


@dataclass(frozen=True, eq=False)
class Mutual:
    """Replaces the own tokens by the reference's. `k_r`, `v_r`: 1 h R d."""

    k_r: Tensor
    v_r: Tensor

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Compute attention of q, B h L d, to the reference; k and v are ignored. Returns B h L d."""
        k_r, v_r = (x.expand(len(q), -1, -1, -1) for x in (self.k_r, self.v_r))
        return F.scaled_dot_product_attention(q, k_r, v_r)


@dataclass(frozen=True, eq=False)
class MaskedMutual:
    """Subject attends to subject and background to background, or to its own tokens if the reference has none.

    `inside`: B L bool, the image's subject; `subject`: R bool, the reference's.
    """

    keys: Mutual
    inside: Tensor
    subject: Tensor

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Compute attention. q, k, v: B h L d. Returns B h L d."""
        subject, ground = (
            Mutual(self.keys.k_r[:, :, part], self.keys.v_r[:, :, part]).attend(q, k, v)
            if part.any()
            else attend(q, k, v, None)
            for part in (self.subject, ~self.subject)
        )
        return torch.where(self.inside[:, None, :, None], subject, ground)


@dataclass(frozen=True)
class MasaCtrl:
    """`from_step`, `from_layer`: shares of the steps and of the self-attention layers that stay plain.

    `from_inversion`: every picture begins at the inverted x_T, as the published editing of real pictures does, so that
    seeds make no difference; otherwise at the noise of its seed. `refinements`: see `invert`. `threshold`: see
    `word_region`; it counts where `masked`.

    The defaults are the published editing of real pictures: step 4 of 50, layer 10 of 16, from the inverted noise. On
    eight validation subjects, 16 pictures each, identity and prompts: so 83.6 and 97.8 %; from every step 82.8 and
    96.9; from seeds 74.7 and 96.6. From seeds on two subjects: 75.8 and 96.9; every step and half of the layers 72.7
    and 96.9; masked 68.0 and 93.8.
    """

    from_step: float = 4 / 50
    from_layer: float = 10 / 16
    from_inversion: bool = True
    refinements: int = 3
    masked: bool = False
    threshold: float = 0.3
    name: str = "MasaCtrl"

    @property
    def training(self) -> str:
        """Empty: it needs no training."""
        return ""

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """Invert the reference."""
        denoiser = backbone.denoiser()
        c_r = backbone.encode_text(given.reference.caption, given.sampling.text)
        with torch.inference_mode():
            x_0 = backbone.encode_image(whole_reference(given))
            scheduler = fresh_scheduler(backbone.scheduler, given.sampling.steps, backbone.device)
            path = invert(
                lambda x, t: denoiser.predict(x, t, c_r, {}),
                x_0[None],
                scheduler,
                refinements=self.refinements,
            )

        def generate_cells(cells: Sequence[Cell]) -> list[Image.Image]:
            x_t = path[:1] if self.from_inversion else None

            def step_of(denoiser: Denoiser, ssa: SelfSubject, batch: Sequence[Cell]) -> _Step:
                return _Step(backbone, denoiser, ssa, path, c_r, batch, given, self)

            return generate_beside(backbone, cells, given.sampling, step_of, x_t=x_t)

        return Prepared(generate_cells)


class _Step(Beside):
    """The path of the inversion passes under its caption, and under no words for the undesired branch."""

    def __init__(
        self,
        backbone: Parts,
        denoiser: Denoiser,
        ssa: SelfSubject,
        path: Tensor,
        c_r: TextStates,
        cells: Sequence[Cell],
        given: Given,
        method: MasaCtrl,
    ) -> None:
        super().__init__(denoiser, ssa, given.sampling.w_c)
        self._path, self._tokens = path, all_tokens(denoiser, path[0])
        order = denoiser.self_attention
        self._layers = order[round(method.from_layer * len(order)) :]
        self._first = round(method.from_step * len(path))
        uc, *wanted = (backbone.encode_text(text, given.sampling.text) for text in (None, *(c.prompt for c in cells)))
        self._source = TextStates.together([uc, c_r], uc)
        self.text = TextStates.together([uc.expand(len(cells)), *wanted], uc)
        self._inside: Mapping[int, Tensor] = {}
        self._finds: FindsWords | None = None
        if method.masked:
            if not isinstance(backbone, FindsWords):
                raise ValueError("masked: this model gives no cross-attention maps; use MasaCtrl without masks")
            self._finds, self._threshold = backbone, method.threshold
            self._grids = denoiser.token_grids((path.shape[2], path.shape[3]))
            self._subject = {n: share >= 0.5 for n, share in subject_share(given, self._grids, path.device).items()}
            prompts = [cell.prompt for cell in cells]
            words = backbone.word_places(prompts, given.class_word, given.sampling.text).to(path.device)
            words = F.pad(words, (0, self.text.length - words.shape[1]))
            self._words = torch.cat([torch.zeros_like(words), words])  # undesired rows have none

    def both(self, rows: Tensor, t: Tensor, step: int) -> Tensor:
        """Predict; the cross-attention maps of this step locate the subject for the next."""
        if self._finds is None or step + 1 < self._first:
            return super().both(rows, t, step)
        with self._finds.word_maps(self._words) as maps:
            prediction = super().both(rows, t, step)
        wanted = [one[len(rows) // 2 :] for one in maps]
        self._inside = word_region(wanted, self._grids, self._threshold)
        return prediction

    def seen(self, t: Tensor, step: int) -> tuple[Layers | None, Layers | None]:
        """Return what both branches attend to, by layer, from the first step and layer on."""
        if step < self._first:
            return None, None
        with self.ssa.capture(self._tokens) as captured:
            self.denoiser.predict(self._path[step].expand(2, -1, -1, -1), t, self._source, {})
        uc, c = ({name: self._seen(*(x[i : i + 1] for x in captured[name])) for name in self._layers} for i in (0, 1))
        return uc, c

    def _seen(self, k_r: Tensor, v_r: Tensor) -> Attendable:
        """Return what a layer sees of one reference pass: all of it until there are maps."""
        keys, count = Mutual(k_r, v_r), k_r.shape[2]
        return MaskedMutual(keys, self._inside[count], self._subject[count]) if count in self._inside else keys
