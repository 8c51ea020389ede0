"""Renders formulas as MathML, which browsers draw by themselves: no script and no font is loaded."""

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.errors import ExtensionError


def render_inline(writer: Any, node: nodes.math) -> None:
    """Writes a formula in a line; ExtensionError names one that cannot be read."""
    writer.body.append(_mathml(node.astext(), block=False))
    raise nodes.SkipNode


def render_block(writer: Any, node: nodes.math_block) -> None:
    """Writes a formula of its own paragraph; ExtensionError names one that cannot be read."""
    writer.body.append(f'<div class="formula">{_mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def _mathml(text: str, *, block: bool) -> str:
    try:
        tree = latex2mathml.tex2mathml(text, as_block=block)
    except MathError as error:
        raise ExtensionError(f"the formula {text!r} cannot be rendered: {error}; simplify it") from error
    return str(tree)
