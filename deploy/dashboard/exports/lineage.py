"""The weights behind exported pictures: whether they may be handed on, and what is owed for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dreamtuner.models.licences import Purpose, licence_of
from dreamtuner.models.lineage import Weight, objections
from dreamtuner.models.part_licences import adapter_weight, controlnet_weight
from dreamtuner.models.profiles import Profile, get_profile
from dreamtuner.plugins import PluginError
from storage.catalog.records import CatalogError
from storage.catalog.views import OutputDetail

MetricLicences = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Licence names by metric, version and model, as storage.catalog.views.metric_licences returns them."""


def demand_exportable(outputs: Iterable[OutputDetail], purpose: Purpose, metrics: MetricLicences) -> None:
    """Raise CatalogError if a weight behind one of the pictures does not allow to hand it on for the purpose.

    Every such weight and the clause of its licence are named.
    """
    weights = {weight for one in outputs for weight in weights_of_output(one, metrics)}
    if found := objections(sorted(weights, key=str), purpose, images=True):
        reasons = "; ".join(map(str, found))
        remedy = "leave out its pictures, or correct DREAMTUNER_PURPOSE"
        raise CatalogError(f"these pictures may not be handed on for this purpose: {reasons}; {remedy}")


def weights_of_output(one: OutputDetail, metrics: MetricLicences) -> Iterator[Weight]:
    """Yield every weight in the lineage of a picture, with the licence that is known of it here.

    The profile's record counts, where it is the one that the catalog names; else the licence of that name.
    """
    profile = _profile(one)
    base = licence_of(one.licence) if profile is None else profile.licence
    yield Weight(one.profile, "base", base)
    settings = one.settings
    if (settings.get("sampling") or {}).get("beta"):
        yield Weight(one.profile, "subject-encoder", base)
    for kind in settings.get("controlnets") or {}:
        unknown = Weight(f"{one.profile}/{kind}", "ControlNet", licence_of("unknown"))
        yield unknown if profile is None else controlnet_weight(profile, kind)
    for label in settings.get("adapters") or {}:
        yield Weight(label, "LoRA", licence_of("unknown")) if profile is None else adapter_weight(profile, label)
    for subject in one.subjects:
        for name in (subject.mask_licence or "").split(" and "):
            if name:
                yield Weight(subject.mask_method or "masker", "masker", licence_of(name))
    for metric in one.scores:
        for models in metrics.get(metric, {}).values():
            yield from (Weight(model, "metric", licence_of(name)) for model, name in models.items())


def _profile(one: OutputDetail) -> Profile | None:
    try:
        profile = get_profile(one.profile)
    except PluginError:  # of another machine, or removed since
        return None
    return profile if profile.licence.name == one.licence else None
