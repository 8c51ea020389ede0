"""Looks up the licences of the models that a metric scores with."""

from __future__ import annotations

from dreamtuner.models.auxiliary import AUXILIARY
from dreamtuner.models.licences import LicenceRecord
from dreamtuner.models.profiles import Profile
from dreamtuner.score.clip_metrics import ClipMetric
from dreamtuner.score.metric import Metric


def licences_of(metric: Metric, profile: Profile) -> dict[str, str]:
    """Return the name of each model's licence by the model's name; empty for a metric that declares no model.

    A metric by the profile's CLIP model has the profile's licence, under the profile's name.
    """
    return {name: record.name for name, record in licence_records(metric, profile).items()}


def licence_records(metric: Metric, profile: Profile) -> dict[str, LicenceRecord]:
    """Return the same with the whole licence records."""
    if isinstance(metric, ClipMetric):
        return {profile.name: profile.licence}
    return {name: AUXILIARY.get(name).licence for name in getattr(metric, "models", ())}
