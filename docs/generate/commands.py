"""Writes the reference of the command line from the typer commands themselves."""

import html
import re

from typer import Context
from typer.cli import get_docs_for_click
from typer.core import TyperGroup
from typer.main import get_command

from deploy.cli.main import app
from docs.generate.markdown import escaped

_SUMMARY = re.compile(r"^\*\*Commands\*\*:\n\n(?:\* .*\n)+\n?", re.MULTILINE)
_FENCE = re.compile(r"(```.*?```)", re.DOTALL)


def commands_page() -> str:
    """Returns the whole reference of `dreamtuner` as Markdown: one section a command, below a title of their own."""
    command = get_command(app)
    docs = get_docs_for_click(obj=command, ctx=Context(command), name="dreamtuner")
    # typer's own contents are cut off after 45 characters; the page has better ones
    text = _SUMMARY.sub("", html.unescape(docs))
    parts = _FENCE.split(text)
    text = "".join(part if part.startswith("```") else _plain(part) for part in parts)
    return text.partition("\n")[2].lstrip()  # the page brings its own title


def command_names() -> list[str]:
    """Returns the names of all commands in their order, those of groups as "bench speed"."""
    return list(_names(get_command(app), ""))


def _names(group: object, before: str) -> list[str]:
    found: list[str] = []
    for name, command in getattr(group, "commands", {}).items():
        if isinstance(command, TyperGroup):
            found += _names(command, f"{before}{name} ")
        else:
            found.append(before + name)
    return found


def _plain(text: str) -> str:
    """Returns prose and lists with braces and angle brackets that Markdown would take for markup escaped."""
    kept = []
    for line in text.splitlines(keepends=True):
        body = line.rstrip("\n")
        if body.startswith(("#", "* `", "**")) or not body:
            kept.append(line)
        else:
            kept.append(escaped(body) + "\n")
    return "".join(kept)
