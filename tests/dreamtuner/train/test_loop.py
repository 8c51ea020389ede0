"""The one training loop: a resumed run is the unbroken one, to the last bit."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dreamtuner.train.loop import train
from dreamtuner.train.save_times import SMALL_BYTES, SaveTimes
from dreamtuner.train.settings import LoopSettings
from dreamtuner.train.stage import Events
from dreamtuner.train.state import load_ema
from dreamtuner.train.tensor_file import write_tensors


class _Line:
    """Learns y = 3x + noise with a linear layer and a frozen one beside it."""

    def __init__(self, width: int) -> None:
        self.learns = nn.Sequential(nn.Linear(width, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        self.learns[0].bias.requires_grad_(False)

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        x = torch.randn(16, self.learns[0].in_features, generator=generator)
        error = self.learns(x) - 3 * x.sum(1, keepdim=True)
        return error.square().mean(), {"size": float(x.std()), f"of_{generator.initial_seed() % 2}": 1.0}


@dataclass(frozen=True)
class _LineFactory:
    width: int = 3

    def build(self, device: torch.device) -> _Line:
        return _Line(self.width)


@dataclass(frozen=True)
class _Killed:
    """Dies in the loss of one step, as a kill would."""

    at: int

    def build(self, device: torch.device) -> _Line:
        stage = _Line(3)
        plain = stage.loss

        def loss(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
            if step == self.at:
                raise KeyboardInterrupt
            return plain(step, generator)

        stage.loss = loss  # type: ignore[method-assign]
        return stage


def _settings(**changes: object) -> LoopSettings:
    return LoopSettings.model_validate(
        {"steps": 40, "lr": 0.02, "warmup": 5, "log_every": 10, "save_every": 10, **changes}
    )


def _quiet(line: str) -> None:
    pass


def test_loss_falls(tmp_path: Path):
    assert train(_LineFactory(), _settings(steps=200), tmp_path, report=_quiet) == 200
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] / 2


def test_a_killed_run_resumes_to_the_unbroken_one(tmp_path: Path):
    train(_LineFactory(), _settings(), tmp_path / "unbroken", report=_quiet)
    with pytest.raises(KeyboardInterrupt):
        train(_Killed(at=35), _settings(save_every=20), tmp_path / "killed", report=_quiet)
    train(_LineFactory(), _settings(save_every=20), tmp_path / "killed", report=_quiet)
    one, other = (load_file(tmp_path / name / "state.safetensors") for name in ("unbroken", "killed"))
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name
    logged = [json.loads(line)["step"] for line in (tmp_path / "killed" / "log.jsonl").read_text().splitlines()]
    assert logged == [10, 20, 30, 40]


@pytest.mark.parametrize("optimizer", ["adamw", "adamw16bit", "adafactor"])
def test_without_averages_a_run_resumes_as_well_and_its_state_is_smaller(tmp_path: Path, optimizer: str):
    settings = _settings(ema=0.0, accumulate=2, optimizer=optimizer)
    train(_LineFactory(), settings, tmp_path / "unbroken", report=_quiet)
    with pytest.raises(KeyboardInterrupt):
        train(_Killed(at=35), settings, tmp_path / "killed", report=_quiet)
    train(_LineFactory(), settings, tmp_path / "killed", report=_quiet)
    one, other = (load_file(tmp_path / name / "state.safetensors") for name in ("unbroken", "killed"))
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    assert not any(name.startswith("ema/") for name in one)
    module = _Line(3).learns
    assert load_ema(tmp_path / "killed", module) == 40
    assert torch.equal(module[0].weight, one["weights/0.weight"])
    other_one = {"adamw": "adafactor", "adamw16bit": "adamw", "adafactor": "adamw"}[optimizer]
    with pytest.raises(ValueError, match=f"written with optimizer {optimizer}"):
        train(_LineFactory(), _settings(ema=0.0, optimizer=other_one), tmp_path / "killed", report=_quiet)


def test_accumulated_batches_are_averaged(tmp_path: Path):
    train(_LineFactory(), _settings(steps=1, accumulate=3), tmp_path / "loop", report=_quiet)
    torch.manual_seed(0)
    stage = _Line(3)
    generator = torch.Generator().manual_seed(0)
    loss = sum(float(stage.loss(0, generator)[0].detach()) for _ in range(3)) / 3
    logged = json.loads((tmp_path / "loop" / "log.jsonl").read_text().splitlines()[-1])
    assert logged["loss"] == pytest.approx(loss, rel=1e-4)


def test_sigterm_is_answered_after_the_step_with_the_state_saved(tmp_path: Path):
    @dataclass(frozen=True)
    class Ended:
        def build(self, device: torch.device) -> _Line:
            stage = _Line(3)
            plain = stage.loss

            def loss(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
                if step == 12:
                    signal.raise_signal(signal.SIGTERM)
                return plain(step, generator)

            stage.loss = loss  # type: ignore[method-assign]
            return stage

    saved: list[int] = []
    with pytest.raises(SystemExit) as ended:
        train(Ended(), _settings(save_every=30), tmp_path, report=_quiet, events=Events(saved=saved.append))
    assert ended.value.code == 0
    assert saved == [13]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert train(_LineFactory(), _settings(), tmp_path, report=_quiet) == 40


def test_a_large_state_is_saved_by_minutes_and_a_small_one_by_steps(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr("dreamtuner.train.save_times.time.monotonic", lambda: now[0])
    settings = _settings(save_every=5, save_minutes=5.0)
    small, large = (SaveTimes(settings, lambda size=size: size) for size in (SMALL_BYTES - 1, SMALL_BYTES))
    assert [step for step in range(1, 11) if small.due(step)] == [5, 10]
    assert not large.due(5)
    now[0] = 300.0
    assert large.due(6)
    large.saved()
    assert not large.due(7)


def test_tensors_are_written_one_by_one_in_the_format_that_safetensors_reads(tmp_path: Path):
    kinds = (torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool)
    tensors = {f"{kind}": torch.arange(6).reshape(1, 2, 3).to(kind) for kind in kinds}
    tensors |= {"scalar": torch.tensor(2.5), "empty": torch.empty(0, 3), "turned": torch.rand(2, 3, 4, 5)}
    tensors["turned"] = tensors["turned"].to(memory_format=torch.channels_last)
    write_tensors(tmp_path / "file.safetensors", tensors, {"step": "3"})
    read = load_file(tmp_path / "file.safetensors")
    assert read.keys() == tensors.keys()
    for name, one in tensors.items():
        assert read[name].dtype == one.dtype
        assert torch.equal(read[name], one), name


def test_a_finished_run_does_nothing(tmp_path: Path):
    train(_LineFactory(), _settings(), tmp_path, report=_quiet)
    before = (tmp_path / "state.safetensors").read_bytes()
    assert train(_LineFactory(), _settings(), tmp_path, report=_quiet) == 40
    assert (tmp_path / "state.safetensors").read_bytes() == before


def test_no_steps_keep_what_the_stage_starts_from(tmp_path: Path):
    stage = _Line(3)

    @dataclass(frozen=True)
    class Begun:
        def build(self, device: torch.device) -> _Line:
            return stage

    assert train(Begun(), _settings(steps=0), tmp_path, processes=2, report=_quiet) == 0
    module = _Line(3).learns
    assert load_ema(tmp_path, module) == 0
    assert torch.equal(module[0].weight, stage.learns[0].weight)


def test_a_time_limit_stops_and_saves(tmp_path: Path):
    done = train(_LineFactory(), _settings(steps=10_000), tmp_path, minutes=0.0, report=_quiet)
    assert done == 1
    assert train(_LineFactory(), _settings(steps=10_000), tmp_path, minutes=0.0, report=_quiet) == 2


def test_processes_share_no_single_gpu(tmp_path: Path):
    with pytest.raises(ValueError, match="processes"):
        train(_LineFactory(), _settings(), tmp_path, processes=2, device="cuda:0")


@pytest.mark.slow
def test_two_processes_average_their_gradients(tmp_path: Path):
    assert train(_LineFactory(), _settings(steps=20), tmp_path, processes=2) == 20
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert last["of_0"] == last["of_1"] == 1.0  # each was measured by one of them alone
    module = _Line(3).learns
    assert load_ema(tmp_path, module) == 20


def test_the_state_of_another_model_is_refused(tmp_path: Path):
    train(_LineFactory(), _settings(steps=1), tmp_path, report=_quiet)

    @dataclass(frozen=True)
    class Other:
        def build(self, device: torch.device) -> _Line:
            stage = _Line(3)
            stage.learns.append(nn.Linear(1, 1))
            return stage

    with pytest.raises(ValueError, match="another model"):
        train(Other(), _settings(), tmp_path, report=_quiet)


def test_the_learning_rate_rises_stays_and_falls():
    settings = _settings(steps=100, warmup=10, cooldown=0.2, lr=1.0)
    rates = [settings.lr_at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:80] == [1.0] * 71
    assert rates[-1] == pytest.approx(0.05)


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="stesp"):
        LoopSettings.model_validate({"stesp": 3, "lr": 1.0})


_ENDLESS = """
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from dreamtuner.train.loop import train
from dreamtuner.train.settings import LoopSettings


class Line:
    def __init__(self):
        self.learns = nn.Linear(1, 1)

    def loss(self, step, generator):
        return self.learns(torch.ones(1, 1)).sum(), {}


@dataclass(frozen=True)
class Factory:
    def build(self, device):
        return Line()


if __name__ == "__main__":
    train(Factory(), LoopSettings(steps=10**9, lr=1e-9, log_every=10), Path(sys.argv[1]), processes=2)
"""


@pytest.mark.slow
def test_replicas_end_with_a_killed_parent(tmp_path: Path):
    script = tmp_path / "endless.py"
    script.write_text(_ENDLESS)
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline()  # a line of progress: both replicas are at work
        replicas = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        assert len(replicas) >= 2
        parent.kill()
    until = time.monotonic() + 60
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in replicas) and time.monotonic() < until:
        time.sleep(0.2)
    assert not [pid for pid in replicas if Path(f"/proc/{pid}/cmdline").exists()]
