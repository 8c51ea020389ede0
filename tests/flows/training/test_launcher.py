"""`accelerate launch` with a file of its own trains as the command's own processes do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dreamtuner.train.log import log_lines
from dreamtuner.train.processes.team import free_port
from tests.flows.training.kitchen import SETTINGS, Kitchen, draw, same

pytestmark = pytest.mark.slow
CONFIG = {
    "compute_environment": "LOCAL_MACHINE",
    "distributed_type": "MULTI_GPU",  # MULTI_CPU starts a single process unless MPI is installed
    "num_machines": 1,
    "num_processes": 2,
    "mixed_precision": "no",
}


def test_accelerate_launch_trains_as_the_command_itself(kitchen: Kitchen, tmp_path: Path):
    data = str(tmp_path / "out")
    kitchen.prepare(str(draw(tmp_path / "data", 14)), data)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    loop = SETTINGS.loop.model_copy(update={"steps": 4})
    preset = SETTINGS.model_copy(update={"loop": loop})
    (tmp_path / "preset.yaml").write_text(yaml.safe_dump(preset.model_dump(mode="json")))
    command = ["train", "encoder", "--data", data, "--preset", str(tmp_path / "preset.yaml"), "--device", "cpu"]
    launch = ["accelerate.commands.launch", "--config_file", str(tmp_path / "config.yaml")]
    launch += ["--main_process_port", str(free_port()), "--module"]
    _run(*launch, "deploy.cli.main", *command, "--out", str(tmp_path / "launched"))
    _run("deploy.cli.main", *command, "--out", str(tmp_path / "own"), "--processes", "2")
    assert [line["step"] for line in log_lines(tmp_path / "launched")] == [1, 2, 3, 4]
    same(tmp_path / "launched", tmp_path / "own")
    assert (tmp_path / "launched" / "subject-encoder.safetensors").is_file()


def _run(*arguments: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
