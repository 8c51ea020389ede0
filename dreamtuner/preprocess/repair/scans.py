"""The parts of a JPEG file, and whether all scans that make up its pixels are there."""

from collections.abc import Iterator, Sequence

_START_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN, _END = 0xDA, 0xD9
_COEFFICIENTS = 64
Segment = tuple[int, bytes]


def segments(data: bytes) -> Iterator[Segment]:
    """(marker, bytes) of each part, the first of which is the file's start; a scan comes with the data behind it.

    Nothing follows the end marker; a part that is cut off is the last.
    """
    yield 0xD8, data[:2]
    at = 2
    while at + 2 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker in (0xFF, 0x00):  # fill, or bytes that belong to nothing
            at += 1
            continue
        if marker == _END:
            yield marker, data[at : at + 2]
            return
        size = int.from_bytes(data[at + 2 : at + 4], "big") if at + 4 <= len(data) else 0
        end = at + 2 + max(size, 2)
        if marker == _SCAN:
            end = _behind(data, end)
        yield marker, data[at:end]
        at = end


def _behind(data: bytes, at: int) -> int:
    """Where the data of a scan end: at the next marker that is no restart, or with the file."""
    while at + 1 < len(data):
        if data[at] == 0xFF and data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        found = data.find(b"\xff", at + 1)
        at = len(data) if found < 0 else found
    return len(data)


def all_scans(found: Sequence[Segment]) -> bool:
    """Whether each coefficient of each component is sent to its last bit: a progressive picture may lack later scans.

    Whether the data of the last scan are all there, the headers do not say.
    """
    components: set[int] = set()
    final: set[tuple[int, int]] = set()
    for marker, part in found:
        if marker in _START_OF_FRAME and len(part) > 9:
            components = set(part[10 : 10 + 3 * part[9] : 3])
        if marker == _SCAN and len(part) > 4 and len(part) >= 8 + 2 * part[4]:
            first, last, bits = part[5 + 2 * part[4] : 8 + 2 * part[4]]
            if bits & 0x0F == 0:  # to the last bit
                ids = part[5 : 5 + 2 * part[4] : 2]
                final |= {(one, k) for one in ids for k in range(first, last + 1)}
    return bool(components) and len(final & {(c, k) for c in components for k in range(_COEFFICIENTS)}) == (
        len(components) * _COEFFICIENTS
    )
