"""The guidance of every step of a schedule (Eq. 6): one plan per subject, shared by all of its images."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from torch import Tensor

from dreamtuner.families.noising import chain_of
from dreamtuner.sampling.guidance import Pair, interleaved
from dreamtuner.sampling.loop import OWN_SCHEDULE, Schedule, fresh_scheduler, step_lambda
from dreamtuner.sampling.subject import Subject
from dreamtuner.settings.sampling import Sampling


def plan_steps(
    scheduler: Any,
    subjects: Sequence[Subject],
    sampling: Sampling,
    *,
    negative: bool = False,
    schedule: Schedule = OWN_SCHEDULE,
) -> list[Pair]:
    """Return the pair of Eq. 6 for every model call that `scheduler`, a template, makes in `sampling.steps` steps.

    Lambda is sampled once per step: if a solver evaluates the model twice, both evaluations use the same guidance.

    `subjects`: the references of one subject, of which the first seeds lambda; if empty, every step is text-guided. So
    the frames of a video, whose other references change, are guided alike at the same noise level. `negative`: whether
    there is a negative prompt. `schedule`: as in `fresh_scheduler`.

    The first `reference_from` of the steps are text-guided without a reference. It is ours: outlines are decided there,
    and a reference that is seen early is copied in its layout.
    """
    digest = sha256("".join(subject.digest for subject in subjects[:1]).encode()).hexdigest()
    fresh = fresh_scheduler(scheduler, sampling.steps, schedule=schedule)
    timesteps: Tensor = fresh.timesteps
    calls = getattr(fresh, "order", 1)  # of the model in one step of the solver: Heun's takes two
    chain = chain_of(scheduler.config)
    unseen = round(sampling.reference_from * len(timesteps))

    def pair(call: int, t: float) -> Pair:
        lam = step_lambda(digest, call // calls)
        placed = interleaved(
            lam,
            chain.place(t),
            sampling,
            t_max=chain.last,
            reference=bool(subjects) and call // calls * calls >= unseen,
            negative=negative,
        )
        wanted, other = (
            one if one.x_r is None else one._replace(x_r=chain.timestep(one.x_r))
            for one in (placed.wanted, placed.other)
        )
        return placed._replace(wanted=wanted, other=other, rescale=sampling.guidance_rescale)

    return [pair(call, t) for call, t in enumerate(timesteps.tolist())]
