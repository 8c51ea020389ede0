"""Words on pictures: legible in any script that a font here has, and never out of their box."""

import pytest
from PIL import Image, ImageDraw

from dreamtuner.rendering import fonts
from dreamtuner.rendering.text import font, signs, wrap, write

BEAR, FAMILY, THUMB, FLAG = (
    "\U0001f43b",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f44d\U0001f3fd",
    "\U0001f1ef\U0001f1f5",
)


def files(text: str) -> list[str]:
    """The file of the font that each piece of the text is set in."""
    return [face.path.rpartition("/")[2] for face, _ in font(15).runs(text)]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("größe Москва مرحبا", "DejaVuSans.ttf"),
        ("浜辺のピップ", fonts.CJK.name),
        ("한국어", fonts.CJK.name),
        (BEAR, fonts.EMOJI.name),
        (FAMILY, fonts.EMOJI.name),
        (THUMB, fonts.EMOJI.name),
        (FLAG, fonts.EMOJI.name),
        ("\u2764\ufe0f", fonts.EMOJI.name),
        ("\u2764", "DejaVuSans.ttf"),
    ],
)
def test_each_script_has_a_font_with_its_characters(text: str, file: str) -> None:
    assert files(text) == [file]


def test_the_fonts_hold_all_kana_the_common_kanji_hangul_and_emoji() -> None:
    held = fonts.characters(fonts.CJK)
    assert set(range(0x3041, 0x3095)) | set(range(0x30A1, 0x30F7)) | set(range(0x4E00, 0x9FA6)) <= held
    assert set(range(0xAC00, 0xD7A4)) <= held
    assert {0x1F43B, 0x1F3D6, 0x1FAE0, 0x200D} <= fonts.characters(fonts.EMOJI)
    assert 0x1F43B not in held


def test_a_character_of_no_font_is_its_code_point() -> None:
    assert [piece for _, piece in font(15).runs("a\u0d05\U000e1234")] == ["aU+0D05U+E1234"]


def test_what_is_one_sign_is_never_broken() -> None:
    assert signs(f"a\u0301{FAMILY}{THUMB}{FLAG}b") == ["a\u0301", FAMILY, THUMB, FLAG, "b"]
    for line in wrap(FAMILY * 9, font(15), 50):
        assert line.strip() == FAMILY * (len(line) // len(FAMILY))
    assert wrap(BEAR * 9, font(15), 60, max_lines=1) == [f"{BEAR * 2}…"]


@pytest.mark.parametrize("text", ["浜辺で踊るクマ" * 9, f"{BEAR}🏖" * 20, "مرحبا bear 浜辺 " * 9, "x" * 99])
def test_no_line_leaves_its_box_in_any_script(text: str) -> None:
    lines = wrap(text, font(15), 150)
    assert "".join("".join(lines).split()) == "".join(text.split())
    picture = Image.new("L", (200, 24 * len(lines)))
    write(ImageDraw.Draw(picture), (25, 0), "\n".join(lines), font(15), "white")
    box = picture.getbbox()
    assert box is not None
    assert box[0] >= 20
    assert box[2] <= 180


@pytest.mark.parametrize("anchor", ["la", "ma", "ra", "ls", "mm"])
def test_anchors_are_those_of_pillow(anchor: str) -> None:
    ours, theirs = Image.new("L", (200, 60)), Image.new("L", (200, 60))
    write(ImageDraw.Draw(ours), (100, 30), "grid", font(15), "white", anchor=anchor)
    face = font(15).runs("grid")[0][0]
    ImageDraw.Draw(theirs).text((100, 30), "grid", font=face, fill="white", anchor=anchor)
    a, b = ours.getbbox(), theirs.getbbox()
    assert a is not None
    assert b is not None
    assert all(abs(x - y) <= 1 for x, y in zip(a, b, strict=True))
