"""What leaves is marked, says from what it was made, and shows whether it was touched."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deploy.marks.encoding import Format
from deploy.marks.inspection import AI_SOURCE, Inspection, UnreadableError, inspect
from deploy.marks.keys.certificates import new_authority, new_signing
from deploy.marks.keys.signers import SIGNERS, Identity
from deploy.marks.marker import Marker
from deploy.marks.settings import MarksError, MarkSettings
from storage.metadata import UnknownFormatError, without_metadata
from tests.deploy.marks.conftest import FACTS, natural, png

SMALL = png(natural(64))


def read(marker: Marker, data: bytes) -> Inspection:
    return inspect(data, marker.settings.keys)


def test_the_watermark_names_house_and_cell(marker: Marker) -> None:
    marked = marker.mark(png(natural()), FACTS)
    mark = read(marker, marked.data).watermark
    assert (mark.found, mark.ours, mark.house, mark.cell) == (True, True, marker.house, FACTS.cell[:8])
    assert marked.marks["watermark"] == "full"
    bare = read(marker, without_metadata(marked.data))
    assert (bare.state, bare.watermark.ours, bare.marked) == ("none", True, True)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_it_says_who_made_it_from_what_and_by_which_numbers(marker: Marker, kind: Format) -> None:
    marked = marker.mark(SMALL, FACTS, kind=kind)
    found = read(marker, marked.data)
    assert (found.format, found.state, found.problems) == (kind, "trusted", [])
    assert found.signer == "DreamTuner house, signer of pictures"
    assert (found.source, found.iptc["DigitalSourceType"]) == (AI_SOURCE, AI_SOURCE)
    assert (found.cell, found.recipe, found.ingredients) == (FACTS.cell, FACTS.recipe, FACTS.parents)
    assert found.parameters is not None
    assert found.parameters.splitlines()[:2] == [FACTS.prompt, "Negative prompt: blurry"]
    assert "Steps: 20, " in found.parameters
    assert "Model hash: cdcdcdcdcd" in found.parameters
    assert found.iptc["AIPromptInformation"] == FACTS.prompt


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_stripped_it_keeps_its_marks_and_loses_recipe_and_prompt(marker: Marker, kind: Format) -> None:
    data = marker.mark(SMALL, FACTS, stripped=True, kind=kind).data
    found = read(marker, data)
    assert (found.state, found.source, found.iptc["DigitalSourceType"]) == ("trusted", AI_SOURCE, AI_SOURCE)
    assert (found.cell, found.recipe, found.ingredients, found.parameters) == (None, {}, {}, None)
    assert not [secret for secret in (b"bear", b"pocket", b"01234567", b"cdcdcd", b"seed") if secret in data]


def test_a_changed_byte_is_seen(marker: Marker) -> None:
    data = marker.mark(SMALL, FACTS, kind="JPEG").data  # whose parts have no check sums of their own
    other = data.replace(b"DreamTuner 0", b"DreamTuner 9", 1)  # in the XMP
    assert other != data
    assert read(marker, other).state == "touched"
    assert "assertion.dataHash.mismatch" in read(marker, other).problems


def test_elsewhere_it_is_an_unknown_signer_until_it_is_trusted(marker: Marker, tmp_path: Path) -> None:
    from deploy.marks.keys.files import AUTHORITY, trust

    data = marker.mark(SMALL, FACTS).data
    elsewhere = tmp_path / "elsewhere"
    before = inspect(data, elsewhere)
    assert (before.state, before.problems) == ("unknown signer", ["signingCredential.untrusted"])
    assert any("unknown signer" in note for note in before.notes)
    assert any("time-stamping" in note for note in before.notes)
    trust(elsewhere, (marker.settings.keys / AUTHORITY).read_bytes())
    assert inspect(data, elsewhere).state == "trusted"


def test_small_ones_carry_what_fits_and_say_so(marker: Marker) -> None:
    assert marker.mark(SMALL, FACTS).marks["watermark"].startswith("none: too small")
    pixels = np.asarray(Image.open(io.BytesIO(marker.mark(SMALL, FACTS).data)))
    assert np.array_equal(pixels, np.asarray(natural(64)))
    assert marker.mark(png(natural(256)), FACTS).marks["watermark"].startswith("weak: smaller than 512")


def test_a_key_elsewhere_signs_by_a_callback(marker: Marker, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key, chain = new_signing(*new_authority("Somebody's KMS"))
    held, asked = load_pem_private_key(key, None), []
    assert isinstance(held, ec.EllipticCurvePrivateKey)

    class Kms:
        name = "kms"

        def open(self, folder: Path) -> Identity:
            def sign(data: bytes) -> bytes:
                asked.append(len(data))
                return held.sign(data, ec.ECDSA(hashes.SHA256()))

            return Identity("es256", chain.decode(), sign=sign)

    monkeypatch.setattr(type(SIGNERS), "__getitem__", lambda self, name: Kms())
    found = read(marker, marker.mark(SMALL, FACTS).data)
    assert (found.state, found.signer, len(asked)) == ("unknown signer", "Somebody's KMS, signer of pictures", 1)
    assert not marker.settings.keys.exists()


def cut(side: int = 512) -> Image.Image:
    """A cut-out: a disc of natural colours, which go on below the transparent pixels around it."""
    image, mask = natural(side), Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((side // 8, side // 8, side - side // 8, side - side // 8), fill=255)
    image.putalpha(mask)
    return image


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("kind", [None, "PNG", "WEBP"])
def test_a_cut_out_leaves_cut_out(marker: Marker, kind: Format | None, on: bool) -> None:
    given = cut()
    marked = Marker(replace(marker.settings, on=on)).mark(png(given), FACTS, kind=kind)
    with Image.open(io.BytesIO(marked.data)) as left:
        assert left.mode == "RGBA"
        assert left.getchannel("A").tobytes() == given.getchannel("A").tobytes()
    assert "ground" not in marked.marks
    if on:
        found = read(marker, marked.data)
        assert (found.state, found.watermark.ours) == ("trusted", True)
        assert marked.marks["watermark"].startswith("weak: it is read from the file itself")


def test_a_small_hole_takes_nothing_from_the_watermark(marker: Marker) -> None:
    image = natural()
    image.putalpha(255)
    image.paste((0, 0, 0, 0), (500, 500, 504, 504))
    assert marker.mark(png(image), FACTS).marks["watermark"] == "full"


@pytest.mark.parametrize("on", [True, False])
def test_a_cut_out_as_jpeg_stands_on_white_and_says_so(marker: Marker, on: bool) -> None:
    marked = Marker(replace(marker.settings, on=on)).mark(png(cut()), FACTS, kind="JPEG")
    with Image.open(io.BytesIO(marked.data)) as left:
        assert np.asarray(left)[:40, :40].min() > 225
    assert marked.marks["ground"].startswith("white")
    assert read(marker, marked.data).watermark.found == on


def test_off_is_off_and_needs_no_keys(marker: Marker) -> None:
    off = Marker(replace(marker.settings, on=False))
    off.prepare()
    assert off.mark(SMALL, FACTS).data == SMALL
    assert off.mark(SMALL, FACTS, stripped=True).data == without_metadata(SMALL)
    assert not off.settings.keys.exists()
    assert not read(off, SMALL).marked


def test_settings_name_the_variable(tmp_path: Path) -> None:
    assert MarkSettings.load(tmp_path, {}) == MarkSettings(keys=tmp_path / "keys")
    with pytest.raises(MarksError, match="DREAMTUNER_MARKS: 'no' is neither on nor off"):
        MarkSettings.load(tmp_path, {"DREAMTUNER_MARKS": "no"})
    with pytest.raises(MarksError, match="DREAMTUNER_SIGNER: there is no 'pkcs11'; choose one of: file"):
        MarkSettings.load(tmp_path, {"DREAMTUNER_SIGNER": "pkcs11"})


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\nrest", b"\xff\xd8\xff", SMALL[:200]])
def test_what_is_no_picture_is_said(marker: Marker, data: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(marker, data)
    with pytest.raises((UnknownFormatError, OSError, SyntaxError)):
        marker.mark(data, FACTS)
