"""A model learns a subject once, and its cells are drawn with what it learnt: the tiny model, a real catalog, store
and Prefect."""

import fcntl
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from sqlalchemy import select

import flows.execution.finetune_worker
import flows.patience
from dreamtuner.families.memory import Need
from dreamtuner.finetune.checkpoint import from_bytes
from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.training.oracle import HEADS
from dreamtuner.score.oracle import Oracle
from flows.catalog import catalog
from flows.execution.device_lock import lock_file, locked_device
from flows.execution.prior_check import PriorCheck
from flows.finetune import FineTuneSummary, _config_of, _enter, finetune
from flows.ingestion.store_subject import prepare_and_store
from flows.outcome import result_of
from flows.planning.cells import digest_of
from flows.planning.finetune import finetune_job
from flows.planning.preview import preview
from flows.progress import Progress, listening
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
from flows.spec.subject import SubjectSpec
from storage.catalog import views
from storage.catalog.schema import Training, WorkSession
from storage.keys import blob_key
from storage.objects import StoreError, get_blob

pytestmark = pytest.mark.usefixtures("prefect_api")
NUMBERS: dict[str, Any] = {"steps": 4, "count": 2, "rank": 2, "preview_every": 2, "previews": ["a {subject}"]}


@pytest.fixture
def subject(references: Path) -> SubjectSpec:
    return SubjectSpec(name="pip", class_word="bear", reference=str(references / "pip.png"))


@pytest.fixture
def spec(subject: SubjectSpec) -> Spec:
    sampling = {"steps": 2}
    about = {"prompts": ("a {subject}", "one {subject}"), "seeds": (1,), "score": ("clip_t",), "sampling": sampling}
    return Spec(name="trip", subjects=(subject,), finetune=NUMBERS, **about)  # type: ignore[arg-type]


@pytest.fixture
def learnt(settings: Settings, subject: SubjectSpec) -> Callable[..., FineTuneSummary]:
    """Takes the subject in and lets the model learn it."""

    def call(**changes: Any) -> FineTuneSummary:
        prepare_and_store(subject, Resources.open())
        return finetune("pip", "pocket", settings=NUMBERS | changes)

    return call


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices that no other program of this machine waits for."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def taken(device: str = "cpu") -> bool:
    """Whether somebody holds the device."""
    with lock_file(device).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@pytest.mark.slow
def test_a_subject_is_learnt_once_and_its_cells_are_drawn_with_what_was_learnt(settings: Settings, spec: Spec) -> None:
    planned = preview(spec, Resources.open(settings)).cells
    assert [cell.prompt for cell in planned] == ["a bear [S*]", "one bear [S*]"]
    plain = preview(spec.model_copy(update={"finetune": None}), Resources.open(settings)).cells
    assert [cell.prompt for cell in plain] == ["a bear", "one bear"]
    told: list[Progress] = []
    held: list[bool] = []

    def listen(one: Progress) -> None:
        told.append(one)
        if one.stage == "finetune" and "loss" in one.note:
            held.append(taken())

    with listening(listen):
        first = catalog(spec)
    assert (first.made, first.failed) == (2, 0)
    assert held == [True], "the device is held while the model learns"
    assert not taken()
    [line] = [one for one in told if "loss" in one.note]
    assert (line.done, line.total) == (4, 4)
    assert "left" in line.note

    checkpoint = planned[0].recipe["checkpoint"]
    with Resources.open(settings).catalog.read() as s:
        cells = views.cells_of_run(s, first.run)
        view = views.training(s, checkpoint)
        [kept] = views.subject(s, 1).checkpoints
    assert [cell.digest for cell in cells] == [cell.digest for cell in planned]
    assert digest_of(view.recipe) == checkpoint
    assert (view.checkpoint_id, view.resume_sha256, view.step) == (kept.id, None, 4)
    assert all(set(cell.scores) == {"clip_t"} for cell in cells)
    assert not (settings.home / "finetune" / checkpoint).exists()

    told.clear()
    with listening(told.append):
        second = catalog(spec)
        found = finetune("pip", "pocket", settings=NUMBERS)
    assert (second.made, second.skipped) == (0, 2)
    assert not [one for one in told if "loss" in one.note], "learnt twice"
    assert (found.made, found.digest, found.checkpoint, found.steps) == (False, checkpoint, view.weights_sha256, 4)
    assert len(found.identities) == 2
    assert found.guard is None, "the tiny model has no oracle"

    assert view.weights_sha256 is not None
    Resources.open(settings).store.delete(blob_key(view.weights_sha256))
    Resources.open(settings)._checkpoints.clear()
    again = finetune("pip", "pocket", settings=NUMBERS)
    assert (again.made, again.digest) == (True, checkpoint), "lost bytes are learnt again"
    assert get_blob(Resources.open(settings).store, again.checkpoint)


def test_a_device_is_one_processs_until_it_dies() -> None:
    hold = (
        "import time; from flows.execution.device_lock import locked_device\n"
        "with locked_device('test'):\n print(1, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline()
        assert taken("test")
        holder.kill()
    with locked_device("test"):
        assert taken("test")
    assert not taken("test")


@pytest.mark.slow
def test_other_numbers_are_another_fine_tuning_and_other_cells(settings: Settings, spec: Spec) -> None:
    def digests(**changes: Any) -> tuple[str, str]:
        order = spec.model_copy(update={"finetune": NUMBERS | changes})
        cell = preview(order, Resources.open(settings)).cells[0]
        return cell.recipe["checkpoint"], cell.digest

    base = digests()
    for changes in ({"steps": 5}, {"mode": "full"}, {"lr": {"unet": 0.5}}, {"background": "kept"}, {"count": 3}):
        assert not set(digests(**changes)) & set(base), changes
    assert digests(steps=4) == base
    redrawn = preview(spec.model_copy(update={"sampling": {"steps": 3}}), Resources.open(settings)).cells[0]
    assert redrawn.recipe["checkpoint"] == base[0], "how the grid is drawn does not change what is learnt"
    assert redrawn.digest != base[1]


def test_a_learnt_subject_is_drawn_by_its_own_numbers_unless_a_spec_gives_others(
    settings: Settings, spec: Spec
) -> None:
    def drawn_by(**changes: Any) -> Any:
        return preview(spec.model_copy(update=changes), Resources.open(settings)).cells[0].recipe["sampling"]["p_r"]

    profile = get_profile("pocket")
    assert drawn_by(finetune=None) == profile.natural.p_r
    assert drawn_by() == profile.finetuned_sampling["p_r"] != profile.natural.p_r
    assert drawn_by(sampling={"p_r": 0.5}) == 0.5
    tuning = finetune_job(profile.finetuning(), profile)
    ours = (tuning.sampling["anime"].p_r, tuning.previews["anime"].p_r)
    assert ours == (profile.anime.p_r, profile.finetuned_sampling["p_r"]), "before it is learnt, and while"


@pytest.mark.slow
def test_killed_it_goes_on_elsewhere_from_the_state_in_the_store(
    settings: Settings, subject: SubjectSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = asked_for(subject, settings, steps=5, preview_every=5)
    monkeypatch.setattr(flows.execution.finetune_worker, "SAVE_EVERY", 2)
    keep = flows.execution.finetune_worker._store_state

    def then_die(*arguments: Any) -> None:
        keep(*arguments)
        raise SystemError("killed")

    with monkeypatch.context() as killing:
        killing.setattr(flows.execution.finetune_worker, "_store_state", then_die)
        with pytest.raises(SystemError, match="killed"):
            flows.execution.finetune_worker.run_finetune(digest, Resources.open(settings))
    with Resources.open(settings).catalog.read() as s:
        view = views.training(s, digest)
        before = s.scalars(select(Training.device_seconds).where(Training.digest == digest)).one()
    assert (view.step, view.owner, view.error) == (2, None, "SystemError: killed")
    assert before > 0
    assert view.resume_sha256 is not None
    shutil.rmtree(settings.home / "finetune")  # another machine
    steps: list[int] = []
    monkeypatch.setattr(flows.execution.finetune_worker, "_store_state", lambda *arguments: steps.append(arguments[-1]))
    one = from_bytes(learnt_weights(digest, settings))
    assert steps == [4, 5], "it began at 3"
    with Resources.open(settings).catalog.read() as s:
        total, device = s.execute(
            select(Training.device_seconds, Training.device).where(Training.digest == digest)
        ).one()
        sessions = s.execute(select(WorkSession.device_seconds, WorkSession.items).order_by(WorkSession.items)).all()
    assert total > before
    assert device == "cpu"
    assert [items for _, items in sessions] == [0, 1]
    assert total == pytest.approx(sum(seconds for seconds, _ in sessions), rel=0.02)
    assert not [one for one in Resources.open(settings).store.walk("blobs") if one.key == blob_key(view.resume_sha256)]
    monkeypatch.setenv("DREAMTUNER_HOME", str(settings.home / "other"))
    elsewhere = Settings.load()
    assert asked_for(subject, elsewhere, steps=5, preview_every=5) == digest
    other = from_bytes(learnt_weights(digest, elsewhere))
    assert one.tensors.keys() == other.tensors.keys()
    assert all(torch.equal(value, other.tensors[name]) for name, value in one.tensors.items())


def asked_for(subject: SubjectSpec, installed: Settings, **changes: Any) -> str:
    """The digest of the subject's fine-tuning, which is in the catalog then."""
    prepare_and_store(subject, Resources.open(installed))
    profile = Resources.open(installed).profile("pocket")
    return _enter(subject.name, profile, _config_of(profile, NUMBERS | changes), Resources.open(installed))


def learnt_weights(digest: str, installed: Settings) -> bytes:
    """The checkpoint of a fine-tuning that is carried out now."""
    assert flows.execution.finetune_worker.run_finetune(digest, Resources.open(installed))
    with Resources.open(installed).catalog.read() as s:
        view = views.training(s, digest)
    assert view.weights_sha256 is not None
    return get_blob(Resources.open(installed).store, view.weights_sha256)


def test_a_fine_tuning_waits_for_what_is_away_and_is_free_meanwhile(
    settings: Settings, subject: SubjectSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMTUNER_PATIENCE_SECONDS", "60")
    monkeypatch.setattr(flows.patience, "FIRST_SECONDS", 0.005)
    resources = Resources.open()
    digest = asked_for(subject, resources.settings)
    tries: list[str] = []

    def carry_out(view: Any, _: Resources, owner: str, account: Any) -> None:
        tries.append(owner)
        if len(tries) < 3:
            raise StoreError("bucket b: 503")

    monkeypatch.setattr(flows.execution.finetune_worker, "_train", carry_out)
    assert flows.execution.finetune_worker.run_finetune(digest, resources)
    assert len(tries) == 3
    with resources.catalog.read() as s:
        assert views.training(s, digest).error is None


@pytest.mark.slow
def test_what_cannot_be_learnt_is_told_and_the_others_go_on(
    settings: Settings, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows.execution.finetune_worker, "memory_of", lambda device: 1000)
    monkeypatch.setattr("dreamtuner.finetune.memory.need_of", lambda *_: Need(weights=900, learning=50, step=50))
    summary = result_of(lambda: catalog(spec))
    assert (summary.made, summary.failed) == (0, 2)
    assert "use a device with more memory" in summary.subjects[0].errors[0]
    with pytest.raises(InputError, match="SUBJECT: subject 'momo' has no reference"):
        finetune("momo")
    with pytest.raises(InputError, match="stesp: unknown key"):
        finetune("pip", "pocket", settings={"stesp": 3})


@pytest.mark.slow
def test_the_guard_is_measured_once_where_there_is_an_oracle(
    settings: Settings, learnt: Callable[..., FineTuneSummary], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(Resources.open(settings).profile("pocket").weights, tmp_path / "judged")
    Oracle(HEADS).save(tmp_path / "judged" / "oracle")
    monkeypatch.setenv("DREAMTUNER_POCKET_WEIGHTS", str(tmp_path / "judged"))
    words: list[int] = []

    def accuracy(backbone: Any, oracle: Oracle, class_word: str, **_: object) -> float:
        words.append(len(backbone.tokenizer))
        return 0.9 if len(words) == 1 else 0.85

    monkeypatch.setattr("dreamtuner.evaluation.prior_check.class_prompt_accuracy", accuracy)
    first, second = learnt(), learnt()
    assert words[1] == words[0] + 1, "before, and by the model that knows the word"
    assert len(words) == 2
    assert first.guard == second.guard == PriorCheck(0.9, 0.85)
    assert first.guard is not None
    assert first.guard.points_lost == pytest.approx(5)
    assert first.previews is not None
    with Image.open(first.previews) as sheet:
        assert sheet.height > 3 * 128
