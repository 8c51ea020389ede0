"""The contents of a profile's YAML file, and the profile that they describe; every error names key and remedy.

    weights: /models/stable-diffusion     # relative to this file, package:NAME/FOLDER, or hub:OWNER/NAME
    resolution: 512
    licence: CreativeML OpenRAIL-M
    sampling: {steps: 30, w_c: 7.5}

The profile is named after the file, without .yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dreamtuner.models.licences import LicenceRecord, licence_of
from dreamtuner.models.profiles.places import HUB, origin_of, variant_of, weights_folder
from dreamtuner.models.profiles.profile import Profile
from dreamtuner.models.profiles.yaml_file import ProfileError, invalid, read_mapping
from dreamtuner.plugins import PluginError
from dreamtuner.settings.finetune import ADAPTERS_ALONE, FineTuneConfig, Rates
from dreamtuner.settings.sampling import Sampling, Whole
from dreamtuner.settings.schedulers import known_scheduler
from dreamtuner.settings.styles import STYLES

if TYPE_CHECKING:
    from dreamtuner.models.intake.lock import Lock

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]


class ProfileFile(BaseModel):
    """The contents of a profile's YAML file; unknown keys are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: Text = Field(
        description="a folder in the plain diffusers layout, relative to the file, package:NAME/... or hub:OWNER/NAME"
    )
    resolution: Annotated[Whole, Field(ge=16, le=4096, multiple_of=8)] = Field(
        description="side of the images that the model was trained on, pixels"
    )
    licence: Text | dict[str, Any] = Field(
        description="the weights' licence: an SPDX name, the licence's own, or a record of its terms"
    )
    remedy: Text | None = Field(default=None, description="the command or step that provides missing weights")
    parts: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        default=None, description="folders in `weights` that affect an image; null: as its model_index.json lists"
    )
    sampling: dict[str, Any] = Field(default={}, description="fields of Sampling that suit the model")
    anime: dict[str, Any] | None = Field(
        default=None, description="overrides of `sampling` for style anime; null: those of the style itself"
    )
    finetuned_sampling: dict[str, Any] = Field(
        default={}, description="overrides of `sampling` for a model fine-tuned on the subject"
    )
    finetune: dict[str, Any] = Field(default={}, description="fields of FineTuneConfig for mode lora")
    finetune_full: dict[str, Any] = Field(
        default={}, description="overrides of `finetune` for mode full; omitted learning rates are the paper's"
    )
    variant: Text | None = Field(default=None, description='infix of the weight files to load, such as "fp16"')
    loras: dict[Text, Text] = Field(default={}, description="LoRA files by the name that specs use")
    vaes: dict[Text, Text] = Field(default={}, description="folders of further autoencoders, by name")
    upscalers: dict[Text, Text] = Field(
        default={}, description="upscalers by name: folders of a Swin2SR, or single files that spandrel reads"
    )
    embeddings: dict[Text, Text] = Field(default={}, description="textual-inversion files, by the token in prompts")
    controlnets: dict[Text, Text] = Field(default={}, description="ControlNet folders by kind: pose, depth, canny ...")
    subject_encoder: Text | None = Field(default=None, description="folder of a subject-encoder")
    clip: Text | None = Field(default=None, description="folder of the CLIP model of scores and subject-encoder")
    masker: Text | None = Field(default=None, description="default masker by name")
    captioner: Text | None = Field(default=None, description="default captioner by name")
    estimators: dict[Text, Text] = Field(default={}, description="default estimators by kind of control image")
    score: tuple[Text, ...] | None = Field(default=None, description="default metrics of specs")
    sizes: tuple[Text, ...] = Field(default=(), description="sizes that suit the model, such as 768x512")
    source: Text | None = Field(default=None, description="where the weights come from: owner/name@commit, or a path")

    def profile(self, file: Path, lock: Lock | None = None) -> Profile:
        """Return the profile that the file at this path describes; repositories of the hub are where its lock says.

        Raises ProfileError, which names invalid keys.
        """
        natural = _numbers(Sampling, {"resolution": self.resolution, **self.sampling}, "sampling")
        anime = STYLES["anime"].sampling if self.anime is None else self.anime
        tuning = _numbers(FineTuneConfig, self.finetune, "finetune")
        rates = {**Rates().model_dump(), **_mapping(self.finetune_full.get("lr"), "finetune_full.lr")}
        full = {**tuning.model_dump(exclude=set(ADAPTERS_ALONE)), **self.finetune_full, "mode": "full", "lr": rates}
        _numbers(Sampling, natural.merged(self.finetuned_sampling), "finetuned_sampling")
        _known_schedulers(sampling=self.sampling, anime=anime, finetuned_sampling=self.finetuned_sampling)
        weights = weights_folder(self.weights, file, lock)
        licence = _mapping(self.licence, "licence") if not isinstance(self.licence, str) else {"name": self.licence}
        for size in self.sizes:
            _numbers(Sampling, {"size": size}, "sizes")

        def placed(stated: dict[str, str]) -> dict[str, Path]:
            return {name: weights_folder(place, file, lock) for name, place in stated.items()}

        def place(stated: str | None) -> Path | None:
            return None if stated is None else weights_folder(stated, file, lock)

        return Profile(
            name=file.stem,
            weights=weights,
            resolution=self.resolution,
            licence=_terms(licence),
            remedy=self.remedy or self._remedy(file.stem, weights),
            parts=self.parts,
            natural=natural,
            anime=_numbers(Sampling, natural.merged(anime), "anime"),
            tuning=tuning,
            full_tuning=_numbers(FineTuneConfig, full, "finetune_full"),
            finetuned_sampling=self.finetuned_sampling,
            variant=self.variant or variant_of(self.weights),
            loras=placed(self.loras),
            vaes=placed(self.vaes),
            upscalers=placed(self.upscalers),
            embeddings=placed(self.embeddings),
            controlnets=placed(self.controlnets),
            subject_encoder=place(self.subject_encoder),
            clip=place(self.clip),
            masker=self.masker,
            captioner=self.captioner,
            estimators=self.estimators,
            score=self.score,
            sizes=self.sizes,
            source=self.source or origin_of(self.weights, lock),
        )

    def _remedy(self, name: str, weights: Path) -> str:
        if self.hub_places():
            return f"dreamtuner models fetch {name}"
        return f"put a Stable Diffusion in the plain diffusers layout into {weights}"

    def places(self) -> dict[str, str]:
        """Return everything that the file says where it is, by field: weights, clip, controlnets.pose ..."""
        single = {name: getattr(self, name) for name in ("weights", "subject_encoder", "clip")}
        groups = {name: getattr(self, name) for name in ("controlnets", "vaes", "upscalers", "loras", "embeddings")}
        many = {f"{group}.{name}": place for group, places in groups.items() for name, place in places.items()}
        return {field: place for field, place in (single | many).items() if place is not None}

    def hub_places(self) -> dict[str, str]:
        """Return those of `places` that are repositories of the hub."""
        return {field: place for field, place in self.places().items() if place.startswith(HUB)}


def read_profile(file: Path, lock: Lock | None = None) -> Profile:
    """Read a profile's YAML file; `lock`: where the files of its repositories are.

    Raises:
        ProfileError: it cannot be read or is invalid; the message names keys and remedies.
    """
    return read_profile_file(file).profile(file, lock)


def read_profile_file(file: Path) -> ProfileFile:
    """Read the contents of a profile's YAML file.

    Raises:
        ProfileError: it cannot be read or is invalid; the message names keys and remedies.
    """
    content = read_mapping(file)
    if not content:
        required = [name for name, field in ProfileFile.model_fields.items() if field.is_required()]
        raise ProfileError(f"has no keys; write at least {', '.join(required)}")
    try:
        return ProfileFile.model_validate(content)
    except ValidationError as error:
        raise invalid(error, ProfileFile) from error


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    if value is None or isinstance(value, Mapping):
        return value or {}
    raise ProfileError(f"{key}: {value!r} is not a mapping of keys to numbers; write for example {{unet: 5e-5}}")


def _known_schedulers(**sections: Mapping[str, Any]) -> None:
    for key, values in sections.items():
        if isinstance(name := values.get("scheduler"), str):
            try:
                known_scheduler(name)
            except PluginError as error:
                raise ProfileError(f"{key}.scheduler: {error}") from error


def _terms(stated: Mapping[str, Any]) -> LicenceRecord:
    try:
        return licence_of(stated)
    except ValidationError as error:
        raise invalid(error, LicenceRecord, "licence") from error


def _numbers(model: type[Any], values: Mapping[str, Any], key: str) -> Any:
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise invalid(error, model, key) from error
