"""A fine-tuning that cannot work, or that nobody may have meant, is refused before anything is written."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from dreamtuner.models.profiles import get_profile
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.sampling import Sampling
from flows.execution.finetune_worker import _mapped
from flows.planning.finetune import FineTuneJob
from flows.planning.preview import preview
from flows.planning.trainable import demand_images, demand_optimizer, demand_same_weights
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.problems import InputError
from flows.spec.yaml_file import parse_spec
from storage.catalog import Catalog
from storage.ingest import storing
from storage.keys import blob_key
from storage.maintenance.gc import discard


@dataclass
class _Catalog:
    """A catalog of past fine-tunings."""

    past: list[Any] = field(default_factory=list)

    def read(self) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_changed_weights_are_asked_about_unless_nothing_would_be_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = get_profile("pocket")
    past = [SimpleNamespace(profile="pocket", weights_digest="old", digest="a" * 64)]
    monkeypatch.setattr("storage.catalog.views.trainings_of", lambda s, subject: past)
    now: Any = SimpleNamespace(catalog=_Catalog(), weights_digest=lambda name: "new")
    with pytest.raises(InputError, match=r"pip was last fine-tuned: .*; --new-weights does that"):
        demand_same_weights("pip", profile, "b" * 64, now)
    demand_same_weights("pip", profile, "a" * 64, now)
    past.insert(0, SimpleNamespace(profile="pocket", weights_digest="new", digest="c" * 64))
    demand_same_weights("pip", profile, "b" * 64, now)
    past[:] = [SimpleNamespace(profile="sd15", weights_digest="old", digest="d" * 64)]
    demand_same_weights("pip", profile, "b" * 64, now)


def test_images_that_the_model_cannot_generate_are_refused() -> None:
    profile, fine, odd = get_profile("pocket"), Sampling(resolution=64), Sampling(resolution=64, scheduler="Flow Euler")
    demand_images(FineTuneJob(FineTuneConfig(), {"natural": fine}, {"natural": fine}), profile, "natural")
    with pytest.raises(InputError, match=r"scheduler: Flow Euler is for models trained by flow matching.*change that"):
        demand_images(FineTuneJob(FineTuneConfig(), {"natural": fine}, {"natural": odd}), profile, "natural")


def test_an_optimizer_of_another_device_is_refused() -> None:
    on_cpu: Any = SimpleNamespace(device="cpu")
    demand_optimizer(FineTuneConfig(optimizer="adafactor"), on_cpu, "spec 'trip'")
    with pytest.raises(InputError, match=r"spec 'trip': finetune.optimizer: adamw8bit runs on CUDA"):
        demand_optimizer(FineTuneConfig(optimizer="adamw8bit"), on_cpu, "spec 'trip'")


@pytest.mark.parametrize(
    ("finetune", "said"),
    [
        ({"mode": "full", "dora": True}, r"finetune\.dora: .*set mode to lora"),
        ({"dora": True}, r"finetune\.dora: .*set unet_kept to 1"),
        ({"regular": "none", "prior_weight": 2}, r"finetune\.prior_weight: .*set regular to"),
        ({"optimizer": "adamw8bit"}, r"finetune\.optimizer: .*CUDA"),
    ],
)
def test_a_plan_says_which_settings_do_not_go_together(
    settings: Settings, references: Path, finetune: dict[str, Any], said: str
) -> None:
    """The pocket profile keeps half of what its U-Net learns, which a spec need not say."""
    subjects = [{"name": "pip", "class_word": "bear", "reference": str(references / "pip.png")}]
    asked = {"name": "trip", "subjects": subjects, "prompts": ["a {subject}"], "seeds": [1], "finetune": finetune}
    with pytest.raises(InputError, match=said):
        preview(parse_spec(yaml.safe_dump(asked), source="spec.yaml", base=references), Resources.open(settings))


def test_a_replaced_blob_is_deleted_at_once_and_one_in_use_is_not(settings: Settings, tmp_path: Path) -> None:
    resources = Resources.open(settings)
    catalog: Catalog = resources.catalog
    (tmp_path / "state").write_bytes(b"weights" * 1000)
    with (
        _mapped(tmp_path / "state") as data,
        storing(catalog, resources.store, (data, "application/octet-stream")) as (_, [sha256]),
    ):
        pass
    assert resources.store.get(blob_key(sha256)) == b"weights" * 1000
    assert discard(catalog, resources.store, sha256)
    assert not resources.store.exists(blob_key(sha256))
    assert not discard(catalog, resources.store, sha256)
