"""Schedulers by name, of ours or of another package, which specs, recipes and the loop go by."""

import re
from pathlib import Path

import pytest
import yaml

from dreamtuner.families.schedulers import chosen_scheduler
from dreamtuner.plugins import UnknownNameError
from dreamtuner.sampling.loop import fresh_scheduler
from dreamtuner.settings.recipe_fields import from_fields, to_fields
from dreamtuner.settings.sampling import Sampling
from dreamtuner.settings.schedulers import BUILTIN, SCHEDULERS, known_scheduler
from flows.spec.model import Spec
from tests.seams.outside import HOW_TO, Outside, blocks, outside

__all__ = ["outside"]

PAGE = "add-a-scheduler.md"


def test_the_scheduler_of_the_page_is_one_like_those_built_in(outside: Outside) -> None:
    from diffusers import PNDMScheduler

    outside.install_page(PAGE)
    assert SCHEDULERS.names() == [*BUILTIN, "Halting DDIM"]
    sampling = Sampling.model_validate(Spec.model_validate(yaml.safe_load(blocks(PAGE, "yaml")[0])).sampling)
    assert to_fields(sampling)["scheduler"] == "Halting DDIM"
    model = PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    fresh = fresh_scheduler(chosen_scheduler(model, sampling), sampling.steps)
    assert type(fresh).__name__ == "Halting"
    assert len(fresh.timesteps) == 10
    assert (fresh.config.beta_schedule, fresh.config.clip_sample) == ("scaled_linear", False)


def test_a_recipe_is_read_without_the_package_that_adds_its_scheduler() -> None:
    stored = to_fields(Sampling()) | {"scheduler": "Halting DDIM"}
    assert from_fields(Sampling, stored).scheduler == "Halting DDIM"
    with pytest.raises(UnknownNameError, match="there is no scheduler 'Halting DDIM'"):
        known_scheduler("Halting DDIM")


@pytest.mark.parametrize("record", ["SchedulerRecord('other', 'DDIMScheduler')", "'DDIMScheduler'"])
def test_a_record_that_does_not_fit_is_named(outside: Outside, record: str) -> None:
    code = f"from dreamtuner.settings.schedulers import SchedulerRecord\nMINE = {record}\n"
    outside.install("my-tools", {"my_tools.py": code}, {"dreamtuner.schedulers": {"mine": "my_tools:MINE"}})
    with pytest.raises(ValueError, match=r"the scheduler 'mine' of my-tools 1.0 cannot be loaded \(it is not a Sched"):
        known_scheduler("mine")
    assert known_scheduler("euler_a").name == "Euler a"


def test_the_page_names_every_scheduler() -> None:
    page = (Path(HOW_TO) / "sizes-and-schedulers.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \|", page.partition("## Schedulers")[2], re.MULTILINE)
    assert [name for row in rows[2:] for name in row.split(", ")] == list(BUILTIN)
