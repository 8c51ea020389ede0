"""`dreamtuner run --workers`: several processes of this machine fine-tune and generate one run."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from flows.resources import Resources
from storage.catalog import views

ROOT = Path(__file__).resolve().parents[2]
SPEC = """
name: trip
subjects:
{subjects}
prompts: ["a {{subject}}"]
seeds: [1, 2]
sampling: {{steps: 2}}
score: [clip_i]
finetune: {{steps: 4, count: 2, rank: 2, preview_every: 2, previews: ["a {{subject}}"]}}
"""
COLOURS = ("red", "purple", "blue", "orange")


@pytest.fixture
def learning(tmp_path: Path) -> Path:
    """A spec of four subjects that are learnt, 8 cells."""
    for colour in COLOURS:
        image = Image.new("RGB", (64, 64), "#90b070")
        ImageDraw.Draw(image).ellipse((16, 6, 48, 60), fill=colour)
        image.save(tmp_path / f"{colour}.png")
    lines = [f"  - {{name: {one}, class_word: bear, reference: {one}.png}}" for one in COLOURS]
    (tmp_path / "spec.yaml").write_text(SPEC.format(subjects="\n".join(lines)))
    return tmp_path / "spec.yaml"


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.cli.main", "run", *words]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_subjects_are_learnt_at_the_same_time_and_everything_is_made_once(
    environment: dict[str, str], learning: Path
) -> None:
    done = run(environment, str(learning), "--workers", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["made"] == 8
    with Resources.open().catalog.read() as s:
        [found] = views.recent_runs(s)
        trainings = [views.trainings_of(s, name)[0].digest for name in COLOURS]
        times = {one: {event.event: event for event in views.history(s, "training", one)} for one in trainings}
        cells = views.cells_of_run(s, found.id)
        tries = [views.cell(s, cell.digest).attempts for cell in cells]
    spans = sorted((events["started"].created_at, events["finished"].created_at) for events in times.values())
    assert any(second[0] < first[1] for first, second in pairwise(spans)), "no two overlap"
    assert len({events["finished"].actor for events in times.values()}) == 2
    assert tries == [1] * 8
    assert all(set(cell.scores) == {"clip_i"} for cell in cells)
    again = run(environment, str(learning), "--workers", "2", "--json")
    assert json.loads(again.stdout)["made"] == 0


@pytest.mark.parametrize("count", ["0", "-1", "1001", "many", "1.5"])
def test_a_number_of_workers_that_is_none_is_refused(count: str, learning: Path) -> None:
    from deploy.cli.commands.run import _count

    with pytest.raises(Exception, match="1 to 1000, or auto"):
        _count(count)
    assert (_count("auto"), _count(None), _count("8")) == (0, None, 8)
