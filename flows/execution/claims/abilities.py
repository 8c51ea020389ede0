"""Which profiles a worker can generate with: what its settings, its models, its memory and their licences allow."""

from collections.abc import Sequence

from dreamtuner.models.licences import allowed
from dreamtuner.models.lineage import stated_purpose
from flows.resources import Resources
from storage.catalog.views import ProfileInUse


class Abilities:
    """The profiles of the catalog that this worker cannot generate with.

    Only what is known without loading a model: the rest a worker learns when it loads one.

    Attributes:
        unable: why not, by the profile's id.
        last: the highest id of a profile that was assessed.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
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
                self._why[one.name] = why_not(one.name, self._resources)
            if (reason := self._why[one.name]) is not None:
                self.unable[one.id] = reason

    def learn(self, name: str, weights_digest: str, reason: str) -> None:
        """Remember that the model of a profile with these weights cannot be used here."""
        if (found := self._ids.get((name, weights_digest))) is not None:
            self.unable[found] = reason


def why_not(name: str, resources: Resources) -> str | None:
    """Return why this worker does not generate with the profile, as a sentence with the remedy; None if it does."""
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
    if (purpose := stated_purpose()) is not None:
        verdict = allowed(profile.licence, purpose)
        if not verdict.allowed:
            return f"{name} may not be used by this worker: {verdict.reason}; see DREAMTUNER_PURPOSE"
    return resources.memory_problem(name)
