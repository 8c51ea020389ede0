"""Opens what a run works with once (catalog, store, profiles, models), as one object to pass down."""

import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from dreamtuner.models.layouts import Kind, part_of
from dreamtuner.models.profiles import Profile, get_profile
from dreamtuner.models.weights import parts_digest, weights_digest
from dreamtuner.settings.sampling import Dtype
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
"""The number of checkpoints cached in memory; the least recently used is dropped first."""


class Resources:
    """What a run works with. A flow or task opens it and passes it, or the part needed, to what it calls.

    Everything is opened or loaded on first use. `Resources.open` returns one object for equal settings, so that all
    runs of a process share connections and weights.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._loaded: dict[tuple[Any, ...], Any] = {}
        self._checkpoints: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self.model_loads, self.model_load_seconds = 0, 0.0  # of this process so far

    @staticmethod
    def open(settings: Settings | None = None) -> "Resources":
        """Return the resources of this process for `settings`, by default those from its environment."""
        return _opened(Settings.load() if settings is None else settings)

    @cached_property
    def catalog(self) -> "Catalog":
        """Open the catalog; create or migrate it if necessary. Waits for a restarting database server."""
        from storage.catalog import Catalog
        from storage.catalog.database.transaction_retry import PATIENCE_SECONDS

        if (file := self.settings.catalog_file) is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        return Catalog.open(self.settings.catalog_url, patience=PATIENCE_SECONDS)

    @property
    def catalog_if_any(self) -> "Catalog | None":
        """Return the catalog; None if it is a file that does not exist yet. Never creates it."""
        file = self.settings.catalog_file
        return self.catalog if file is None or catalog_exists(file) else None

    @cached_property
    def store(self) -> "ObjectStore":
        """Open the object store."""
        from storage.objects import open_store

        return open_store(self.settings.store_url)

    @cached_property
    def device(self) -> str:
        """Return the device to compute on; `auto` is the GPU if there is one."""
        if self.settings.device != "auto":
            return self.settings.device
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    @cached_property
    def device_class(self) -> str:
        """Return the class of the device, by which its time is counted and priced: cpu, or the name of the GPU."""
        if not self.device.startswith("cuda"):
            return self.device
        import torch

        return torch.cuda.get_device_name(torch.device(self.device))

    def patience(self) -> "Patience":
        """Return a new retry policy, for one run with all its threads."""
        from flows.patience import Patience

        return Patience(self.settings.patience_seconds)

    def profile(self, name: str) -> Profile:
        """Return the profile called `name`, with its weights where the settings say."""
        profile, moved = get_profile(name, self.settings.profile_folders), self.settings.weights_of(name)
        return profile if moved is None else profile.model_copy(update={"weights": moved})

    def weights_digest(self, profile: str) -> str:
        """Return the digest of the profile's weights on disk, hashed once. Raises WeightsMissingError."""
        return _once(self._loaded, ("weights", profile), lambda: weights_digest(self.profile(profile)))

    def part_digests(self, profile: str) -> dict[str, str]:
        """Return the digest of each part of the profile that affects an image."""
        found = self.profile(profile)
        return {part: parts_digest(found, [part]) for part in found.image_parts}

    def controlnet_digest(self, profile: str, kind: Kind) -> str:
        """Return the weights digest of the profile's ControlNet of this kind."""
        return _once(
            self._loaded,
            ("controlnet", profile, kind),
            lambda: parts_digest(self.profile(profile), [part_of(kind)]),
        )

    def backbone(self, profile: str, dtype: Dtype = "float32") -> "Backbone":
        """Load the model of a profile in a dtype, once; it must never be passed between tasks.

        It replaces the profile's model of another dtype, so that the weights are in memory once.
        """
        from dreamtuner.families.placement import placed
        from dreamtuner.families.precision import torch_dtype
        from dreamtuner.families.registry import load_backbone
        from flows.faults import UnfitModelError

        computed = torch_dtype(dtype, self.device)
        for key in [one for one in self._loaded if one[:2] == ("backbone", profile) and one[2] != computed]:
            del self._loaded[key]

        def load() -> "Backbone":
            found = self.profile(profile)
            if (short := self.memory_problem(profile, dtype)) is not None:
                raise UnfitModelError(short)
            return placed(
                lambda device: load_backbone(found, device=device, dtype=computed),
                self.device,
                offload=self.settings.offload,
                compiled=self.settings.compile,
            )

        return _once(self._loaded, ("backbone", profile, computed), lambda: self._timed(load))

    def drop_models(self) -> None:
        """Forget the loaded models, so that something else has the memory; they are loaded again when needed."""
        for key in [one for one in self._loaded if one[0] == "backbone"]:
            del self._loaded[key]
        self._checkpoints.clear()

    def memory_problem(self, profile: str, dtype: Dtype = "bfloat16") -> str | None:
        """Return why the weights of a profile do not fit into the free memory where they will lie.

        None if they do, if they are loaded, or if nothing is known.
        """
        import torch

        from dreamtuner.families.inference_memory import free_bytes
        from dreamtuner.models.intake.memory_check import memory_problem

        if any(key[:2] == ("backbone", profile) for key in self._loaded):
            return None
        free = free_bytes(torch.device(self.device if self.settings.offload == "none" else "cpu"))
        return None if free is None else memory_problem(self.profile(profile), free, dtype)

    def scorer(self, profile: str, metric: str) -> Any:
        """Load the model of a metric for a profile, once; metrics with the same loader share it."""
        from dreamtuner.score import METRICS

        load = METRICS[metric].load
        return _once(
            self._loaded,
            ("scorer", profile, load),
            lambda: self._timed(lambda: load(self.profile(profile), self.device)),
        )

    def _timed(self, load: Callable[[], T]) -> T:
        """Load a model and count the seconds that took."""
        began = time.monotonic()
        found = load()
        self.model_loads, self.model_load_seconds = (
            self.model_loads + 1,
            self.model_load_seconds + time.monotonic() - began,
        )
        return found

    def checkpoint(self, digest: str) -> "Checkpoint":
        """Load the checkpoint of a finished fine-tuning by its digest.

        Raises NotInCatalogError (unknown or unfinished), StoreError or CheckpointError.
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
            raise NotInCatalogError(
                f"fine-tuning {digest[:12]} of {view.subject_name} is not finished; run the spec again"
            )
        return from_bytes(get_blob(self.store, view.weights_sha256), name=f"checkpoint of {view.subject_name}")


@cache
def _opened(settings: Settings) -> Resources:
    return Resources(settings)


def _once(held: MutableMapping[tuple[Any, ...], Any], key: tuple[Any, ...], load: Callable[[], T]) -> T:
    """Return the cached value of the key; load it if it is missing."""
    if key not in held:
        held[key] = load()
    found: T = held[key]
    return found


def free_memory() -> None:
    """Free the unused device memory that torch caches."""
    import gc

    import torch

    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()
