"""What a process opens once and keeps: catalog, store and models. Tasks carry ids and ask here for the rest."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from dreamtuner.models.layouts import Kind, part_of
from dreamtuner.models.profiles import Profile, get_profile
from dreamtuner.models.weights import digest_of, weights_digest
from dreamtuner.score import METRICS
from flows.settings import Settings
from storage.catalog import Catalog, views
from storage.catalog.database.retry import PATIENCE_SECONDS
from storage.catalog.records import NotInCatalog
from storage.objects import ObjectStore, get_blob, open_store
from storage.swap import is_there

if TYPE_CHECKING:
    from dreamtuner.families.backbone import Backbone
    from dreamtuner.finetune.result import Tuned


@cache
def catalog_of(settings: Settings) -> Catalog:
    """The catalog, made or migrated when needed; a server that restarts is waited for, as later on."""
    if (file := settings.catalog_file) is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    return Catalog.open(settings.catalog_url, patience=PATIENCE_SECONDS)


def catalog_if_any(settings: Settings) -> Catalog | None:
    """The catalog, unless it is a file that is not there yet: looking must not make it."""
    file = settings.catalog_file
    return catalog_of(settings) if file is None or is_there(file) else None


@cache
def store_of(settings: Settings) -> ObjectStore:
    """The object store."""
    return open_store(settings.store_url)


def profile_of(settings: Settings, name: str) -> Profile:
    """The profile called `name`; pocket with other weights where the settings say so."""
    profile = get_profile(name, settings.profile_folders)
    if name == "pocket" and settings.pocket_weights is not None:
        return profile.model_copy(update={"weights": settings.pocket_weights})
    return profile


@cache
def weights_digest_of(settings: Settings, name: str) -> str:
    """The digest of the profile's weights on disk, hashed once a process. WeightsMissing names what is not there."""
    return weights_digest(profile_of(settings, name))


@cache
def controlnet_digest_of(settings: Settings, name: str, kind: Kind) -> str:
    """The same of the profile's ControlNet that follows layouts of this kind."""
    return digest_of(profile_of(settings, name).weights, [part_of(kind)])


@cache
def backbone_of(settings: Settings, name: str) -> "Backbone":
    """The loaded model of a profile; the heavy thing that must never cross a task's border."""
    from dreamtuner.families.registry import load_backbone

    return load_backbone(profile_of(settings, name), device=device_of(settings))


@lru_cache(maxsize=4)
def tuned_of(settings: Settings, digest: str) -> "Tuned":
    """What a finished fine-tuning learnt, by its digest. CheckpointRefused, StoreError: its bytes are no checkpoint."""
    from dreamtuner.finetune.checkpoint import from_bytes

    with catalog_of(settings).read() as s:
        view = views.training(s, digest)
    if view.weights_sha256 is None:
        raise NotInCatalog(f"fine-tuning {digest[:12]} of {view.subject_name} is not done; run the spec again")
    return from_bytes(get_blob(store_of(settings), view.weights_sha256), name=f"checkpoint of {view.subject_name}")


def scorer_of(settings: Settings, name: str, metric: str) -> Any:
    """The model that a metric scores a profile's images with; metrics that load the same share it."""
    return _scorer(settings, name, METRICS[metric].load)


@cache
def _scorer(settings: Settings, name: str, load: Callable[[Profile, str], Any]) -> Any:
    return load(profile_of(settings, name), device_of(settings))


def device_of(settings: Settings) -> str:
    """The device to compute on; `auto` is the GPU where there is one."""
    if settings.device != "auto":
        return settings.device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def free_memory() -> None:
    """Give back what this process keeps of the devices' memory without using it."""
    import gc

    import torch

    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()
