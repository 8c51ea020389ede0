"""Whether the models that a spec needs are here, and the numbers that it will draw with; before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass

from dreamtuner.config import Sampling, Style
from dreamtuner.score import METRICS
from flows.problems import InputError, Problem
from flows.resources import profile_of, weights_digest_of
from flows.settings import Settings
from flows.spec import Spec


@dataclass(frozen=True)
class Ready:
    """The digest of the weights that will draw, and each style's numbers with the spec's own laid over."""

    weights: str
    sampling: Mapping[Style, Sampling]


def demand_models(spec: Spec, settings: Settings) -> None:
    """InputError when the profile's models are not here; a look at the folders only, quick enough to come first."""
    profile = profile_of(settings, spec.profile)
    missing = profile.missing()
    if spec.score and not (profile.tower / "config.json").is_file():
        missing.append("tower (it scores; score: [] does without)")
    if missing:
        what = (
            f"profile {spec.profile!r} lacks {', '.join(missing)} in {profile.weights}; get them with: {profile.remedy}"
        )
        raise InputError(f"spec {spec.name!r}", [Problem(path=("profile",), message=what)])


def preflight(spec: Spec, settings: Settings) -> Ready:
    """Check and resolve; InputError names the spec's field that does not fit."""
    demand_models(spec, settings)
    profile = profile_of(settings, spec.profile)
    unknown = [
        Problem(path=("score", i), message=f"there is no metric {name!r}; choose from {', '.join(sorted(METRICS))}")
        for i, name in enumerate(spec.score)
        if name not in METRICS
    ]
    if unknown:
        raise InputError(f"spec {spec.name!r}", unknown)
    if spec.sampling.get("beta", 0) > 0 and not profile.has_encoder:
        message = f"profile {spec.profile!r} has no subject-encoder; train it, remove beta, or write beta: 0"
        raise InputError(f"spec {spec.name!r}", [Problem(path=("sampling", "beta"), message=message)])
    styles: tuple[Style, ...] = ("natural", "anime")
    return Ready(
        weights_digest_of(settings, spec.profile), {style: profile.sampling(style, **spec.sampling) for style in styles}
    )
