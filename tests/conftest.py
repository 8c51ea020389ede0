"""What holds for every test: nothing leaves this machine, and nobody's own data or settings are touched."""

import os
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

_home = tempfile.mkdtemp(prefix="dreamtuner-tests-")

# Read at import by torch, huggingface_hub and prefect, so they are set before any test module is collected.
# One thread: sums come out in the same order on every machine, and small tensors are faster that way.
_ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "DREAMTUNER_HOME": _home,
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "PREFECT_HOME": os.path.join(_home, "prefect"),
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}

for _name in [name for name in os.environ if name.startswith(("DREAMTUNER_", "PREFECT_"))]:
    if not _name.startswith("DREAMTUNER_TEST_"):  # those are meant for us
        del os.environ[_name]
os.environ.update(_ENVIRONMENT)


# What is dear to make and made once a worker: the files whose tests use it stay together.
_SHARED = {"prefect": '"prefect_api"', "workshop": "workshop: Path", "large": "large: Catalog"}


class _Together(LoadFileScheduling):
    """A file stays on one worker, and files whose tests share what is dear to make stay together."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return _shares(self.config.rootpath / file) or file


@cache
def _shares(file: Path) -> str | None:
    text = file.read_text()
    return next((name for name, mark in _SHARED.items() if mark in text), None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling:
    config.option.loadscopereorder = False
    return _Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The largest groups go first, so that no worker is left alone with one at the end."""
    order = [*_SHARED, None]
    items.sort(key=lambda item: order.index(_shares(item.path)))


_UNTIL = float(os.environ.get("DREAMTUNER_TEST_UNTIL", "inf"))  # seconds since 1970
_TIME_IS_SPENT = "the time for slow tests was spent (DREAMTUNER_TEST_UNTIL)"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin no slow test after an instant that `.ci/run` sets, so that CI comes to its end on a slow machine too."""
    if time.time() > _UNTIL and item.get_closest_marker("slow"):
        pytest.skip(_TIME_IS_SPENT)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that were left out so: pytest itself only counts them."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = sorted(report.nodeid for report in skipped if _TIME_IS_SPENT in str(report.longrepr))
    if left_out:
        terminalreporter.section(f"NOT run: {len(left_out)} slow tests")
        for name in left_out:
            terminalreporter.write_line(name)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(_home, ignore_errors=True)


def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores: tests of servers and browsers often wait."""
    return (os.cpu_count() or 1) + 1
