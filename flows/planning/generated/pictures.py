"""What plans need to know of the generated pictures that a spec's cells see: one to edit, and the first of a set.

In a recipe a picture is named by the digest of its cell, as the frames before a frame are. Where its subject is, the
masker finds when it is seen, unless the spec states it; a mask is a function of the picture and of the masker, which
the recipe names with its version. So cells can be planned before there is a picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dreamtuner.models.profiles import Profile
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.maskers import MASKERS, Masker, styled
from dreamtuner.settings.recipe_fields import from_fields
from dreamtuner.settings.regions import Box
from dreamtuner.settings.sampling import Sampling, Style
from dreamtuner.settings.styles import STYLES
from flows.ingestion.choice import ingestion_choice, stated_eyes
from flows.ingestion.eyes import lacking_of
from flows.spec.entry import Path
from flows.spec.generated_pictures import Consistency, Edit, PictureName
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem
from storage.catalog import views
from storage.catalog.records import CatalogError
from storage.catalog.views.find import find_output

if TYPE_CHECKING:
    from flows.settings import Settings
    from storage.catalog import Catalog
    from storage.catalog.views import OutputDetail

SAME_SHAPE = 0.02
"""As `dreamtuner.sampling.edits.kept_background.SAME_SHAPE`, which needs torch."""


@dataclass(frozen=True)
class GeneratedPictures:
    """The generated pictures that cells see. `maskers`: name and version of the masker of their subject, by style.

    `mask`: where the subject of the picture that `edit` names is, as recipes hold it; None: its masker finds it;
    `source`: the digest of that picture's cell; `first`: of the one that `consistency` names, None: the first
    cell that is planned of each subject. `behind`: the profiles that made the pictures that a spec names, and those
    that these were made from, each with the field that names it and its licence. `doubts`: what is doubtful about
    the masks of named pictures, each with that field.
    """

    maskers: Mapping[Style, tuple[str, str]] = field(default_factory=dict)
    edit: Edit | None = None
    mask: Mapping[str, Any] | Box | None = None
    source: str | None = None
    consistency: Consistency | None = None
    first: str | None = None
    behind: tuple[tuple[Path, str, str], ...] = ()
    doubts: tuple[tuple[str, str], ...] = ()

    def edit_of(self, style: Style) -> dict[str, Any] | None:
        """Return what the recipes of an edit say of its picture; None where it changes nothing."""
        edit = self.edit
        if edit is None or self.source is None or (edit.weight == 0 and not edit.keep_background):
            return None
        more = {"keep_background": True} if edit.keep_background else {}
        if self.mask is not None:
            mask = dict(self.mask) if isinstance(self.mask, Mapping) else list(self.mask)
            return {"cell": self.source, "mask": mask, "weight": float(edit.weight)} | more
        return {"cell": self.source} | self._seen(edit.weight, style) | more

    def shared_of(self, style: Style, first: str) -> dict[str, Any] | None:
        """Return what the recipes of a set say of its first picture; None where it changes nothing."""
        if self.consistency is None or self.consistency.weight == 0:
            return None
        return {"first": first} | self._seen(self.consistency.weight, style)

    def _seen(self, weight: float, style: Style) -> dict[str, Any]:
        name, version = self.maskers[style]
        return {"masker": name, "masker_version": version, "style": style, "weight": float(weight)}


def generated_pictures(
    spec: Spec,
    profile: Profile,
    sampling: Iterable[Sampling],
    settings: Settings,
    catalog: Catalog | None,
    mask: Mapping[str, Any] | Box | None,
) -> GeneratedPictures:
    """Look up the pictures that a spec names.

    `sampling`: the settings of its cells; `catalog`: None if there is none yet; `mask`: see GeneratedPictures.

    Raises InputError for a picture that the catalog does not have, that is of another subject, or whose background
    cannot be kept; and for a masker that is unknown.
    """
    edit, consistency = spec.edit, spec.consistency
    source, first = named_pictures(spec, catalog)
    if source is not None and edit is not None and edit.keep_background:
        _demand_one_shape(spec, source, sampling)
    maskers = _maskers(spec, profile, settings)
    if (edit is not None and mask is None) or (consistency is not None and consistency.weight > 0):
        stated = spec.subjects[0].style
        _demand_models(
            spec, maskers, [one.style for one in (source, first) if one] or ([stated] if stated else maskers)
        )
    return GeneratedPictures(
        {style: (name, one.version) for style, (name, one) in maskers.items()},
        edit,
        mask,
        None if source is None else source.digest,
        consistency,
        None if first is None else first.digest,
        tuple(dict.fromkeys([*_behind(("edit", "output"), source), *_behind(("consistency", "first"), first)])),
    )


def named_pictures(spec: Spec, catalog: Catalog | None) -> tuple[OutputDetail | None, OutputDetail | None]:
    """Return the picture that the spec edits and the one that is the first of its set; None where it names none.

    `catalog`: narrowed to whoever may name only what they see. Raises InputError for a picture that it does not have,
    that is not of the spec's subject, or that is not there.
    """
    edited = None if spec.edit is None else spec.edit.output
    first = None if spec.consistency is None else spec.consistency.first
    return (
        None if edited is None else _picture(spec, ("edit", "output"), edited, catalog),
        None if first is None else _picture(spec, ("consistency", "first"), first, catalog),
    )


def other_numbers(one: OutputDetail, sampling: Sampling) -> dict[str, Any]:
    """Return the settings that a picture was generated with where `sampling` has others, by name; no mappings."""
    if (recorded := one.settings.get("sampling")) is None:
        return {}
    made, here = (each.model_dump(mode="json") for each in (from_fields(Sampling, recorded), sampling))
    return {k: v for k, v in made.items() if v != here[k] and not isinstance(v, dict) and not isinstance(here[k], dict)}


def _behind(path: Path, one: OutputDetail | None) -> Iterator[tuple[Path, str, str]]:
    if one is not None:
        yield path, one.profile, one.licence
        for source in one.sources.values():
            yield from _behind(path, source)


def _picture(spec: Spec, path: Path, named: PictureName, catalog: Catalog | None) -> OutputDetail:
    """Return the picture of the spec's subject that a field names."""
    if catalog is None:
        raise _refused(spec, path, f"output {named} is not in the catalog, which is empty")
    try:
        with catalog.read() as s:
            one = views.output(s, find_output(s, str(named)))
    except CatalogError as error:
        raise _refused(spec, path, str(error)) from error
    name = spec.subjects[0].name
    if name not in {subject.name for subject in one.subjects}:
        raise _refused(
            spec, path, f"output {one.output_id} shows {one.subject}, not {name}; name its subject in subjects"
        )
    if len({subject.position for subject in one.subjects}) > 1:
        message = f"output {one.output_id} shows several subjects; only a picture of one can be seen by others"
        raise _refused(spec, path, message)
    if one.state != "generated":
        raise _refused(spec, path, f"output {one.output_id} is {one.state}: there is no picture; run its spec again")
    return one


def _demand_one_shape(spec: Spec, source: OutputDetail, sampling: Iterable[Sampling]) -> None:
    """Raise InputError if images of these settings cannot keep the picture's background."""
    for one in sampling:
        if one.second_pass > 1:
            message = "a second pass generates the background again; remove it, or edit.keep_background"
            raise _refused(spec, ("sampling", "second_pass"), message)
        if abs(source.width * one.height / (source.height * one.width) - 1) > SAME_SHAPE:
            message = (
                f"output {source.output_id} has {source.width} x {source.height} pixels and the images {one.width} x "
                f"{one.height}: its background cannot be kept; set sampling.size to its shape"
            )
            raise _refused(spec, ("edit", "keep_background"), message)


def _maskers(spec: Spec, profile: Profile, settings: Settings) -> dict[Style, tuple[str, Masker]]:
    name = ingestion_choice(settings, profile, stated_eyes(spec)).masker
    try:
        return {style: (name, styled(MASKERS[name], style)) for style in STYLES.working()}
    except PluginError as error:
        raise _refused(spec, ("masker",), str(error)) from error


def _demand_models(spec: Spec, maskers: Mapping[Style, tuple[str, Masker]], styles: Iterable[Style]) -> None:
    """Raise InputError if what is to find the subject in the pictures has no model here, in any of these styles."""
    lacks = [(name, lacking_of(one)) for name, one in (maskers[style] for style in styles)]
    if all(lacking for _, lacking in lacks):
        name, lacking = lacks[0]
        message = f"the masker {name}, which finds the subject in the picture, needs {lacking}"
        raise _refused(spec, ("masker",), message)


def _refused(spec: Spec, path: Path, message: str) -> InputError:
    return InputError(f"spec {spec.name!r}", [Problem(path=path, message=message)])
