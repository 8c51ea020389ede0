"""What a command or a web server has to load: planning and what the dashboard may share with it stay light."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
HEAVY = {"accelerate", "diffusers", "peft", "prefect", "torch", "transformers"}
OURS = {"deploy", "dreamtuner", "flows", "storage"}
MOST_OF_OURS = 109
"""Modules of ours, packages among them, that `plan` may load over an empty data folder; 109 when this was written."""


def loaded_by(code: str, folder: Path) -> set[str]:
    """The modules that a fresh interpreter has loaded when `code` ends, by whatever exit."""
    out = folder / "modules.txt"
    listing = f"import os, sys\ndef ended(code=0):\n    open({str(out)!r}, 'w').write('\\n'.join(sys.modules))\n"
    leaving = (
        "leave = os._exit\nos._exit = lambda code: (ended(), leave(code))\nimport atexit\natexit.register(ended)\n"
    )
    done = subprocess.run([sys.executable, "-c", listing + leaving + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(out.read_text().splitlines())


def _tops(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_plan_loads_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    arguments = ["dreamtuner", "plan", str(EXAMPLES / "pocket.yaml"), "--json"]
    modules = loaded_by(f"import sys\nsys.argv = {arguments!r}\nfrom deploy.cli.main import main\nmain()", tmp_path)
    assert "flows.planning.cells" in modules
    assert not (HEAVY | {"sqlalchemy"}) & _tops(modules)  # there is no catalog to read yet
    assert len([name for name in modules if _tops({name}) <= OURS]) <= MOST_OF_OURS


@pytest.mark.parametrize(
    "modules",
    [
        "flows.settings, flows.spec.model, flows.spec.yaml_file, flows.spec.problems",
        "flows.planning.cells, flows.planning.finetune, flows.planning.video, flows.planning.preflight",
        "dreamtuner.models.profiles, dreamtuner.settings.sampling",
    ],
)
def test_specs_plans_and_profiles_need_neither_torch_nor_prefect(tmp_path: Path, modules: str) -> None:
    assert not HEAVY & _tops(loaded_by(f"import {modules}", tmp_path))
