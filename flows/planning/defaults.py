"""Pins a profile's defaults to a spec's first run, until newer ones are requested.

A spec is identified by name and profile, a fine-tuning started by hand by subject and profile. Older catalogs did not
record defaults: there they are reconstructed from the cells and fine-tunings of the spec's newest run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.recipe_fields import from_fields, to_fields
from dreamtuner.settings.sampling import Sampling, Style
from flows.planning.cells import digest_of
from flows.spec.model import Spec
from storage.catalog import views
from storage.catalog.records import NumbersOwner

if TYPE_CHECKING:
    from storage.catalog import Catalog
    from storage.catalog.views import PastRun

Numbers = Mapping[str, Any]
_SAMPLINGS, _TUNINGS = ("natural", "anime"), ("tuning", "full_tuning")


@dataclass(frozen=True)
class Defaults:
    """The profile with the pinned defaults, and with the current ones. `kind`, `name`: what they are pinned for."""

    kind: NumbersOwner
    name: str
    profile: Profile
    current: Profile

    def remember(self, catalog: "Catalog", *, new: bool = False) -> None:
        """Record the defaults at the start of a run; `new`: replace those of the first run."""
        from storage.catalog import writes  # plans write nothing

        numbers = numbers_of(self.profile)
        catalog.transact(
            lambda s: writes.store_first_numbers(
                s,
                self.kind,
                self.name,
                self.profile.name,
                revision=revision_of(self.profile),
                numbers=numbers,
                replace=new,
            )
        )


def numbers_of(profile: Profile) -> dict[str, Any]:
    """Return a profile's defaults as JSON values."""
    ours = {name: to_fields(getattr(profile, name)) for name in (*_SAMPLINGS, *_TUNINGS)}
    return ours | {"knowing": dict(profile.finetuned_sampling)}


def revision_of(profile: Profile) -> str:
    """Return the SHA-256 of the profile's defaults."""
    return digest_of(numbers_of(profile))


def with_numbers(profile: Profile, numbers: Numbers) -> Profile:
    """Return the profile with these defaults, recorded by this or an earlier version."""
    return profile.model_copy(
        update={name: from_fields(Sampling, numbers[name]) for name in _SAMPLINGS}
        | {name: from_fields(FineTuneConfig, numbers[name]) for name in _TUNINGS}
        | {"finetuned_sampling": dict(numbers["knowing"])}
    )


def defaults_of_spec(spec: Spec, current: Profile, catalog: "Catalog | None", *, new: bool = False) -> Defaults:
    """Return the defaults of a spec; `new`: the newest. `catalog`: None if there is none yet."""
    profile = current
    if catalog is not None and not new:
        with catalog.read() as s:
            numbers = views.first_numbers(s, "spec", spec.name, current.name)
            past = None if numbers is not None else views.past_run(s, spec.name, current.name)
        if numbers is None and past is not None:
            numbers = _numbers_of_past(past, current)
        profile = current if numbers is None else with_numbers(current, numbers)
    return Defaults("spec", spec.name, profile, current)


def defaults_of_subject(subject: str, current: Profile, catalog: "Catalog", *, new: bool = False) -> Defaults:
    """Return the defaults of a subject's fine-tuning that is started by hand.

    Those of older catalogs are not reconstructed from recipes, which do not tell defaults from given values.
    """
    with catalog.read() as s:
        numbers = None if new else views.first_numbers(s, "subject", subject, current.name)
    return Defaults("subject", subject, current if numbers is None else with_numbers(current, numbers), current)


def _numbers_of_past(past: "PastRun", current: Profile) -> dict[str, Any]:
    """Reconstruct the defaults of an older run; values that its spec set itself or did not use are the current ones.

    Without a subject-encoder, beta was 0 whatever the profile said.
    """
    numbers = numbers_of(current)
    given = set(past.spec.get("sampling") or {}) | (set() if current.has_encoder else {"beta"})
    for style, settings in past.settings.items():
        recipe = past.trainings.get(style)
        if settings.get("checkpoint") is None:
            numbers[style] |= {k: v for k, v in _whole(settings["sampling"]).items() if k not in given}
        elif recipe is not None:  # sampling of class images and previews, which the spec does not influence
            regular = _whole(recipe["sampling"])
            own = {k: v for k, v in regular.items() if k != "beta" or current.has_encoder}
            numbers[style] |= own
            drawn = _whole(recipe.get("previews", recipe["sampling"]))
            numbers["knowing"] = {k: v for k, v in drawn.items() if v != regular[k]}
            tuning = "full_tuning" if recipe["finetune"]["mode"] == "full" else "tuning"
            numbers[tuning] = _laid_over(numbers[tuning], recipe["finetune"], past.spec.get("finetune") or {})
            if not current.has_encoder:
                numbers[tuning]["beta"] = numbers_of(current)[tuning]["beta"]
    return numbers


def _whole(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return all fields of sampling settings, also those at the neutral value that a recipe leaves out."""
    return from_fields(Sampling, stored).model_dump(mode="json")


def _laid_over(ours: Mapping[str, Any], theirs: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return `theirs`, but `ours` for what was `given`; learning rates are merged one by one."""
    merged = dict(theirs) | {k: v for k, v in ours.items() if k in given and k not in ("mode", "lr")}
    rates: Mapping[str, Any] = given.get("lr") or {}
    merged["lr"] = {k: ours["lr"][k] if k in rates else v for k, v in theirs["lr"].items()}
    return merged


def newer_defaults(spec: Spec, defaults: Defaults, styles: Sequence[Style]) -> str | None:
    """Return a sentence if the profile has newer defaults that would change the spec's images; else None.

    `styles`: the style of each subject of the spec.
    """
    learnt = spec.finetune is not None
    changes: dict[str, None] = {}
    subjects = 0
    for style in styles:
        was, now = (p.sampling(style, learnt=learnt, **spec.sampling) for p in (defaults.profile, defaults.current))
        found = _changes(was, now)
        if spec.finetune is not None:
            before, after = (p.finetuning(**spec.finetune) for p in (defaults.profile, defaults.current))
            found += [f"finetune.{one}" for one in _changes(before, after)]
            # of class images and previews, which are without adapters and from the seeds' noise
            regular = (p.sampling(style).without_adapters() for p in (defaults.profile, defaults.current))
            found += [f"finetune.regular.{one}" for one in _changes(*regular)]
        subjects += bool(found)
        changes.update(dict.fromkeys(found))
    if not changes:
        return None
    cells = subjects * spec.cells_per_subject + spec.cells_of_scenes
    return (
        f"profile {defaults.profile.name} has newer defaults than {spec.name} first ran with ({', '.join(changes)}); "
        f"--new-defaults uses them and regenerates {cells} {'cell' if cells == 1 else 'cells'}"
    )


def newer_finetuning(defaults: Defaults, given: Mapping[str, Any]) -> str | None:
    """Do the same for a subject's fine-tuning with these settings."""
    was, now = (p.finetuning(**given) for p in (defaults.profile, defaults.current))
    changes = _changes(was, now)
    if not changes:
        return None
    return (
        f"profile {defaults.profile.name} has newer defaults than {defaults.name} was first fine-tuned with "
        f"({', '.join(changes)}); --new-defaults uses them and fine-tunes again"
    )


def _changes(was: BaseModel, now: BaseModel) -> list[str]:
    """Describe each value that differs, such as "w_r 2.0 -> 3.0"."""
    return _differences(was.model_dump(mode="json"), now.model_dump(mode="json"))


def _differences(was: Mapping[str, Any], now: Mapping[str, Any], at: str = "") -> list[str]:
    found = []
    for name in dict.fromkeys((*was, *now)):
        a, b = was.get(name), now.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += _differences(a, b, f"{at}{name}.")
        elif a != b:
            found.append(f"{at}{name} {a} -> {b}" if not isinstance(a, list) else f"{at}{name}")
    return found


def metric_names(spec: Spec, profile: Profile) -> tuple[str, ...]:
    """Return the metrics of the spec, else of the profile, else CLIP-I and CLIP-T."""
    stated = profile.score if spec.score is None else spec.score
    return ("clip_i", "clip_t") if stated is None else tuple(stated)
