"""Where this installation keeps its data and how it works, read from the environment once per process."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dreamtuner.models.profiles import user_folders

PREFIX = "DREAMTUNER_"


class SettingsError(ValueError):
    """A DREAMTUNER_* variable holds something unusable; the message names it and the remedy."""


class Settings(BaseModel):
    """Every field is the variable DREAMTUNER_<FIELD>. Paths are absolute; a missing URL means: inside `home`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(Path(".dreamtuner"), description="the one data folder: catalog, objects, Prefect, runs, logs")
    catalog_url: str = Field("", description="database of the catalog; default sqlite in home")
    store_url: str = Field("", description="folder or URL of the object store; default home/objects")
    allow_private_addresses: bool = Field(False, description="may references come from private or loopback addresses?")
    max_source_bytes: int = Field(32 * 1024 * 1024, gt=0, description="largest reference or mask that is read")
    chunk_cells: int = Field(16, ge=1, le=4096, description="cells that one generate task makes")
    lease_seconds: float = Field(
        600.0, gt=0, description="a cell of a silent worker on another host returns after this"
    )
    patience_seconds: float = Field(
        1800.0, ge=0, description="a run waits this long for a store, catalog or disk that is away"
    )
    profiles: str = Field("", description="folders with model profiles beside home/profiles, separated as in PATH")
    masker: str = Field("grabcut", description="what finds the masks of references: a name of the installed maskers")
    captioner: str = Field("class-word", description="what captions references: a name of the installed captioners")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, ...")
    video_codec: Literal["vp9", "h264"] = Field(
        "vp9", description="codec of MP4 files: vp9, which browsers play, or h264 for older players (a GPL encoder)"
    )
    pocket_weights: Path | None = Field(None, description="other weights for the pocket profile, same layout")

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read DREAMTUNER_* from `environ` (default: the process's); SettingsError for a value that does not fit."""
        environ = os.environ if environ is None else environ
        given = {
            name: environ[PREFIX + name.upper()] for name in cls.model_fields if environ.get(PREFIX + name.upper())
        }
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError(
                "\n".join(_explain(problem["loc"][0], problem["msg"]) for problem in error.errors())
            ) from error
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(settings.home)):
            use = "name a folder here, and a bucket in DREAMTUNER_STORE_URL"
            raise SettingsError(f"DREAMTUNER_HOME: {given['home']!r} is a URL; {use}")
        _demand_plugins(settings)
        home = settings.home.expanduser().absolute()
        if not settings.catalog_url and set("?#%") & set(str(home)):
            raise SettingsError(f"DREAMTUNER_HOME: {home} holds one of ? # %, which a database's URL cannot; rename it")
        weights = settings.pocket_weights
        return settings.model_copy(
            update={
                "home": home,
                "catalog_url": settings.catalog_url or f"sqlite:///{home / 'catalog.db'}",
                "store_url": settings.store_url or str(home / "objects"),
                "pocket_weights": None if weights is None else weights.expanduser().absolute(),
            }
        )

    @property
    def profile_folders(self) -> tuple[Path, ...]:
        """The folders that hold a user's own profiles."""
        return user_folders({"DREAMTUNER_HOME": str(self.home), "DREAMTUNER_PROFILES": self.profiles})

    @property
    def catalog_file(self) -> Path | None:
        """The file of a SQLite catalog; None when the catalog is a server."""
        prefix = "sqlite:///"
        return Path(self.catalog_url.removeprefix(prefix)) if self.catalog_url.startswith(prefix) else None

    def prefect_environment(self) -> dict[str, str]:
        """Prefect's variables, to be set before its import: a home inside ours, no profiles, no telemetry."""
        return {
            "PREFECT_HOME": str(self.home / "prefect"),
            "PREFECT_PROFILES_PATH": os.devnull,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
            "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
            "PREFECT_LOGGING_COLORS": "false",
        }


def _explain(field: int | str, message: str) -> str:
    name = str(field)
    what = Settings.model_fields[name].description
    return f"{PREFIX}{name.upper()}: {message} ({what}); correct the variable or unset it"


def _demand_plugins(settings: Settings) -> None:
    """SettingsError unless masker and captioner are installed; what is built in is known without a look."""
    if settings.masker != Settings.model_fields["masker"].default:
        from dreamtuner.preprocess.maskers import MASKERS

        if settings.masker not in MASKERS:
            raise SettingsError(
                f"DREAMTUNER_MASKER: there is no {settings.masker!r}; choose one of: {', '.join(MASKERS)}"
            )
    if settings.captioner != Settings.model_fields["captioner"].default:
        from dreamtuner.preprocess.captioners import CAPTIONERS

        if settings.captioner not in CAPTIONERS:
            known = ", ".join(CAPTIONERS)
            raise SettingsError(f"DREAMTUNER_CAPTIONER: there is no {settings.captioner!r}; choose one of: {known}")
