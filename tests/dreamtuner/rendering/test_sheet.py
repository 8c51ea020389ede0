import pytest
from PIL import Image

from dreamtuner.rendering.contact_sheet import (
    HALF,
    PICTURE,
    SheetBlock,
    SheetCell,
    SheetReference,
    SheetRow,
    contact_sheet,
)
from dreamtuner.rendering.film_strip import Strip, film_strip
from dreamtuner.rendering.text import font, wrap

LONG = "a photo of a red bear with blue belly, stripes, yellow star, crown and glasses in the city at night, running"


def block(*rows: SheetRow, **fields: object) -> SheetBlock:
    columns = [f"seed {i}" for i in range(len(rows[0].cells) if rows else 0)]
    return SheetBlock(**{"name": "pip", "detail": "bear", "columns": columns, "rows": rows, **fields})  # type: ignore[arg-type]


def colours(sheet: Image.Image) -> dict[tuple[int, ...], int]:
    found = sheet.getcolors(sheet.width * sheet.height)
    assert found is not None
    return {colour: count for count, colour in found if isinstance(colour, tuple)}


@pytest.mark.parametrize("side", [64, 512])
def test_small_pictures_grow_and_large_ones_shrink_to_the_same_cell(side: int) -> None:
    red = SheetCell(Image.new("RGB", (side, side), (255, 0, 0)), {"clip_i": 0.8})
    shown = colours(contact_sheet("t", "", [block(SheetRow("a bear", [red, red]), SheetRow(LONG, [red, red]))]))
    assert shown[255, 0, 0] == 4 * PICTURE * PICTURE
    assert PICTURE >= 128


def test_the_sheet_does_not_show_a_background_that_was_removed() -> None:
    cut = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    cut.paste((0, 0, 254, 255), (0, 32, 64, 64))
    shown = colours(contact_sheet("t", "", [block(SheetRow("a bear", [SheetCell(cut)]))]))
    assert shown[0, 0, 254] > 0
    assert not [colour for colour in shown if colour[0] > colour[1] + 60]


def test_reference_and_mask_keep_their_proportions() -> None:
    reference, mask = Image.new("RGB", (200, 100), (0, 0, 254)), Image.new("L", (200, 100), 1)
    shown = colours(contact_sheet("t", "", [block(reference=reference, mask=mask)]))
    assert shown[0, 0, 254] == shown[1, 1, 1] == 176 * 88


def test_further_references_stand_below_each_beside_its_mask() -> None:
    further = [
        SheetReference(Image.new("RGB", (64, 64), (0, 0, 254)), Image.new("L", (64, 64), 1), weight=0.5, doubtful=True),
        SheetReference(Image.new("RGB", (64, 64), (0, 254, 0)), Image.new("L", (64, 64), 2)),
    ]
    cell = SheetCell(Image.new("RGB", (8, 8)))
    one, several = (contact_sheet("t", "", [block(SheetRow("a", [cell]), further=refs)]) for refs in ((), further))
    shown = colours(several)
    assert [shown[colour] for colour in ((0, 0, 254), (0, 254, 0), (1, 1, 1), (2, 2, 2))] == [HALF * HALF] * 4
    assert several.height > one.height
    assert ink_outside(several) <= ink_outside(one)


def test_what_failed_is_told_from_what_is_not_made_and_from_what_is_doubtful() -> None:
    def sheet(cell: SheetCell, *, doubtful: bool = False) -> bytes:
        return contact_sheet("t", "", [block(SheetRow("a", [cell]), confidence=0.5, doubtful=doubtful)]).tobytes()

    failed, missing = SheetCell(None, reason="RuntimeError: out of memory"), SheetCell(None)
    assert len({sheet(failed), sheet(missing), sheet(failed, doubtful=True)}) == 3


def test_the_sheet_grows_with_its_grid_and_stands_empty_too() -> None:
    cell = SheetCell(Image.new("RGB", (8, 8)))
    small = contact_sheet("t", "", [block(SheetRow("a", [cell] * 4))])
    wide = contact_sheet("t", "", [block(SheetRow("a", [cell] * 9))])
    tall = contact_sheet("t", "", [block(*[SheetRow("a", [cell] * 4)] * 5), block(error=LONG * 5)])
    assert wide.width > small.width
    assert tall.height > 2 * small.height
    assert contact_sheet("t", "", []).size > (0, 0)


def test_no_line_is_wider_than_its_room_and_no_letter_is_lost() -> None:
    letters = font(15)
    for text in (LONG, "x" * 200, "", "a\nb"):
        lines = wrap(text, letters, 188)
        assert all(letters.getlength(line) <= 188 for line in lines)
        assert "".join(lines).replace(" ", "") == "".join(text.split())
    cut = wrap(LONG, letters, 188, max_lines=2)
    assert len(cut) == 2
    assert cut[-1].endswith("…")
    assert letters.getlength(cut[-1]) <= 188


NAME = "Pippa the adventurous bear of the northern forest with a really long display nam"


def ink_outside(sheet: Image.Image) -> set[tuple[int, ...]]:
    """The colours in the margin right of the cards and of the title."""
    return set(colours(sheet.crop((sheet.width - 30, 0, sheet.width, sheet.height))))


def test_long_names_titles_and_lines_stay_inside_of_the_sheet() -> None:
    cell = SheetCell(Image.new("RGB", (8, 8)), {"clip_i_masked": 0.85, "clip_t": 0.31})
    one = block(SheetRow("a bear", [cell]), name=NAME, detail=NAME, warnings=[LONG, LONG])
    sheet = contact_sheet(NAME, f"{LONG}  ·  run 0123abcd", [one, block(name=NAME, error=LONG * 3)], [LONG] * 12)
    assert ink_outside(sheet) == {(244, 242, 238)}
    plain = contact_sheet("t", "", [block(SheetRow("a bear", [cell])), block(error="no")])
    assert sheet.height > plain.height + 150


def test_scores_that_do_not_fit_side_by_side_stand_under_one_another() -> None:
    def sheet(**scores: float) -> Image.Image:
        return contact_sheet("t", "", [block(*[SheetRow("a", [SheetCell(Image.new("RGB", (8, 8)), scores)] * 2)] * 4)])

    assert sheet(clip_i=0.85, clip_t=0.31).height == sheet(clip_i=0.85).height
    wide = sheet(clip_i_masked=0.85, clip_t=0.31)
    assert wide.height > sheet(clip_i=0.85).height
    gap = wide.crop((wide.width - 32 - 24 - PICTURE - 12, 0, wide.width - 32 - 24 - PICTURE, wide.height))
    assert INK_OF_SCORES not in colours(gap)


INK_OF_SCORES = (124, 119, 109)


def test_warnings_are_on_the_sheet_where_they_belong() -> None:
    cell = SheetCell(Image.new("RGB", (8, 8)))
    plain = contact_sheet("t", "", [block(SheetRow("a", [cell]))])
    amber = (253, 241, 216)
    assert amber not in colours(plain)
    assert amber in colours(contact_sheet("t", "", [block(SheetRow("a", [cell]), warnings=["look at the mask"])]))
    assert amber in colours(contact_sheet("t", "", [block(SheetRow("a", [cell]))], ["the prompt"]))
    rowed = contact_sheet("t", "", [block(SheetRow("a", [cell], warnings=["cut off: on the beach"]))])
    assert (138, 90, 0) in colours(rowed)
    assert rowed.size == plain.size


def test_a_film_strip_keeps_its_titles_inside() -> None:
    picture = Image.new("RGB", (8, 8))
    strip = Strip(f"{NAME} · {LONG}", [picture] * 2, [("video", 1.0, [picture, None])])
    assert ink_outside(film_strip(NAME, LONG, [strip], [LONG])) == {(244, 242, 238)}
