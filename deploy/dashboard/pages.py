"""Pages rendered from templates: one autoescaped environment with the context that every page needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlencode
from uuid import uuid4

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.templating import Jinja2Templates

from deploy.dashboard.access.rights import Person
from deploy.dashboard.resources import resources
from dreamtuner.settings.styles import STYLES
from storage.catalog.records import DECISIONS, PERSONS, ROLES, Given, RunWarning
from storage.run_costs import duration, money

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"
NAVIGATION = (
    ("/", "Home", "viewer"),
    ("/outputs", "Outputs", "viewer"),
    ("/review", "Review", "reviewer"),
    ("/subjects", "Subjects", "viewer"),
    ("/orders/new", "Order", "operator"),
    ("/flows", "Flows", "operator"),
    ("/export", "Export", "reviewer"),
    ("/audit", "Audit", "admin"),
    ("/users", "Users", "admin"),
)
NOTICE = "dreamtuner_notice"
DECIDED = {"none": "Undecided", "approved": "Approved", "rejected": "Rejected", "flagged": "Flagged"}


def new_id() -> str:
    """Return a new random id, such as that of a form."""
    return uuid4().hex


def templates() -> Jinja2Templates:
    """Build the template environment."""
    made = Jinja2Templates(directory=_FOLDER / "templates")
    made.env.globals.update(
        zip=zip,
        new_id=new_id,
        navigation=NAVIGATION,
        decided=DECIDED,
        decisions=DECISIONS,
        roles=ROLES,
        styles=STYLES,
        persons=PERSONS,
    )
    made.env.filters.update(
        duration=duration,
        money=money,
        when=when,
        short=short,
        figure=figure,
        query=query,
        ago=ago,
        origin=origin,
        kind=kind_name,
    )
    made.env.trim_blocks = made.env.lstrip_blocks = True
    return made


def page(request: Request, name: str, person: Person, /, *, status: int = 200, **context: Any) -> Response:
    """Render the template `name` for this person."""
    app: FastAPI = request.app
    made: Jinja2Templates = app.state.templates
    notice = "" if name.startswith("_") else unquote(request.cookies.get(NOTICE, ""))
    shown = {"person": person, "path": request.url.path, "notice": notice}
    answer = made.TemplateResponse(request, name, shown | context, status_code=status)
    if notice:
        answer.delete_cookie(NOTICE)
    return answer


def own_address(request: Request) -> str:
    """Return the address that people reach the dashboard at, without a slash at the end, for links to pass on."""
    return resources(request).settings.origin or f"{request.url.scheme}://{request.url.netloc}"


def redirect(to: str, notice: str) -> Response:
    """Redirect to a local path that shows `notice` once. The notice is not in the URL, where any link could set it."""
    return with_notice(RedirectResponse(to, 303), notice)


def with_notice(sent: Response, notice: str) -> Response:
    """Add to a redirect a notice that the next page shows once."""
    sent.set_cookie(NOTICE, quote(notice[:300]), max_age=60, httponly=True, samesite="lax")
    return sent


def sentences(warnings: Sequence[RunWarning], most: int = 8) -> list[str]:
    """Format warnings, each once; the last line counts those beyond `most`."""
    said = list(dict.fromkeys(f"{one.place}: {one.message}" if one.place else one.message for one in warnings))
    return said if len(said) <= most else [*said[:most], f"and {len(said) - most} more"]


def when(instant: datetime) -> str:
    """Format an instant as UTC date and time."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def ago(instant: datetime) -> str:
    """Format how long ago an instant was, in one unit."""
    seconds = (datetime.now(UTC) - instant).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


class Version(Protocol):
    """The properties of a mask, caption or control image that say where it is from."""

    @property
    def method(self) -> str: ...

    @property
    def given(self) -> Given: ...

    @property
    def giver(self) -> str | None: ...

    @property
    def given_at(self) -> datetime | None: ...


def origin(version: Version) -> str:
    """Describe the origin of a mask, caption or control image: who provided it, where and when, or what detected it."""
    when_given = "" if version.given_at is None else f", {when(version.given_at)}"
    match version.given:
        case "dashboard":
            return f"provided by {version.giver or 'someone'} in the dashboard{when_given}"
        case "spec" | "ingest":
            return f"provided {'in a spec' if version.given == 'spec' else 'by dreamtuner ingest'}{when_given}"
        case "file":
            return "from the reference's alpha channel"
    return f"detected by {version.method}" + (
        f", requested by {version.giver or 'a person'}{when_given}" if when_given else ""
    )


def kind_name(kind: str) -> str:
    """Return the name of a kind of annotation or control image, for display."""
    return "Depth map" if kind == "depth" else kind[:1].upper() + kind[1:]


def short(digest: str) -> str:
    """Return the first 12 characters of a digest."""
    return digest[:12]


def figure(count: int, most: int = 10_000) -> str:
    """Format a count that stopped at `most` + 1."""
    return f"{most:,}+" if count > most else f"{count:,}"


def query(given: Mapping[str, Any], **more: Any) -> str:
    """Build a URL query from the values that are set."""
    return urlencode({name: value for name, value in {**given, **more}.items() if value not in (None, "")})
