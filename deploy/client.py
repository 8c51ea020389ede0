"""A client of /api/v1 in one file, for programs of your own: copy it, it needs httpx alone.

with Client("https://pictures.example.org", token) as dreamtuner:
    pip = dreamtuner.add_subject("pip", "bear", Path("pip.png"))
    run = dreamtuner.order({"name": "trip", "subjects": [{"name": "pip"}], "prompts": [...], "seeds": ["1-4"]})
    run = dreamtuner.wait(run["id"])
    dreamtuner.export({"run": run["id"]}, Path("trip.zip"))
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx

AGAIN = frozenset({409, 429, 502, 503})
"""Statuses after which the same request is sent again, where the answer says when."""
TRIES = 6
TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
ENDS = ("completed", "failed", "cancelled", "crashed")


class ApiError(Exception):
    """The server refused a request: `problem` is its RFC 9457 object, with detail, field and remedy."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{problem.get('status')} {problem.get('detail') or problem.get('title')}")
        self.problem = problem


class Client:
    """The server at `address`, as the owner of `token`. Every POST has an idempotency key and may be sent again."""

    def __init__(self, address: str, token: str, **more: Any) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=f"{address.rstrip('/')}/api/v1", headers=headers, timeout=60, **more)

    def request(self, method: str, path: str, **sent: Any) -> httpx.Response:
        """Send a request, again where the server is away or busy. Raises ApiError, httpx.TransportError."""
        headers = {**sent.pop("headers", {})} | ({"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {})
        answer = httpx.Response(503)
        for left in reversed(range(TRIES)):
            try:
                answer = self._http.request(method, path, headers=headers, **sent)
            except httpx.TransportError:
                if not left:
                    raise
                time.sleep(1)
                continue
            if answer.is_success:
                return answer
            if not left or answer.status_code not in AGAIN or "retry-after" not in answer.headers:
                break
            time.sleep(float(answer.headers["retry-after"]))
        is_problem = answer.headers.get("content-type", "").startswith("application/problem+json")
        raise ApiError(answer.json() if is_problem else {"status": answer.status_code, "detail": answer.text[:300]})

    def all(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield the rows of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.request("GET", path, params=query | ({} if cursor is None else {"cursor": cursor})).json()
            yield from page["items"]
            if (cursor := page["next"]) is None:
                return

    def upload(self, image: Path) -> str:
        """Upload an image and return its SHA-256, by which a subject names it. Raises ValueError for another file."""
        kind = TYPES.get(image.suffix.lower())
        if kind is None:
            raise ValueError(f"image: {image.name!r} is not {', '.join(TYPES)}; convert it to PNG, JPEG or WebP")
        sent: dict[str, Any] = {"content": image.read_bytes(), "headers": {"Content-Type": kind}}
        return str(self.request("POST", "/uploads", **sent).json()["sha256"])

    def add_subject(self, name: str, class_word: str, reference: Path, **more: Any) -> dict[str, Any]:
        """Add a subject with its reference image, or find the same one again."""
        sent = {"name": name, "class_word": class_word, "reference": self.upload(reference), **more}
        return dict(self.request("POST", "/subjects", json=sent).json())

    def price(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a run of the spec would make, how long it would take and what it would cost."""
        return dict(self.request("POST", "/runs", params={"dry_run": True}, json={"spec": spec}).json())

    def order(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Order a run of a spec, once."""
        return dict(self.request("POST", "/runs", json={"spec": spec}).json())

    def wait(self, run_id: str, *, every: float = 5, seconds: float = 86400) -> dict[str, Any]:
        """Return the run once it has ended. A webhook spares the asking. Raises TimeoutError."""
        until = time.monotonic() + seconds
        while (run := self.request("GET", f"/runs/{run_id}").json())["state"] not in ENDS:
            if time.monotonic() > until:
                raise TimeoutError(f"run {run_id} is {run['state']} after {seconds:.0f} s")
            time.sleep(every)
        return dict(run)

    def review(self, output: Mapping[str, Any], decision: str, **more: Any) -> dict[str, Any]:
        """Decide on an image as it was listed."""
        sent = {"output_id": output["id"], "revision": output["revision"], "decision": decision, **more}
        return dict(self.request("POST", "/reviews", json=sent).json())

    def export(self, which: Mapping[str, Any], to: Path, **options: Any) -> dict[str, Any]:
        """Fetch the approved images that match, 5,000 at the most, as one file; it is there when it is whole.

        Raises ApiError if more match: narrow the filter.
        """
        made = dict(self.request("POST", "/exports", json={"filter": which, **options}).json())
        part = to.with_name(f"{to.name}.part")
        with self._http.stream("GET", made["file"].removeprefix("/api/v1")) as answer, part.open("wb") as file:
            if not answer.is_success:
                answer.read()
                raise ApiError(answer.json())
            for piece in answer.iter_bytes():
                file.write(piece)
        part.rename(to)
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
