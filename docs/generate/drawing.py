"""Draws the rooms of a package and the imports between them as SVG, in the colours of the page that shows it."""

from html import escape

from docs.generate.rooms import PACKAGES, Room, arrows, rooms_of

ROW, LEFT, TOP, WIDTH = 24, 190, 14, 760
_STYLE = (
    "<style>.rooms text{font:13px var(--font-stack,sans-serif);fill:var(--color-foreground-primary,#222)}"
    ".rooms .about{fill:var(--color-foreground-muted,#666);font-size:12px}"
    ".rooms path{fill:none;stroke:var(--color-brand-primary,#3a6ea5);stroke-opacity:.45}"
    ".rooms circle{fill:var(--color-brand-primary,#3a6ea5)}"
    ".rooms rect{fill:var(--color-background-secondary,#f4f4f4);stroke:var(--color-background-border,#ccc)}</style>"
)


def rooms_drawing(package: str) -> str:
    """Returns an arc diagram: rooms from top to bottom in their order, an arc for each pair of which one imports.

    Every arc leads upwards, from a room to one before it.
    """
    rooms = rooms_of(package)
    place = {room.name: TOP + ROW * i for i, room in enumerate(rooms)}
    height = TOP + ROW * len(rooms)
    pairs = [(a, b, n) for (a, b), n in arrows().items() if a[0] == b[0] == package and a[1] in place and b[1] in place]
    lines = [
        f'<svg class="rooms" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Rooms of {package}: '
        f'{len(rooms)} rooms, every import leads to a room above">',
        _STYLE,
    ]
    for (_, here), (_, there), count in sorted(pairs):
        low, high = place[here], place[there]
        reach = min(LEFT - 20, 14 + (low - high) * 0.42)
        lines.append(
            f'<path d="M{LEFT} {low} C{LEFT - reach:.0f} {low} {LEFT - reach:.0f} {high} {LEFT} {high}" '
            f'stroke-width="{min(1 + count / 6, 4):.1f}"><title>{here} imports {there}, {count} times</title></path>'
        )
    lines += [_row(room, place[room.name]) for room in rooms]
    return _framed(lines)


def _framed(lines: list[str]) -> str:
    """Returns the drawing in a frame that scrolls where the page is narrower."""
    return "".join(['<div class="drawing">', *lines, "</svg></div>"])


def _row(room: Room, y: int) -> str:
    about = room.about if len(room.about) <= 58 else room.about[:57].rsplit(" ", 1)[0] + " ..."
    return (
        f'<circle cx="{LEFT}" cy="{y}" r="4"/><text x="{LEFT + 12}" y="{y + 4}">{escape(room.name)}</text>'
        f'<text class="about" x="{LEFT + 190}" y="{y + 4}">{escape(about)}<title>{escape(room.about)}</title></text>'
    )


def packages_drawing() -> str:
    """Returns the four packages as boxes, with an arrow and its number of imports where one imports another."""
    boxes = {"deploy": (280, 10), "flows": (280, 110), "dreamtuner": (100, 210), "storage": (460, 210)}
    about = {
        "deploy": "commands and dashboard",
        "flows": "spec, plan, execution",
        "dreamtuner": "the method",
        "storage": "catalog and objects",
    }
    counts = {(a, b): 0 for a in PACKAGES for b in PACKAGES}
    for (here, there), count in arrows().items():
        counts[here[0], there[0]] += count
    lines = [
        f'<svg class="rooms" viewBox="0 0 {WIDTH} 270" role="img" aria-label="deploy imports flows, dreamtuner and '
        'storage; flows imports dreamtuner and storage; these two import nothing of the others">',
        _STYLE,
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8"/></marker></defs>',
    ]
    ways = {
        ("deploy", "flows"): ((380, 60), (380, 110), (388, 90)),
        ("flows", "dreamtuner"): ((320, 160), (240, 210), (196, 180)),
        ("flows", "storage"): ((440, 160), (520, 210), (506, 180)),
        ("deploy", "dreamtuner"): ((280, 40), (150, 210), (150, 120)),
        ("deploy", "storage"): ((480, 40), (610, 210), (575, 120)),
    }
    for pair, ((x, y), (to_x, to_y), (at_x, at_y)) in ways.items():
        lines.append(f'<path d="M{x} {y} L{to_x} {to_y}" marker-end="url(#tip)" stroke-width="1.5"/>')
        lines.append(f'<text class="about" x="{at_x}" y="{at_y}">{counts[pair]} imports</text>')
    for name, (x, y) in boxes.items():
        lines.append(
            f'<rect x="{x}" y="{y}" width="200" height="50" rx="8"/>'
            f'<text x="{x + 100}" y="{y + 21}" text-anchor="middle" font-weight="600">{name}</text>'
            f'<text class="about" x="{x + 100}" y="{y + 39}" text-anchor="middle">{about[name]}</text>'
        )
    return _framed(lines)
