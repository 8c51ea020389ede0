"""`dreamtuner doctor --licences`: every library's licence is known, and the strict ones are marked."""

import json
import re
import subprocess
import sys
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from deploy.cli.licences import IN_WHEELS, kind_of, licences

ROOT = Path(__file__).resolve().parents[2]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_pinned_library_that_is_installed_has_a_known_licence() -> None:
    pins = {canonical(line.partition("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines()}
    found = {canonical(one.name): one for one in licences()}
    assert len(pins & set(found)) > 100
    assert {name: one for name, one in found.items() if name in pins and not one.licence} == {}


def test_the_page_says_what_the_command_says() -> None:
    page = (ROOT / "docs" / "licences.md").read_text()
    for one in licences():
        if one.kind != "permissive" and f"{canonical(one.name)}==" in canonical_pins():
            assert re.search(rf"^\| {re.escape(one.name)} \| .*\| {one.kind} \|$", page, re.MULTILINE), one


def canonical_pins() -> str:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return " ".join(canonical(line.partition("==")[0]) + "==" for line in lines)


def made(folder: Path, *lines: str) -> Distribution:
    folder.mkdir()
    (folder / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.4", "Name: some.lib", "Version: 1.0", *lines]) + "\n"
    )
    return PathDistribution(folder)


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        (("License-Expression: MIT AND PSF-2.0", "License: BSD"), "MIT AND PSF-2.0"),
        (("License: Apache 2.0 License",), "Apache-2.0"),
        (("License: Dual License", "Classifier: License :: OSI Approved :: BSD License"), "BSD"),
        (("License: Copyright 2001\n        All rights", "Classifier: License :: OSI Approved :: BSD License"), "BSD"),
        (("Classifier: License :: OSI Approved :: ISC License (ISCL)",), "ISC"),
        ((), ""),
    ],
)
def test_a_licence_is_read_from_whichever_field_says_it(tmp_path: Path, lines: tuple[str, ...], licence: str) -> None:
    [found] = licences([made(tmp_path / "a.dist-info", *lines)])
    assert (found.name, found.version, found.licence) == ("some.lib", "1.0", licence)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (("MIT",), "permissive"),
        (("BSD-3-Clause", "GPL-2.0-or-later"), "copyleft"),
        (("AGPL-3.0-only",), "copyleft"),
        (("LGPL-3.0-only",), "weak copyleft"),
        (("MPL-2.0 AND (Apache-2.0 OR MIT)",), "weak copyleft"),
        (("Artistic-1.0 OR GPL-2.0-or-later",), "permissive"),
        (("BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1",), "permissive"),
    ],
)
def test_the_strictest_licence_decides(said: tuple[str, ...], kind: str) -> None:
    assert kind_of(*said) == kind


def test_the_wheel_of_av_is_marked_for_what_it_carries() -> None:
    [av] = [one for one in licences() if one.name == "av"]
    assert av.kind == "copyleft"
    assert "x264" in (av.carries or "")
    # which it does: where it no longer does, the mark goes
    import av as pyav

    assert any("x264" in one.name for one in Path(pyav.__file__).parents[1].glob("av.libs/*"))
    assert set(IN_WHEELS) <= {canonical(one.name) for one in licences()}


def test_the_command_lists_them_for_people_and_machines() -> None:
    command = [sys.executable, "-m", "deploy.cli.main", "doctor", "--licences", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = {one["name"]: one for one in json.loads(done.stdout)["licences"]}
    assert found["av"]["kind"] == "copyleft"
    assert set(found["av"]) == {"name", "version", "licence", "carries", "kind"}
