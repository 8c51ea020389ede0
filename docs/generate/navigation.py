"""The tree of pages beside each page: rendered once for all pages of source code, which stand nowhere in it."""

from collections.abc import Callable
from typing import Any

SOURCES = "_modules/"
_rendered: dict[tuple[int, str], str] = {}


def navigate(app: Any, page: str, template: str, context: dict[str, Any], document: Any) -> None:
    """Opens the tree at the page's own branch alone; the theme would render all branches for each page."""
    render: Callable[..., str] | None = context.get("toctree")
    if render is None:
        return

    def own_branch(**options: Any) -> str:
        options |= {"collapse": True}
        if not page.startswith(SOURCES):
            return render(**options)
        key = page.count("/"), repr(sorted(options.items()))  # links are relative, by the depth of the page
        if key not in _rendered:
            _rendered[key] = render(**options)
        return _rendered[key]

    context["toctree"] = own_branch
