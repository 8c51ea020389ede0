"""A package from outside for one test: its module and its entry points, as the pages in docs/how-to/ write them."""

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to"


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a how-to page in one language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (HOW_TO / page).read_text(), re.DOTALL | re.MULTILINE)


@dataclass
class Outside:
    """Installs packages into a folder of sys.path, as an installer would: a module and a .dist-info folder."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def install(self, package: str, files: dict[str, str], entry_points: dict[str, dict[str, str]]) -> None:
        """Write a package's files and its entry points, {group: {name: "module:attribute"}}."""
        info = self.folder / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [
            line for g, names in entry_points.items() for line in (f"[{g}]", *(f"{k}={v}" for k, v in names.items()))
        ]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for name, text in files.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        # another path, so that what was found on the old one does not count
        self.monkeypatch.syspath_prepend(self.folder)

    def install_page(self, page: str) -> None:
        """Install what a page shows: python blocks that begin with "# file.py", and the first toml block's project."""
        files = {block.split("\n", 1)[0].removeprefix("# "): block for block in blocks(page, "python")}
        project: dict[str, Any] = tomllib.loads(blocks(page, "toml")[0])["project"]
        modules = {name: text for name, text in files.items() if re.fullmatch(r"[\w/]+\.py", name)}
        self.install(project["name"], modules, project["entry-points"])


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    """An empty folder, on sys.path once something is in it; modules imported from it are forgotten afterwards."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    yield Outside(folder, monkeypatch)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is not None and Path(file).is_relative_to(folder):
            del sys.modules[name]
