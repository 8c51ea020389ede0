"""The role {src}`dreamtuner/attention/self_subject.py`: names a source file, and links to its page in the reference."""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes

ROOT = Path(__file__).resolve().parents[2]


def source_file(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = None
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Returns a link to the module in the API reference; a file or folder that is not there is an error."""
    path = ROOT / text
    if not path.exists():
        return [], [inliner.reporter.error(f"{text} is not in the repository; correct the path", line=lineno)]
    if path.suffix != ".py" and not (path / "__init__.py").is_file():
        return [nodes.literal(rawtext, text)], []
    module = text.rstrip("/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    link = addnodes.pending_xref(
        rawtext, refdomain="py", reftype="mod", reftarget=module, refexplicit=True, refwarn=False, refdoc=""
    )
    link["refdoc"] = inliner.document.settings.env.docname
    link += nodes.literal(text, text)
    return [link], []
