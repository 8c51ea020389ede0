"""Metadata that other programs read: IPTC properties in XMP, and the `parameters` text of A1111's readers."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from xml.sax.saxutils import escape

from deploy.marks.facts import Facts

AI_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's word for a picture that a trained model made."""
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" \
xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
{}
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


def program_version() -> str:
    """Return DreamTuner's version."""
    try:
        return version("dreamtuner")
    except PackageNotFoundError:
        return "0"


def xmp(program: str, facts: Facts | None) -> str:
    """Return the XMP packet. `facts`: None leaves out how the picture was made, not that a model made it."""
    said = {
        "xmp:CreatorTool": f"DreamTuner {program}",
        "Iptc4xmpExt:DigitalSourceType": AI_SOURCE,
        "Iptc4xmpExt:AISystemUsed": "DreamTuner" if facts is None else f"DreamTuner, {facts.profile}",
        "Iptc4xmpExt:AISystemVersionUsed": program,
    }
    if facts is not None:
        said["Iptc4xmpExt:AIPromptInformation"] = facts.prompt
    return _XMP.format("\n".join(f"<{name}>{escape(_plain(text))}</{name}>" for name, text in said.items()))


def parameters(program: str, facts: Facts, size: tuple[int, int]) -> str:
    """Return the text that A1111 writes, and that readers of generated pictures show: prompt, then numbers."""
    s = facts.sampling
    numbers = {
        "Steps": s.get("steps"),
        "Sampler": s.get("scheduler") or "model default",
        "CFG scale": s.get("w_c"),
        "Seed": facts.seed,
        "Size": f"{size[0]}x{size[1]}",
        "Model hash": facts.weights_digest[:10],
        "Model": facts.profile,
        "Reference weight": s.get("w_ref"),
        "Version": f"DreamTuner {program}",
    }
    lines = [facts.prompt]
    lines += [f"Negative prompt: {facts.negative_prompt}"] if facts.negative_prompt else []
    lines.append(", ".join(f"{name}: {value}" for name, value in numbers.items() if value not in (None, "")))
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Leave out the characters that XML cannot hold."""
    return "".join(c for c in text if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c < "\ufffe"))
