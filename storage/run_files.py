"""Files of forgotten runs and fine-tunings in a data folder: sheets, videos and previews.

Catalog and store may be shared; these files are local to the machine that made them, which removes only its own.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path


def remove_files(home: Path, runs: Sequence[str], trainings: Sequence[str]) -> int:
    """Remove the files of these runs and fine-tunings (by digest) in `home`; return how many there were."""
    removed = 0
    folders = [*(home / "runs" / one for one in runs), *(home / "finetune" / one for one in trainings)]
    for folder in folders:
        if folder.is_dir():
            removed += sum(one.is_file() for one in folder.rglob("*"))
            shutil.rmtree(folder, ignore_errors=True)
    for digest in trainings:
        for sheet in (home / "finetune").glob(f"*-{digest[:12]}.png"):
            sheet.unlink(missing_ok=True)
            removed += 1
    return removed
