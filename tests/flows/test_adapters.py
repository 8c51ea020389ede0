"""Recipes hold the digests of the LoRAs, VAE and embeddings that a cell uses; specs and workers are held to them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import save_file

from dreamtuner.families.registry import load_backbone
from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.profiles import Profile
from flows.execution.recipe_rows import recipe_of_row
from flows.ingestion.store_subject import prepare_and_store
from flows.planning.cells import PlannedCell, canonical, plan_cells
from flows.planning.finetune import finetune_job
from flows.planning.preflight import preflight
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
from flows.spec_run import record
from storage.catalog import views, writes
from tests.adapter_files import diffusers_lora, kohya_lora, vectors
from tests.flows.conftest import MakeCells

Plan = Callable[..., list[PlannedCell]]


@pytest.fixture
def files(settings: Settings, tiny_profile: Profile, tmp_path: Path) -> Path:
    """The folder of two LoRAs and an embedding, and a user's profile `mine` that offers them."""
    folder = tmp_path / "adapters"
    folder.mkdir()
    backbone = load_backbone(tiny_profile)
    models = {"unet": backbone.unet, "text_encoder": backbone.text_encoder}
    diffusers_lora(folder / "water.safetensors", models)
    kohya_lora(folder / "ink.safetensors", models)
    save_file({"<toy>": vectors(1, 16)[0]}, folder / "toy.safetensors")
    profiles = settings.home / "profiles"
    profiles.mkdir(parents=True)
    content = {
        "weights": str(tiny_profile.weights),
        "resolution": 64,
        "licence": "MIT",
        "loras": {"water": str(folder / "water.safetensors"), "ink": str(folder / "ink.safetensors")},
        "embeddings": {"<toy>": str(folder / "toy.safetensors")},
        "vaes": {"own": str(tiny_profile.weights / "vae")},
        "sampling": {"steps": 2},
    }
    (profiles / "mine.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture
def planned(settings: Settings, files: Path, references: Path) -> Plan:
    """Plans and records the cells of a spec of two prompts, the second with the embedding."""

    def plan(**sampling: Any) -> list[PlannedCell]:
        resources = Resources.open(settings)
        subject = {"name": "pip", "class_word": "bear", "reference": str(references / "pip.png")}
        prompts = ["a {subject}", "a {subject} and a <toy>"]
        grid = {"subjects": [subject], "prompts": prompts, "seeds": [1], "score": []}
        spec = Spec.model_validate({"name": "t", "profile": "mine", "sampling": sampling, **grid})
        kept, ready = prepare_and_store(spec.subjects[0], resources), preflight(spec, resources)
        cells = plan_cells(spec, [kept.facts], ready.setup)
        with resources.catalog.write() as s:
            run_id = writes.start_run(s, name="t", spec={}, flow_run_id=None)
        record(spec, resources, ready, run_id, [kept], cells)
        return cells

    return plan


def test_a_recipe_holds_what_its_cell_uses_and_nothing_else(planned: Plan, files: Path) -> None:
    plain, embedded = planned()
    assert "adapters" not in plain.recipe
    assert embedded.recipe["adapters"] == {"embedding <toy>": file_sha256(files / "toy.safetensors")}
    both = planned(loras={"water": 0.8, "ink": 0}, vae="own")[1]
    assert set(both.recipe["adapters"]) == {"embedding <toy>", "lora water", "vae own"}
    weaker = planned(loras={"water": 0.7}, vae="own")[1]
    assert weaker.recipe["adapters"] == both.recipe["adapters"]
    assert weaker.digest != both.digest


@pytest.mark.parametrize("more", [{}, pytest.param({"dtype": "bfloat16"}, marks=pytest.mark.slow)])
def test_cells_of_adapters_are_generated_from_their_rows(
    planned: Plan, settings: Settings, make_cells: MakeCells, files: Path, more: dict[str, Any]
) -> None:
    digests = [cell.digest for fields in ({}, {"loras": {"ink": 0.8}, **more}) for cell in planned(**fields)]
    assert make_cells(digests).made == tuple(digests)
    with Resources.open(settings).catalog.read() as s:
        rows = [views.cell(s, digest) for digest in digests]
    assert len({row.image_sha256 for row in rows}) == len(rows)
    assert all('"adapters"' in canonical(recipe_of_row(row)) for row in rows[1:])


def test_a_worker_with_other_files_releases_the_cells_and_says_which(
    planned: Plan, make_cells: MakeCells, files: Path
) -> None:
    digests = [cell.digest for cell in planned(loras={"water": 0.8})]
    (files / "toy.safetensors").unlink()
    (files / "water.safetensors").write_bytes((files / "ink.safetensors").read_bytes())
    blocked = make_cells(digests).blocked
    assert "the lora water of profile mine changed since the plan" in blocked[digests[0]]
    (files / "water.safetensors").unlink()
    assert "this worker lacks the lora water of profile mine" in make_cells(digests).blocked[digests[0]]


def test_what_the_profile_lacks_is_refused_before_anything_is_written(planned: Plan, files: Path) -> None:
    (files / "water.safetensors").unlink()
    refused: dict[str, dict[str, Any]] = {
        r"sampling\.loras\.oil: the profile has no LoRA 'oil'; it has ink, water": {"loras": {"oil": 1}},
        r"sampling\.loras\.water: the file .* is missing": {"loras": {"water": 1}},
        r"sampling\.vae: the profile has no VAE 'kl'; it has own": {"vae": "kl"},
    }
    for why, sampling in refused.items():
        with pytest.raises(InputError, match=why):
            planned(**sampling)


def test_a_broken_embedding_is_refused_where_a_prompt_has_its_token(planned: Plan, files: Path) -> None:
    (files / "toy.safetensors").write_bytes(b"words")
    with pytest.raises(InputError, match=r"profile\.embeddings\.<toy>: .* is not a safetensors file"):
        planned()


def test_a_checkpoint_serves_specs_with_any_adapters(settings: Settings, files: Path) -> None:
    profile = Resources.open(settings).profile("mine")
    styled = {"loras": {"water": 0.5}, "vae": "own", "dtype": "bfloat16"}
    changed = profile.model_copy(update={"natural": profile.natural.model_copy(update=styled)})
    jobs = [finetune_job(one.finetuning(), one) for one in (profile, changed)]
    assert jobs[0].sampling["natural"] == jobs[1].sampling["natural"]
    assert jobs[0].previews["natural"] == jobs[1].previews["natural"]
