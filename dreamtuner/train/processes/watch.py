"""Reports what the processes of a training wrote to its folder, in the process that started them."""

from __future__ import annotations

from pathlib import Path

from dreamtuner.train.log import FILE as LOG
from dreamtuner.train.log import forget, log_lines
from dreamtuner.train.stage import Events
from dreamtuner.train.state import FILE as STATE
from dreamtuner.train.state import saved_step


class Watch:
    """Calls the events of a training of `steps` steps for what is new in its folder whenever `look` is called."""

    def __init__(self, folder: Path, steps: int, events: Events) -> None:
        self._folder, self._steps, self._events = folder, steps, events
        self._saved = self._logged = saved_step(folder)
        forget(folder, self._saved)  # lines of steps that will be repeated
        self._previews = set(folder.glob("preview-*.png"))
        self._seen: dict[str, int] = {}

    def look(self) -> None:
        """Report lines of the log, previews and the state, in this order."""
        if self._changed(LOG):
            for line in log_lines(self._folder):
                if line["step"] > self._logged:
                    self._logged = line["step"]
                    left = (self._steps - self._logged) / max(line["steps_per_second"], 1e-9)
                    self._events.logged(line | {"steps": self._steps, "seconds_left": left})
        for file in sorted(set(self._folder.glob("preview-*.png")) - self._previews):
            self._previews.add(file)
            self._events.previewed(int(file.stem.rpartition("-")[2]), file)
        if self._changed(STATE) and (step := saved_step(self._folder)) > self._saved:
            self._saved = step
            self._events.saved(step)

    def _changed(self, name: str) -> bool:
        try:
            now = (self._folder / name).stat().st_mtime_ns
        except FileNotFoundError:
            return False
        before, self._seen[name] = self._seen.get(name), now
        return now != before
