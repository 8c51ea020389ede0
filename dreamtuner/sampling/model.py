"""Guided prediction, Eq. 1-6: what the sampling loop calls at every step, for any batch of cells of one subject."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Literal

import torch
from torch import Tensor

from dreamtuner.attention.self_subject import concatenate
from dreamtuner.attention.subject_encoder import TokenKeys, join_tokens
from dreamtuner.attention.subject_layers import Layers, SelfSubject
from dreamtuner.families.denoiser import Denoiser, EncodedSubject
from dreamtuner.families.inference_memory import KV_BYTES, MAX_ROWS
from dreamtuner.families.text_states import TextStates
from dreamtuner.models.layouts import Kind
from dreamtuner.sampling.guidance import Branch, Pair
from dreamtuner.sampling.recorder import AttentionRecorder, SeenReference
from dreamtuner.sampling.reference_cache import ReferenceCache, SubjectFeatures
from dreamtuner.sampling.reference_pass import ReferenceFeatures, ReferencePass, Row, encode_reference
from dreamtuner.sampling.subject import Subject
from dreamtuner.settings.frames import FrameUse


class GuidedModel:
    """Guided predictions for one subject by one plan. Created by `guided`, inside which the layers are attached."""

    def __init__(
        self,
        denoiser: Denoiser,
        ssa: SelfSubject | None,
        sea: EncodedSubject | None,
        subjects: Sequence[Subject],
        plan: Sequence[Pair],
        *,
        w_ref: float,
        beta: float,
        kv_bytes: int,
        reference_rows: int = MAX_ROWS,
        recorder: AttentionRecorder | None = None,
        layers_of_first: bool = False,
        reference_cache: ReferenceCache | SubjectFeatures | None = None,
    ) -> None:
        self._denoiser, self._ssa, self._sea = denoiser, ssa, sea
        self._subjects, self._plan, self._beta = subjects, plan, beta
        self._layers_of_first, self._reference_rows = layers_of_first, reference_rows
        self._recorder, self._references = recorder, ReferenceCache() if reference_cache is None else reference_cache
        rows = [Row(i, b.x_r) for i, pair in enumerate(plan) for b in pair.branches if b.x_r is not None]
        unguided = [Row(i, pair.wanted.x_r) for i, pair in enumerate(plan) if pair.wanted.x_r is not None]
        self._first_step = rows[0].step if rows else None
        seen = [subject for subject in subjects if subject.foreground is not None]
        self._uses = [subject.use for subject in seen]
        kinds = tuple(denoiser.kinds)
        left = self._references.room(kinds, kv_bytes, len(seen))
        self._passes = [
            ReferencePass(
                lambda part, s=subject: self._encode(s, part, w_ref),  # type: ignore[misc]
                rows if subject.use.guided else [*rows, *unguided],
                left // len(seen),
                self._references.held((kinds, i)),
            )
            for i, subject in enumerate(seen)
        ]

    def predict(
        self,
        text: Mapping[Literal["c", "uc"], TextStates],
        layouts: Mapping[Kind, Tensor],
        x: Tensor,
        t: Tensor,
        step: int,
        *,
        w_c: float | None = None,
        recorded: bool = True,
    ) -> Tensor:
        """Predict the step's branches as one batch and combine them by Eq. 4 or 5. Returns N C H W.

        x: N C H W; text: N rows each; layouts (control images): N 3 fH fW each. The branches differ only inside
        S-S-A and S-E-A; two separate calls measured 4-31 % slower on a CPU (1 and 16 cells). `w_c`: the scale of text
        guidance in this step instead of the plan's, where that is neither 0 nor 1. `recorded`: whether the recorder, if
        there is one, records this call.
        """
        pair = self._plan[step]
        if w_c is not None and not pair.by_reference:
            pair = pair._replace(w=w_c)
        branches = pair.branches
        rows = torch.cat([x] * len(branches)).to(self._denoiser.dtype)
        c = TextStates.cat([text[branch.text] for branch in branches])
        controls = {kind: torch.cat([layout] * len(branches)).to(rows.dtype) for kind, layout in layouts.items()}
        with (
            nullcontext()
            if self._ssa is None
            else self._ssa.attend([(len(x), self.layers(branch, step)) for branch in branches]),
            self._seen([(len(x), None if branch.x_r is None else self.tokens) for branch in branches]),
            self._recording(pair, step, x) if recorded else nullcontext(),
        ):
            eps = self._denoiser.predict(rows, t, c, controls)
        return pair.combine(eps.to(x.dtype).chunk(len(branches)))

    @property
    def tokens(self) -> Mapping[str, TokenKeys] | None:
        """The tokens of all references, as S-E-A sees them."""
        return join_tokens([(subject.keys, subject.weight) for subject in self._subjects])

    def layers(self, branch: Branch, step: int) -> Layers | None:
        """Return what the branch attends to: None, or its references' tokens, concatenated."""
        each = [layers for layers in self._each(branch, step) if layers]
        if not each:
            return None
        # of all references: a frame runs through a ControlNet that the reference without that control image does not
        names = each[0] if self._layers_of_first else dict.fromkeys(name for layers in each for name in layers)
        joined = {name: concatenate([layers[name] for layers in each if name in layers]) for name in names}
        return {name: keys for name, keys in joined.items() if keys is not None}

    def _each(self, branch: Branch, step: int) -> list[Layers]:
        """Return each reference's subject keys for the branch; {} of a frame that it does not see.

        A frame that is not guided is seen by the undesired branch of Eq. 4 too, as noisy as by the wanted one.
        """
        if branch.x_r is None and all(use.guided for use in self._uses):
            return []
        levels = [
            branch.x_r if branch.x_r is not None or use.guided else self._plan[step].wanted.x_r for use in self._uses
        ]
        seen = [use.begin * len(self._plan) <= step < use.end * len(self._plan) for use in self._uses]
        return [
            self._in_layers(one.at(Row(step, x_r)), use) if sees and x_r is not None else {}
            for one, x_r, sees, use in zip(self._passes, levels, seen, self._uses, strict=True)
        ]

    def _in_layers(self, layers: Layers, use: FrameUse) -> Layers:
        """Return the subject keys of the layers that see a frame. A frame is whole: its tokens are the layer's."""
        if use.layers == "all":
            return layers
        most = max(keys.k_r.shape[2] for keys in layers.values())
        return {name: keys for name, keys in layers.items() if (keys.k_r.shape[2] == most) == (use.layers == "fine")}

    def _recording(self, pair: Pair, step: int, x: Tensor) -> AbstractContextManager[None]:
        """Record the attention of the first cell in the wanted branch, if a recorder was given."""
        if self._recorder is None or self._ssa is None or pair.wanted not in pair.branches:
            return nullcontext()
        grids = self._denoiser.token_grids((x.shape[2], x.shape[3]))
        kept = [one for one in self._subjects if one.foreground is not None]
        seen = [
            SeenReference(
                self._denoiser.token_grids((one.x_0.shape[1], one.x_0.shape[2])), one.foreground or {}, layers
            )
            for one, layers in zip(kept, self._each(pair.wanted, step), strict=False)  # none where none is seen
        ]
        return self._recorder.over(self._ssa, step, len(x) * pair.branches.index(pair.wanted), grids, seen)

    def _encode(self, subject: Subject, rows: Sequence[Row], w_ref: float) -> ReferenceFeatures:
        """Run the reference pass (Sec. 3.2) with the reference's own caption, subject tokens and control images."""
        # a frame that the encoder does not read passes as it was generated: with the tokens of the subject's references
        keys = subject.keys if subject.use.encoder else join_tokens([(one.keys, one.weight) for one in self._subjects])
        own = {kind: subject.layouts[kind] for kind in self._denoiser.kinds if kind in subject.layouts}

        def run(x: Tensor, t: Tensor, c: TextStates) -> Tensor:
            layouts = {kind: layout.to(x.dtype).expand(len(x), -1, -1, -1) for kind, layout in own.items()}
            with self._seen([(len(x), keys)]):
                return self._denoiser.predict(x, t, c, layouts)

        assert subject.foreground is not None
        assert self._ssa is not None
        self._references.passes += rows[0].step == self._first_step
        return encode_reference(
            self._ssa,
            run,
            self._denoiser.noised,
            subject.x_0,
            subject.c_r,
            subject.foreground,
            rows,
            w_ref=w_ref * subject.weight,
            digest=self._subjects[0].digest if subject.use.noise == "shared" else subject.digest,
            noise_seed=subject.noise_seed if subject.use.noise == "image" else None,
            chunk=self._reference_rows,
            last=next(reversed(self._denoiser.self_attention), None),
        )

    def _seen(self, groups: Sequence[tuple[int, Mapping[str, TokenKeys] | None]]) -> AbstractContextManager[None]:
        return nullcontext() if self._sea is None else self._sea.attend(groups, self._beta)


@contextmanager
def guided(
    denoiser: Denoiser,
    subjects: Sequence[Subject],
    plan: Sequence[Pair],
    *,
    w_ref: float,
    beta: float,
    kv_bytes: int = KV_BYTES,
    reference_rows: int = MAX_ROWS,
    recorder: AttentionRecorder | None = None,
    layers_of_first: bool = False,
    reference_cache: ReferenceCache | None = None,
) -> Iterator[GuidedModel]:
    """Attach S-S-A if there is a subject, and S-E-A if there is an encoder; detach both on exit.

    The reference passes run when the first step needs them. `kv_bytes`: the most bytes of keys and values to hold; if
    not all fit, they are encoded for as many steps at a time as do. Raises ValueError if a single step does not fit.
    `reference_rows`: how many rows of a reference pass run at a time; it changes the last bits at most.
    `recorder`: records the attention of one point of a call's first cell. `layers_of_first`: of several references,
    attend only in the layers that the first one captured, as cells of the first release did. `reference_cache`: where
    to keep what the passes capture, opened for these subjects and this plan; what it holds is not captured again.
    """
    with ExitStack() as stack:
        seen = recorder is not None or any(subject.foreground is not None for subject in subjects)
        ssa = stack.enter_context(denoiser.attach_self_subject()) if seen else None
        sea = stack.enter_context(denoiser.attach_encoder()) if denoiser.has_encoder else None
        yield GuidedModel(
            denoiser,
            ssa,
            sea,
            subjects,
            plan,
            w_ref=w_ref,
            beta=beta,
            kv_bytes=kv_bytes,
            reference_rows=reference_rows,
            recorder=recorder,
            layers_of_first=layers_of_first,
            reference_cache=reference_cache,
        )
