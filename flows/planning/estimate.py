"""Estimates an order before it is placed: cells, what exists, device time and price. From the catalog alone.

No file is read and no model is needed, so that the dashboard can ask while somebody types. `flows.planning.preview`
reads the references and is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from dreamtuner.models.layouts import Kind
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.recipe_fields import from_fields
from dreamtuner.settings.sampling import Sampling, Style
from dreamtuner.settings.styles import STYLES
from flows.ingestion.choice import ingestion_choice, stated_eyes
from flows.ingestion.facts import Facts
from flows.planning.cells import GenerationSetup, digest_of, plan_cells
from flows.planning.current_facts import current_facts
from flows.planning.defaults import defaults_of_spec, metric_names
from flows.planning.finetune import finetune_job
from flows.planning.scenes.plan import plan_scenes
from flows.resources import Resources
from flows.spec.model import Spec
from flows.spec.problems import InputError
from storage.catalog import views
from storage.catalog.records import WorkKind
from storage.sources import object_digest

if TYPE_CHECKING:
    from flows.planning.generated.pictures import GeneratedPictures
    from storage.catalog import Catalog
    from storage.catalog.views import Speeds, SubjectState, Took
    from storage.rates import Rates

MOST_COMPARED = 20_000
"""The most cells that are compared with the catalog one by one; of larger grids the rest is extrapolated."""
FEWEST_SUBJECTS, MANY_SEEDS = 20, 100


@dataclass(frozen=True)
class Work:
    """Work of one kind: how many items, and the seconds that a device of this class needs for them.

    `seconds`: None if nothing of the kind was measured; `measured`: the number of measurements; `money`: at the rate of
    the device, None without one.
    """

    kind: WorkKind
    items: int
    device: str | None = None
    seconds: float | None = None
    measured: int = 0
    money: float | None = None


@dataclass(frozen=True)
class Estimate:
    """What an order comes to. `existing`: cells that are generated already; `new_subjects`: not in the catalog yet.

    `work`: by kind, of what is not there; `device_seconds`, `money`: their sums, None if a part is unknown;
    `notes`: what could not be compared or measured, a sentence each.
    """

    subjects: int
    new_subjects: int
    cells: int
    existing: int
    work: tuple[Work, ...]
    device_seconds: float | None
    currency: str | None
    money: float | None
    notes: tuple[str, ...] = ()

    @property
    def to_make(self) -> int:
        """Return how many cells a run would generate."""
        return self.cells - self.existing

    @property
    def known_seconds(self) -> float:
        """Return the device-seconds of those kinds of work that were measured."""
        return sum(one.seconds for one in self.work if one.seconds is not None)

    def json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "work": [asdict(one) for one in self.work], "to_make": self.to_make}


def estimate(
    spec: Spec,
    catalog: Catalog,
    rates: Rates,
    resources: Resources | None = None,
    *,
    new_defaults: bool = False,
) -> Estimate:
    """Estimate what a run of the spec would make and cost. Reads the catalog alone, and only the spec's part of it.

    Args:
        spec: a valid spec; whether its files exist and its models fit is not checked.
        catalog: where existing images and their device-seconds are.
        rates: prices of devices.
        resources: where profiles are; by default those of the environment.
        new_defaults: as in `flows.planning.preview.preview`.

    A fine-tuning that is not finished counts in full. Raises pydantic.ValidationError if the spec's settings and the
    profile's defaults do not go together.
    """
    resources = resources or Resources.open()
    notes: list[str] = []
    with catalog.read() as s:
        states = views.subject_states(s, [one.name for one in spec.subjects])
        speeds = views.speeds(s, spec.profile)
        weights = views.newest_weights(s, spec.profile)
    defaults = defaults_of_spec(spec, resources.profile(spec.profile), catalog, new=new_defaults)
    setup = _setup(spec, defaults.profile, weights, speeds, notes, resources, catalog)
    choice = ingestion_choice(resources.settings, defaults.profile, stated_eyes(spec))
    known = [current_facts(one, states.get(one.name), choice) for one in spec.subjects]
    facts = [one for one in known if one is not None]
    existing, trained = (0, 0) if setup is None else _existing(spec, facts, states, setup, catalog, notes)
    cells = spec.cells
    work = tuple(_work(spec, defaults.profile, cells - existing, len(spec.subjects) - trained, speeds, rates, notes))
    seconds = [one.seconds for one in work]
    prices = [one.money for one in work]
    return Estimate(
        subjects=len(spec.subjects),
        new_subjects=sum(one.name not in states for one in spec.subjects),
        cells=cells,
        existing=existing,
        work=work,
        device_seconds=None if None in seconds else sum(one for one in seconds if one is not None),
        currency=rates.currency or None,
        money=None if None in prices or not rates.currency else sum(one for one in prices if one is not None),
        notes=tuple(dict.fromkeys(notes)),
    )


def _setup(
    spec: Spec,
    profile: Profile,
    weights: str | None,
    speeds: Speeds,
    notes: list[str],
    resources: Resources,
    catalog: Catalog,
) -> GenerationSetup | None:
    """Return what the spec's cells share, as far as the catalog tells; None: there is nothing to compare with.

    Control images are known by their digest alone if they are objects of the store.
    """
    if weights is None:
        return None
    learnt = spec.finetune is not None
    sampling = {style: profile.sampling(style, learnt=learnt, **spec.sampling) for style in STYLES.working()}
    adapters: Mapping[Style, Mapping[str, str]] = {}
    embeddings: Mapping[str, str] = {}
    if profile.embeddings or any(one.loras or one.vae or one.upscaler or one.cutout for one in sampling.values()):
        from flows.planning.adapters import demand_adapters

        try:
            adapters, embeddings = demand_adapters(spec, profile, sampling)
        except (InputError, ImportError, OSError):
            notes.append("LoRAs, VAE, upscaler or embeddings cannot be read here: existing images are not recognised")
            return None
    layouts: dict[Kind, Sequence[str | None]] = {}
    for kind, places in spec.layouts.items():
        layouts[kind] = [None if place is None else object_digest(place) or UNREAD for place in places]
        if UNREAD in layouts[kind]:
            notes.append("control images by path or URL are read when the run begins: their images count as new")
    controlnets = {kind: speeds.controlnets.get(kind, UNREAD) for kind in spec.layouts if spec.follows(kind)}
    tuning = None if spec.finetune is None else finetune_job(profile.finetuning(**spec.finetune), profile)
    pictures: GeneratedPictures | None = None
    if spec.edit is not None or spec.consistency is not None:
        from flows.planning.generated.pictures import generated_pictures

        mask = None if spec.edit is None else spec.edit.mask
        if isinstance(mask, str):
            notes.append("the mask of the edited picture is read when the run begins: images count as new")
            return None
        try:
            pictures = generated_pictures(spec, profile, sampling.values(), resources.settings, catalog, mask)
        except InputError as error:
            notes.append(f"{error.problems[0].message}: existing images are not recognised")
            return None
    return GenerationSetup(weights, sampling, layouts, controlnets, tuning, adapters, embeddings, pictures)


UNREAD = "unread"
"""Stands for a digest that is not known here; no recipe of the catalog has it."""


def _existing(
    spec: Spec,
    facts: Sequence[Facts],
    states: Mapping[str, SubjectState],
    setup: GenerationSetup,
    catalog: Catalog,
    notes: list[str],
) -> tuple[int, int]:
    """Count the cells that are generated already, and the subjects whose fine-tuning is finished."""
    with catalog.read() as s:
        made = views.subjects_with_images(s, [states[one.name].id for one in facts])
        trained = _trained(s, facts, setup)
        compared = [one for one in facts if states[one.name].id in made]
        part = compared[: max(FEWEST_SUBJECTS, MOST_COMPARED // max(1, spec.cells_per_subject))]
        if len(spec.seeds) > MANY_SEEDS:  # seeds that no image has yet cannot be there
            first = spec.seeds[:1] if spec.consistency is not None else ()  # the others name its picture
            there = views.seeds_with_images(s, [states[one.name].id for one in part])
            spec = spec.model_copy(update={"seeds": tuple(one for one in spec.seeds if one in there or one in first)})
        seeds = spec.seeds[: max(1, MOST_COMPARED * len(spec.seeds) // max(1, spec.cells_per_subject))]
        fewer = spec.model_copy(update={"seeds": seeds})
        part = part[: max(1, MOST_COMPARED // max(1, fewer.cells_per_subject))]
        digests = [cell.digest for cell in plan_cells(fewer, part, setup)]
        found = sum(state == "generated" for state in views.cell_states_of(s, digests).values())
        of_scenes = [cell.digest for cell in plan_scenes(fewer, compared, setup)]
        found_scenes = sum(state == "generated" for state in views.cell_states_of(s, of_scenes).values())
    if spec.scenes and any(place for scene in spec.scenes for place in scene.places()):
        notes.append("masks of scenes by path or URL are read when the run begins: their images count as new")
    if len(seeds) < len(spec.seeds) or len(part) < len(compared):
        found = found * len(compared) * len(spec.seeds) // (len(part) * len(seeds)) if part and seeds else 0
        notes.append(f"of the existing images {len(digests):,} were compared, and the rest extrapolated")
    return found + found_scenes, trained


def _trained(s: Any, facts: Sequence[Facts], setup: GenerationSetup) -> int:
    if setup.finetune is None:
        return 0
    recipes = [recipe for one in facts if (recipe := setup.finetune_recipe(one)) is not None]
    return views.finished_trainings(s, [digest_of(recipe) for recipe in recipes])


def _work(
    spec: Spec,
    profile: Profile,
    cells: int,
    untrained: int,
    speeds: Speeds,
    rates: Rates,
    notes: list[str],
) -> list[Work]:
    """Return what there is to do, by kind, with times of the class of devices that generated last."""
    learnt = spec.finetune is not None
    numbers = profile.sampling("natural", learnt=learnt, **spec.sampling)
    amount = numbers.steps * numbers.width * numbers.height
    work = [_priced("generate", cells, _each(speeds.images, amount, _image_amount), speeds, rates)]
    if spec.finetune is not None and untrained:
        steps = profile.finetuning(**spec.finetune)
        each = _each(speeds.trainings, steps.steps * steps.batch, lambda one: one["steps"] * one.get("batch", 1))
        work.append(_priced("finetune", untrained, each, speeds, rates))
    scores = cells * len(metric_names(spec, profile))
    if scores:
        device = speeds.images[0].device if speeds.images else None
        one = next((one for one in speeds.overheads if (one.kind, one.device) == ("score", device)), None)
        one = one or next((one for one in speeds.overheads if one.kind == "score"), None)
        each = None if one is None else (one.device, one.seconds_per_item, 1)
        work.append(_priced("score", scores, each, speeds, rates))
    words = {"generate": "images", "finetune": "fine-tunings", "score": "scores"}
    for found in work:
        if found.seconds is None and found.items:
            notes.append(
                f"no {words[found.kind]} of profile {spec.profile} were timed yet: their device time is unknown"
            )
    return work


Each = tuple[str, float, int]
"""The class of a device, the seconds that it needs for one item, and the number of measurements."""


def _each(measured: Sequence[Took], amount: float, amount_of: Any) -> Each | None:
    """Return the seconds of one item: the median of those like it, else of all, scaled by steps and pixels."""
    if not measured:
        return None
    device = measured[0].device
    ours = [(one.device_seconds, amount_of(one.settings)) for one in measured if one.device == device]
    alike = [seconds for seconds, size in ours if size == amount]
    if alike:
        return device, median(alike), len(alike)
    return device, median(seconds * amount / size for seconds, size in ours), len(ours)


def _image_amount(settings: Mapping[str, Any]) -> float:
    numbers = from_fields(Sampling, settings)
    return numbers.steps * numbers.width * numbers.height


def _priced(kind: WorkKind, items: int, each: Each | None, speeds: Speeds, rates: Rates) -> Work:
    if not items:
        return Work(kind, 0, None if each is None else each[0], 0.0, 0, 0.0)
    if each is None:
        return Work(kind, items)
    device, seconds, measured = each
    loading = next((one.load_seconds for one in speeds.overheads if (one.kind, one.device) == (kind, device)), 0.0)
    whole = items * seconds + loading
    return Work(kind, items, device, whole, measured, rates.of(device, whole))
