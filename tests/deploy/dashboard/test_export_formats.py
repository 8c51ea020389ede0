"""An export format of another package: the command line writes it, the dashboard offers and sends it."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.dashboard.exports.formats import EXPORT_FORMATS, format_of
from tests.deploy.dashboard.conftest import Site
from tests.seams.outside import Outside, outside

__all__ = ["outside"]

PAGE = "add-an-export-format.md"


def test_a_name_without_the_ending_of_a_format_is_a_folders(outside: Outside) -> None:
    assert EXPORT_FORMATS.names() == ["zip"]
    assert format_of("bears.ZIP") is EXPORT_FORMATS["zip"]
    assert format_of("bears.tar") is None
    outside.install_page(PAGE)
    assert format_of("bears.tar") is EXPORT_FORMATS["tar"]


@pytest.mark.slow
def test_the_format_of_the_page_is_written_by_the_command(
    outside: Outside, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.install_page(PAGE)
    monkeypatch.setenv("DREAMTUNER_HOME", str(site.home))
    out = tmp_path / "all.tar"
    done = CliRunner().invoke(app, ["export", str(out), "--json"])
    assert done.exit_code == 0, done.output
    check(out.read_bytes(), json.loads(done.stdout)["pictures"])


def test_the_format_of_the_page_is_offered_and_sent_by_the_dashboard(outside: Outside, site: Site) -> None:
    outside.install_page(PAGE)
    site.say("operator", 1, "approved", 1)
    with site.client("reviewer") as client:
        assert 'formaction="/export/tar"' in client.get("/export").text
        answer = client.post("/export/tar")
        assert client.post("/export/rar").status_code == 400
    assert answer.headers["content-type"] == "application/x-tar"
    assert answer.headers["content-disposition"].endswith('.tar"')
    check(answer.content, 1)


def check(data: bytes, pictures: int) -> None:
    """The pictures and their two manifests are in the archive, whole."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]
    lines = [json.loads(line) for line in found["manifest.jsonl"].splitlines()]
    assert set(found) == {"manifest.jsonl", "manifest.csv", "notice.txt", *(line["file"] for line in lines)}
    assert len(lines) == pictures > 0
    assert all(found[line["file"]].startswith(b"\x89PNG") for line in lines)
