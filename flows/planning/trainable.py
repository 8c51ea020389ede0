"""Checks a fine-tuning against model, device and catalog before anything is written."""

from __future__ import annotations

from dreamtuner.models.fit import FitError, demand_fit
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.optimizers import lacking
from dreamtuner.settings.sampling import Style
from flows.planning.finetune import FineTuneJob
from flows.resources import Resources
from flows.spec.problems import InputError, Problem
from storage.catalog import views


def demand_optimizer(
    config: FineTuneConfig, resources: Resources, source: str, at: tuple[str, ...] = ("finetune",)
) -> None:
    """Raise InputError if the optimizer needs another device, or a library that is not installed.

    `at`: where the settings are in the source.
    """
    message = lacking(config.optimizer, resources.device)
    if message is not None:
        raise InputError(source, [Problem(path=(*at, "optimizer"), message=message)])


def demand_images(job: FineTuneJob, profile: Profile, style: Style) -> None:
    """Raise InputError if the profile's model cannot generate class images and previews with the profile's settings."""
    for sampling in (job.sampling[style], job.previews[style]):
        try:
            demand_fit(profile, sampling)
        except FitError as error:
            message = f"{error}; change that default of profile {profile.name!r}, with which class images are generated"
            raise InputError("finetune", [Problem(path=("--profile",), message=message)]) from error


def demand_same_weights(subject: str, profile: Profile, digest: str, resources: Resources) -> None:
    """Raise InputError if the subject was last fine-tuned with other weights of the profile, and would be again.

    `digest`: of the fine-tuning that is requested; one that is done is not repeated.
    """
    with resources.catalog.read() as s:
        past = [one for one in views.trainings_of(s, subject) if one.profile == profile.name]
    if not past or past[0].weights_digest == resources.weights_digest(profile.name):
        return
    if digest in {one.digest for one in past}:
        return
    message = (
        f"the weights of profile {profile.name} changed since {subject} was last fine-tuned: it would be fine-tuned "
        "again, and its earlier checkpoint kept; --new-weights does that; or bring the earlier weights back"
    )
    raise InputError("finetune", [Problem(path=("--profile",), message=message)])
