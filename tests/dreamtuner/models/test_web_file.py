"""Auxiliary models that are one file on the web: known by their sum, continued after a cut, locked and removed."""

from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import ValidationError

from dreamtuner.models.auxiliary import AUXILIARY, AuxiliaryModel, auxiliary_digest, auxiliary_place
from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
from dreamtuner.models.auxiliary.web_file import fetch_web_file, web_file
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.remove import remove
from tests.hub_server import Hub, Repository

DATA = bytes(range(256)) * 40
SUM = sha256(DATA).hexdigest()


@pytest.fixture
def url(hub: Hub, tmp_path: Path) -> str:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "alex.pth").write_bytes(DATA)
    hub.repositories["pages/models"] = Repository(folder)
    return f"{hub.url}/pages/models/resolve/main/alex.pth"


def test_a_cut_download_continues_and_a_complete_file_is_not_asked_for_again(hub: Hub, home: Path, url: str) -> None:
    part = web_file("alexnet", url).with_name("alex.pth.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(DATA[:3000])
    file = fetch_web_file("alexnet", url, SUM[:8], offline=False)
    assert (file.read_bytes(), part.exists()) == (DATA, False)
    assert [ranged for how, _, ranged in hub.asked if how == "GET"] == ["bytes=3000-"]
    asked = len(hub.asked)
    assert fetch_web_file("alexnet", url, SUM, offline=False) == fetch_web_file("alexnet", url, SUM, offline=True)
    assert len(hub.asked) == asked


def test_another_file_is_refused_and_nothing_stays_of_it(hub: Hub, home: Path, url: str) -> None:
    hub.wrong.add("alex.pth")
    with pytest.raises(IntakeError, match=f"arrived with the SHA-256 .*, expected is {SUM[:12]}; it was removed"):
        fetch_web_file("alexnet", url, SUM, offline=False)
    assert list(web_file("alexnet", url).parent.iterdir()) == []
    with pytest.raises(IntakeError, match="answered 404; run the same command again"):
        fetch_web_file("alexnet", url.replace("main", "gone"), SUM, offline=False)
    with pytest.raises(IntakeError, match="the net is not used"):
        fetch_web_file("alexnet", url, SUM, offline=True)


def test_it_is_locked_to_its_sum_and_removed_with_its_weights(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = AuxiliaryModel(
        name="alexnet", source="https://example.org/alex.pth", sha256=SUM[:8], licence=AUXILIARY["alexnet"].licence,
        purpose="a test",
    )  # fmt: skip
    monkeypatch.setattr(AUXILIARY, "get", lambda name: model)
    file = web_file("alexnet", model.source)
    file.parent.mkdir(parents=True)
    file.write_bytes(DATA)
    lock, changed = fetch_auxiliary("alexnet", offline=True)
    assert (lock.places[0].source, lock.places[0].repository, changed) == (model.source, None, ())
    assert (auxiliary_place("alexnet"), auxiliary_digest("alexnet")) == (file, SUM)
    file.write_bytes(b"another file of the same first digits, for a lock demands them all")
    with pytest.raises(IntakeError, match="is not there, or is another file"):
        fetch_auxiliary("alexnet", offline=True)
    assert remove("alexnet", weights=True).removed[1:] == (file,)
    assert (file.exists(), auxiliary_place("alexnet")) == (False, None)


def test_the_sum_of_a_web_file_must_be_stated() -> None:
    with pytest.raises(ValidationError, match="state its sha256"):
        AuxiliaryModel.model_validate(
            {**AUXILIARY["alexnet"].model_dump(exclude={"sha256"}), "licence": AUXILIARY["alexnet"].licence}
        )
    known = [AUXILIARY[name] for name in AUXILIARY if AUXILIARY[name].is_web_file]
    assert {one.name for one in known} >= {"alexnet", "lpips-alex"}
