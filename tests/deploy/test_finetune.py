"""`dreamtuner finetune` and `export-subject` as processes of their own, with the tiny model."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.cli.commands.finetune import parse_settings
from flows.resources import Resources
from flows.spec.problems import InputError
from storage.catalog import views

NUMBERS = ("steps=120", "count=2", "rank=2", "preview_every=60", 'previews=["a {subject}"]')
COMMAND = [sys.executable, "-m", "deploy.cli.main"]


def test_settings_on_the_command_line() -> None:
    found = parse_settings({"mode": "full", "steps": None}, ["lr.unet=1e-4", "caption=a {subject}", "patience=3"])
    assert found == {"mode": "full", "lr": {"unet": 1e-4}, "caption": "a {subject}", "patience": 3}
    for wrong in ("steps", "stesp=3"):
        with pytest.raises(InputError, match="is not KEY=VALUE with a key of: accumulate, alpha, background, batch"):
            parse_settings({}, [wrong])


def learning(environment: dict[str, str]) -> list[str]:
    return [*COMMAND, "finetune", "pip", "--json", *(word for one in NUMBERS for word in ("--set", one))]


def state(digest: str | None) -> tuple[int, str | None]:
    with Resources.open().catalog.read() as s:
        if digest is None:
            digest = s.connection().exec_driver_sql("SELECT max(digest) FROM trainings").scalar_one()
        if digest is None:
            return 0, None
        return views.training(s, digest).step, digest


@pytest.mark.slow
def test_killed_it_goes_on_where_its_state_was_kept_and_what_it_learnt_is_exported(
    environment: dict[str, str], spec: Path, tmp_path: Path
) -> None:
    enter = [*COMMAND, "ingest", str(spec.parent / "pip.png"), "--name", "pip", "--class-word", "bear"]
    subprocess.run(enter, env=environment, check=True, capture_output=True)
    victim = subprocess.Popen(learning(environment), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until, kept, digest = time.monotonic() + 400, 0, None
    while not kept and time.monotonic() < until:
        assert victim.poll() is None, victim.communicate()
        kept, digest = state(digest)
        time.sleep(0.05)
    victim.kill()
    victim.communicate()
    assert kept in (50, 100)

    done = subprocess.run(learning(environment), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["subject"], found["finetune"], found["made"], found["steps"]) == ("pip", digest, True, 120)
    log = sorted((Path(environment["DREAMTUNER_HOME"]) / "logs").glob("*.log"))[-1].read_text()
    steps = [int(step) for step in re.findall(r" (\d+)/120  loss", log)]
    assert steps[0] == kept + 10, "it went on at the step that was kept"
    assert "Traceback" not in done.stderr

    again = subprocess.run(learning(environment), env=environment, capture_output=True, text=True, check=False)
    assert json.loads(again.stdout) == found | {"made": False}
    out = tmp_path / "out"
    export = [*COMMAND, "export-subject", "pip", str(out)]
    subprocess.run([*export, "--format", "lora"], env=environment, check=True, capture_output=True)
    assert sorted(one.name for one in out.iterdir()) == [
        "learned_embeds.safetensors",
        "pytorch_lora_weights.safetensors",
    ]
    for wrong, said in (
        (["--format", "lora"], "exists and is not empty"),
        (["--format", "ckpt"], "--format: 'ckpt' is not one of textual-inversion, lora"),
    ):
        refused = subprocess.run(
            [*export, *wrong], env=os.environ | environment, capture_output=True, text=True, check=False
        )
        assert refused.returncode == 2
        assert said in refused.stderr.replace("\n", " ")
