"""The weights behind exported pictures: whether they may be handed on, and what is owed for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dreamtuner.models.licences import PURPOSE, UNKNOWN, Purpose, licence_of
from dreamtuner.models.lineage import PurposeError, Weight, objections, read_purpose, stated_purpose
from dreamtuner.models.part_licences import CUTOUT, adapter_weight, controlnet_weight, subject_encoder_weight
from dreamtuner.models.profiles import Profile, get_profile
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.maskers import weights_of_masker
from storage.catalog.records import CatalogError
from storage.catalog.views import OutputDetail, ProjectPurpose

MetricLicences = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Licence names by metric, version and model, as storage.catalog.views.metric_licences returns them."""


def demand_purposes(
    outputs: Iterable[OutputDetail], projects: Mapping[int, Sequence[ProjectPurpose]], metrics: MetricLicences
) -> None:
    """Raise CatalogError if a weight behind one of the pictures does not allow to hand it on for what it is for.

    `projects`: those of each picture by its id. The purposes that they state count, all of them; DREAMTUNER_PURPOSE for
    pictures of no project that states one. Every such weight and the clause of its licence are named.
    """
    try:
        general = stated_purpose()
        if general is None and not any(one.purpose for found in projects.values() for one in found):
            return
        behind: dict[tuple[str, Purpose], set[Weight]] = {}
        for one in outputs:
            stated = [
                (where := _where(project.name), read_purpose(project.purpose, where))
                for project in projects.get(one.output_id, ())
                if project.purpose
            ]
            for where, purpose in stated or [(PURPOSE, general)]:
                if purpose is not None:
                    behind.setdefault((where, purpose), set()).update(weights_of_output(one, metrics))
    except PurposeError as error:
        raise CatalogError(str(error)) from error
    for (where, purpose), weights in behind.items():
        if found := objections(sorted(weights, key=str), purpose, images=True):
            reasons = "; ".join(map(str, found))
            other = f"ask an admin about {where}" if where == _where(None) else f"correct {where}"
            raise CatalogError(
                f"these pictures may not be handed on for this purpose: {reasons}; leave out its pictures, or {other}"
            )


def _where(project: str | None) -> str:
    """Return what errors call the purpose of a project; None: one that the viewer does not see."""
    return "the purpose of a project that you do not see" if project is None else f"the purpose of project {project!r}"


def weights_of_output(one: OutputDetail, metrics: MetricLicences) -> Iterator[Weight]:
    """Yield every weight in the lineage of a picture, with the licence that is known of it here.

    The profile's record counts, where it is the one that the catalog names; else the licence of that name. Pictures
    that it was made from, by an edit or as a set, bring their weights with them, and the masker of their subject
    unless its mask is stated. What found the masks, captions and control images of its references counts too.
    """
    if one.lineage is None or one.eyes is None:
        raise ValueError(f"output {one.output_id}: ask the catalog for it with licences=True")
    for source in one.lineage.values():
        yield from weights_of_output(source, {})
    for seen in (one.settings.get("edit"), one.settings.get("set")):
        yield from weights_of_masker(str(seen["masker"])) if seen and "masker" in seen else ()
    profile = _profile(one)
    base = licence_of(one.licence) if profile is None else profile.licence
    yield Weight(one.profile, "base", base)
    settings = one.settings
    if (settings.get("sampling") or {}).get("beta"):
        unknown = Weight(one.profile, "subject-encoder", UNKNOWN)
        yield unknown if profile is None else subject_encoder_weight(profile)
    for kind in settings.get("controlnets") or {}:
        unknown = Weight(f"{one.profile}/{kind}", "ControlNet", UNKNOWN)
        yield unknown if profile is None else controlnet_weight(profile, kind)
    for label in settings.get("adapters") or {}:
        if label.startswith(CUTOUT):
            yield from weights_of_masker(label.removeprefix(CUTOUT))
        else:
            yield adapter_weight(profile, label)
    for eye in one.eyes:
        yield from (Weight(eye.method, eye.role, licence_of(name)) for name in eye.licence.split(" and ") if name)
    for metric in one.scores:
        for models in metrics.get(metric, {}).values():
            yield from (Weight(model, "metric", licence_of(name)) for model, name in models.items())


def _profile(one: OutputDetail) -> Profile | None:
    try:
        profile = get_profile(one.profile)
    except PluginError:  # of another machine, or removed since
        return None
    return profile if profile.licence.name == one.licence else None
