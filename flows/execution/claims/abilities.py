"""Which profiles a worker can generate with: what its settings, its models, its memory and their licences allow."""

from collections.abc import Sequence

from dreamtuner.models.licences import allowed
from flows.planning.projects.limits import StatedPurpose, purpose_of
from flows.resources import Resources
from storage.catalog import views
from storage.catalog.views import ProfileInUse


class Abilities:
    """The profiles of the catalog that this worker cannot generate with.

    Only what is known without loading a model: the rest a worker learns when it loads one.

    Attributes:
        unable: why not, by the profile's id.
        last: the highest id of a profile that was assessed.
    """

    def __init__(self, resources: Resources, run_id: str | None = None) -> None:
        self._resources, self._run = resources, run_id
        self._ids: dict[tuple[str, str], int] = {}
        self._why: dict[str, str | None] = {}
        self.unable: dict[int, str] = {}
        self.last = 0

    def assess(self, profiles: Sequence[ProfileInUse]) -> None:
        """Assess profiles of the catalog, all with ids beyond `last`."""
        for one in profiles:
            self._ids[one.name, one.weights_digest] = one.id
            self.last = max(self.last, one.id)
            if one.name not in self._why:
                self._why[one.name] = why_not(one.name, self._resources, self._run)
            if (reason := self._why[one.name]) is not None:
                self.unable[one.id] = reason

    def learn(self, name: str, weights_digest: str, reason: str) -> None:
        """Remember that the model of a profile with these weights cannot be used here."""
        if (found := self._ids.get((name, weights_digest))) is not None:
            self.unable[found] = reason


def why_not(name: str, resources: Resources, run_id: str | None = None) -> str | None:
    """Return why this worker does not generate with the profile, as a sentence with the remedy; None if it does.

    `run_id`: the run that it was started for, whose project may state a purpose, instead of DREAMTUNER_PURPOSE.
    """
    only = resources.settings.worker_profiles
    if only and name not in only:
        return f"this worker generates with {', '.join(only)} only, not with {name}; see DREAMTUNER_WORKER_PROFILES"
    try:
        profile = resources.profile(name)
    except ValueError as error:
        return f"this worker lacks the profile: {error}"
    if missing := profile.missing():
        return (
            f"this worker lacks weights of {name}: {', '.join(missing)}; `dreamtuner models list` shows what there is"
        )
    if (stated := _purpose(resources, run_id)) is not None:
        verdict = allowed(profile.licence, stated.purpose)
        if not verdict.allowed:
            return f"{name} may not be used by this worker: {verdict.reason}; see {stated.where}"
    return resources.memory_problem(name)


def _purpose(resources: Resources, run_id: str | None) -> StatedPurpose | None:
    if run_id is None:
        return purpose_of(None)
    with resources.catalog.read() as s:
        return purpose_of(views.project_of_run(s, run_id))
