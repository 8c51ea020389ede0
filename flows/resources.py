"""Opens what a run works with once: catalog, store, profiles and models, in one object that is handed down."""

from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from dreamtuner.models.layouts import Kind, part_of
from dreamtuner.models.profiles import Profile, get_profile
from dreamtuner.models.weights import digest_of, weights_digest
from flows.settings import Settings
from storage.atomic_renames import catalog_exists

if TYPE_CHECKING:
    from dreamtuner.families.backbone import Backbone
    from dreamtuner.finetune.result import Checkpoint
    from flows.patience import Patience
    from storage.catalog import Catalog
    from storage.objects import ObjectStore

T = TypeVar("T")
CHECKPOINTS = 4
"""How many checkpoints of fine-tuned subjects are held in memory; the one that was used longest ago goes first."""


class Resources:
    """What a run works with. A flow or task opens it and hands it, or the part that is needed, to what it calls.

    Nothing is opened or loaded before it is first used. `Resources.open` gives one object for equal settings, so that
    all runs of a process share connections and weights.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._loaded: dict[tuple[Any, ...], Any] = {}
        self._checkpoints: OrderedDict[tuple[Any, ...], Any] = OrderedDict()

    @staticmethod
    def open(settings: Settings | None = None) -> "Resources":
        """The resources of this process for `settings`, by default those of its environment."""
        return _opened(Settings.load() if settings is None else settings)

    @cached_property
    def catalog(self) -> "Catalog":
        """The catalog, made or migrated when needed; a server that restarts is waited for, as later on."""
        from storage.catalog import Catalog
        from storage.catalog.database.transaction_retry import PATIENCE_SECONDS

        if (file := self.settings.catalog_file) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        return Catalog.open(self.settings.catalog_url, patience=PATIENCE_SECONDS)

    @property
    def catalog_if_any(self) -> "Catalog | None":
        """The catalog, unless it is a file that is not there yet: looking must not make it."""
        file = self.settings.catalog_file
        return self.catalog if file is None or catalog_exists(file) else None

    @cached_property
    def store(self) -> "ObjectStore":
        """The object store."""
        from storage.objects import open_store

        return open_store(self.settings.store_url)

    @cached_property
    def device(self) -> str:
        """The device to compute on; `auto` is the GPU where there is one."""
        if self.settings.device != "auto":
            return self.settings.device
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def patience(self) -> "Patience":
        """How long one run, with all its threads, bears with what is away."""
        from flows.patience import Patience

        return Patience(self.settings.patience_seconds)

    def profile(self, name: str) -> Profile:
        """The profile called `name`; pocket with other weights where the settings say so."""
        profile = get_profile(name, self.settings.profile_folders)
        if name == "pocket" and self.settings.pocket_weights is not None:
            return profile.model_copy(update={"weights": self.settings.pocket_weights})
        return profile

    def weights_digest(self, profile: str) -> str:
        """The digest of the profile's weights on disk, hashed once. WeightsMissingError names what is not there."""
        return _once(self._loaded, ("weights", profile), lambda: weights_digest(self.profile(profile)))

    def controlnet_digest(self, profile: str, kind: Kind) -> str:
        """The digest of the profile's ControlNet for layouts of this kind."""
        return _once(
            self._loaded,
            ("controlnet", profile, kind),
            lambda: digest_of(self.profile(profile).weights, [part_of(kind)]),
        )

    def backbone(self, profile: str) -> "Backbone":
        """The loaded model of a profile; the heavy thing that must never cross a task's border."""
        from dreamtuner.families.registry import load_backbone

        return _once(
            self._loaded, ("backbone", profile), lambda: load_backbone(self.profile(profile), device=self.device)
        )

    def scorer(self, profile: str, metric: str) -> Any:
        """The model that a metric scores a profile's images with; metrics that load the same share it."""
        from dreamtuner.score import METRICS

        load = METRICS[metric].load
        return _once(self._loaded, ("scorer", profile, load), lambda: load(self.profile(profile), self.device))

    def checkpoint(self, digest: str) -> "Checkpoint":
        """The weights that a finished fine-tuning produced, by its digest.

        NotInCatalogError, StoreError, CheckpointError: it is unknown or unfinished, or its bytes are no checkpoint.
        """
        tuned: Checkpoint = _once(self._checkpoints, (digest,), lambda: self._read_checkpoint(digest))
        self._checkpoints.move_to_end((digest,))
        while len(self._checkpoints) > CHECKPOINTS:
            self._checkpoints.popitem(last=False)
        return tuned

    def _read_checkpoint(self, digest: str) -> "Checkpoint":
        from dreamtuner.finetune.checkpoint import from_bytes
        from storage.catalog import views
        from storage.catalog.records import NotInCatalogError
        from storage.objects import get_blob

        with self.catalog.read() as s:
            view = views.training(s, digest)
        if view.weights_sha256 is None:
            raise NotInCatalogError(f"fine-tuning {digest[:12]} of {view.subject_name} is not done; run the spec again")
        return from_bytes(get_blob(self.store, view.weights_sha256), name=f"checkpoint of {view.subject_name}")


@cache
def _opened(settings: Settings) -> Resources:
    return Resources(settings)


def _once(held: MutableMapping[tuple[Any, ...], Any], key: tuple[Any, ...], load: Callable[[], T]) -> T:
    """What is held under the key, loaded where it is not."""
    if key not in held:
        held[key] = load()
    found: T = held[key]
    return found


def free_memory() -> None:
    """Give back what this process keeps of the devices' memory without using it."""
    import gc

    import torch

    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()
