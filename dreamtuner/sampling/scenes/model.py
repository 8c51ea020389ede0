"""Guided predictions for images of several subjects: what the sampling loop calls at every step.

Each region is guided as an image of its subject alone is: by its own pair of Eq. 4-6, with its own lambda, so that the
keys and values captured of a reference are those of all images in which the subject stands. Both branches of all
regions are two rows of one call: in each row a region has the text and the reference of its own branch. Outside all
regions there is classifier-free guidance, without a reference. A subject with a model of its own has its region
predicted by that model, in a call more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from math import log
from typing import Literal

import torch
from torch import Tensor

from dreamtuner.attention.by_region import Regions, by_layer, composed
from dreamtuner.attention.self_subject import SubjectKeys
from dreamtuner.attention.subject_encoder import LayerTokens, RegionalTokens, TokenKeys
from dreamtuner.attention.subject_layers import Layers, SelfSubject
from dreamtuner.families.backbone import Parts
from dreamtuner.families.denoiser import Denoiser, EncodedSubject, HasTextRegions, RegionalText
from dreamtuner.families.text_states import TextStates
from dreamtuner.models.layouts import Kind
from dreamtuner.sampling.guidance import Branch, Pair
from dreamtuner.sampling.model import GuidedModel
from dreamtuner.sampling.reference_cache import SubjectFeatures
from dreamtuner.sampling.scenes.prepared import PreparedSubject, used
from dreamtuner.settings.sampling import Sampling

Side = Literal["other", "wanted"]
Texts = Sequence[Mapping[Literal["c", "uc"], TextStates]]
"""The texts of every region and of what lies outside, of one length: one row each."""


class SceneModel:
    """Guided predictions of a scene. Created by `guided_scene`, inside which the layers are attached."""

    def __init__(
        self,
        parts: Parts,
        denoiser: Denoiser,
        everyone: Sequence[PreparedSubject],
        guided: Sequence[GuidedModel],
        weights: Sequence[float],
        regions: Mapping[tuple[int, int], Regions],
        ssa: SelfSubject | None,
        sea: EncodedSubject | None,
        text: RegionalText | None,
        beta: float,
    ) -> None:
        self._parts, self._denoiser, self._everyone, self._guided = parts, denoiser, everyone, guided
        self._weights, self._regions, self._beta = weights, regions, beta
        self._ssa, self._sea, self._text = ssa, sea, text

    def predict(
        self, texts: Texts, pooled: Tensor | None, layouts: Mapping[Kind, Tensor], x: Tensor, t: Tensor, step: int
    ) -> Tensor:
        """Predict both branches of every region and compose what they come to. Returns N C H W.

        x: N C H W; layouts (control images): N 3 fH fW each; `pooled`: what models with a pooled text are given for the
        wanted branch, 1 P, that of the whole image.
        """
        regions = self._regions[x.shape[2], x.shape[3]]
        pairs = {i: self._everyone[i].plan[step] for i in regions.present}
        sides: list[Side] = [s for s in ("other", "wanted") if any(getattr(p, s) in p.branches for p in pairs.values())]
        seen = [{i: _branch(pair, side) for i, pair in pairs.items()} for side in sides]
        layers = [self._layers(regions, each, step) for each in seen]
        tokens = [self._tokens(regions, each) for each in seen]
        rows = torch.cat([x] * len(sides)).to(self._denoiser.dtype)
        states = [self._states(regions, texts, pooled, side, each) for side, each in zip(sides, seen, strict=True)]
        c = TextStates.cat([one.expand(len(x)) for one in states])
        controls = {kind: torch.cat([layout] * len(sides)).to(rows.dtype) for kind, layout in layouts.items()}
        found: dict[int, Tensor] = {}
        drawn_by = {i: self._everyone[i].weights for i in pairs}
        for first, weights in {id(one): (i, one) for i, one in reversed(drawn_by.items())}.values():
            with (
                nullcontext() if self._ssa is None else self._ssa.attend([(len(x), one) for one in layers]),
                nullcontext() if self._sea is None else self._sea.attend([(len(x), one) for one in tokens], self._beta),
                nullcontext() if self._text is None or len(pairs) == 1 else self._text.by(regions),
                used(weights, self._parts),
            ):
                eps = self._denoiser.predict(rows, t, c, controls).to(x.dtype).chunk(len(sides))
            found |= {i: _combined(pairs[i], sides, eps) for i in pairs if drawn_by[i] is drawn_by[first]}
        return composed(regions, found)

    def _layers(self, regions: Regions, seen: Mapping[int, Branch], step: int) -> Layers | None:
        """Return what the regions attend to in their branches. References are captured by their own subject's model."""
        each: list[Layers | None] = [None] * regions.count
        for i, branch in seen.items():
            if i < regions.count and branch.x_r is not None:
                with used(self._everyone[i].weights, self._parts):
                    each[i] = _weighted(self._guided[i].layers(branch, step), self._weights[i])
        found: Layers | None = by_layer(regions, each)  # type: ignore[assignment]
        return found

    def _tokens(self, regions: Regions, seen: Mapping[int, Branch]) -> Mapping[str, LayerTokens] | None:
        """Return the tokens that the regions see in their branches, by layer."""
        each: list[Mapping[str, TokenKeys] | None] = [None] * regions.count
        for i, branch in seen.items():
            if i < regions.count and branch.x_r is not None:
                each[i] = self._guided[i].tokens
        if len(seen) == 1:
            [only] = seen
            return each[only] if only < regions.count else None
        names = dict.fromkeys(name for tokens in each if tokens is not None for name in tokens)
        tokens = {n: RegionalTokens(regions, [None if one is None else one[n] for one in each]) for n in names}
        return tokens or None

    def _states(
        self, regions: Regions, texts: Texts, pooled: Tensor | None, side: Side, seen: Mapping[int, Branch]
    ) -> TextStates:
        """Return one row of text states: those of all regions in their branches, one after the other."""
        if len(seen) == 1:
            [(i, branch)] = seen.items()
            return texts[i][branch.text]
        every = [texts[i][seen[i].text if i in seen else "c"] for i in range(regions.count + 1)]
        last = seen[max(seen)]
        whole = texts[-1][last.text].pooled if side == "other" and last.text == "uc" else pooled
        return replace(every[0], states=torch.cat([one.states for one in every], dim=1), pooled=whole)


def _branch(pair: Pair, side: Side) -> Branch:
    """Return the branch of a pair that stands in a row; if the pair has one branch, that is in both."""
    branch: Branch = getattr(pair, side)
    return branch if branch in pair.branches else pair.branches[0]


def _combined(pair: Pair, sides: Sequence[Side], eps: Sequence[Tensor]) -> Tensor:
    """Combine the rows of a pair's branches."""
    by_side = dict(zip(sides, eps, strict=True))
    return pair.combine([by_side["other" if branch is pair.other else "wanted"] for branch in pair.branches])


def _weighted(layers: Layers | None, weight: float) -> Layers | None:
    """Multiply w_ref by `weight` in captured keys."""
    if layers is None or weight == 1:
        return layers
    return {name: SubjectKeys(one.k_r, one.v_r, one.log_m + log(weight)) for name, one in layers.items()}


@contextmanager
def guided_scene(
    parts: Parts,
    denoiser: Denoiser,
    everyone: Sequence[PreparedSubject],
    weights: Sequence[float],
    regions: Mapping[tuple[int, int], Regions],
    sampling: Sampling,
    *,
    kv_bytes: int,
    reference_rows: int,
    features: Sequence[SubjectFeatures],
) -> Iterator[SceneModel]:
    """Attach S-S-A, S-E-A and text by region as far as the scene needs them; detach on exit.

    `everyone`: the subjects from back to front, and last what lies outside; `weights` and `features`: of the subjects;
    `regions`: by rows and columns of the latents. `kv_bytes`: for the keys and values of all subjects together.
    Raises ValueError if the model cannot read texts by region.
    """
    subjects = everyone[:-1]
    several = any(len(one.present) > 1 for one in regions.values())
    with ExitStack() as stack:
        seen = [one for subject in subjects for one in subject.references if one.foreground is not None]
        ssa = stack.enter_context(denoiser.attach_self_subject()) if seen else None
        sea = stack.enter_context(denoiser.attach_encoder()) if denoiser.has_encoder else None
        guided = [
            GuidedModel(
                denoiser,
                ssa,
                sea,
                one.references,
                one.plan,
                w_ref=sampling.w_ref,
                beta=sampling.beta,
                kv_bytes=kv_bytes // max(1, len(subjects)),
                reference_rows=reference_rows,
                reference_cache=held,
            )
            for one, held in zip(subjects, features, strict=True)
        ]
        text = stack.enter_context(_attach_text(denoiser)) if several else None
        yield SceneModel(parts, denoiser, everyone, guided, weights, regions, ssa, sea, text, sampling.beta)


def _attach_text(denoiser: Denoiser) -> AbstractContextManager[RegionalText]:
    if not isinstance(denoiser, HasTextRegions):
        raise ValueError("this family of models cannot generate images of several subjects: it reads one text an image")
    return denoiser.attach_text()
