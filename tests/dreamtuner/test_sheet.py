import pytest
from PIL import Image

from dreamtuner.lettering import font, wrap
from dreamtuner.sheet import PICTURE, SheetBlock, SheetCell, SheetRow, contact_sheet

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


def test_reference_and_mask_keep_their_proportions() -> None:
    reference, mask = Image.new("RGB", (200, 100), (0, 0, 254)), Image.new("L", (200, 100), 1)
    shown = colours(contact_sheet("t", "", [block(reference=reference, mask=mask)]))
    assert shown[0, 0, 254] == shown[1, 1, 1] == 176 * 88


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
