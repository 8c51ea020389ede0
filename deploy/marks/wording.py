"""Puts what was read from a picture into words, for the terminal and the dashboard."""

from __future__ import annotations

from deploy.marks.inspection import Inspection


def lines(found: Inspection) -> list[tuple[str, str]]:
    """Return what is shown to people but for the notes: a name and a text each."""
    mark, said = found.watermark, []
    said.append(("generated", "yes, by a trained model" if found.marked else "nothing in the file says so"))
    said.append(("signature", found.state + (f" ({', '.join(found.problems)})" if found.problems else "")))
    said += [("signed by", found.signer)] if found.signer else []
    said += [("made by", found.made_by)] if found.made_by else []
    said += [("cell", found.cell)] if found.cell else []
    said += [("made from", f"{label}  {digest[:16]}") for label, digest in found.ingredients.items()]
    if mark.found:
        whose = "this house" if mark.ours else f"house {mark.house}" if mark.house else "of a house it does not tell"
        about = f", cell {mark.cell}..." if mark.cell else ""
        said.append(("watermark", f"found: {whose}{about} (strength {mark.strength:.1f})"))
    else:
        said.append(("watermark", f"not found (strength {mark.strength:.1f})"))
    said += [(name, value) for name, value in (("IPTC", found.iptc.get("DigitalSourceType")),) if value]
    said += [("parameters" if i == 0 else "", line) for i, line in enumerate((found.parameters or "").splitlines())]
    return said
