"""Prefect's API as the dashboard uses it, over the flows' own models: it keeps what was ordered and runs nothing."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import Field, create_model

from flows.spec.model import Spec
from flows.spec.subject import SubjectSpec

SWITCH = (bool, Field(default=False, description="Do it again."))
FLOWS = {
    "catalog/catalog": create_model("Catalog", spec=(Spec, ...), new_defaults=SWITCH, new_weights=SWITCH),
    "ingest/ingest": create_model("Ingest", subjects=(list[SubjectSpec], ...), profile=(str | None, None)),
}


@dataclass
class Orders:
    """The server's address, the orders (deployment and parameters, the newest last), and the schedules by id."""

    api: str
    taken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)


@contextmanager
def orders() -> Iterator[Orders]:
    """A server that takes orders until the block ends."""
    schemas = {name: model.model_json_schema() for name, model in FLOWS.items()}

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/api/flow_runs/"):
                return self._say(200, {"state_type": "SCHEDULED"})
            if self.path.endswith("/schedules"):
                return self._say(200, list(taking.schedules.values()))
            name = self.path.partition("/deployments/name/")[2]
            if name not in schemas:
                return self._say(404, {"detail": "not found"})
            self._say(200, {"id": name, "name": name, "parameter_openapi_schema": schemas[name], "parameters": {}})

        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.endswith("/create_flow_run"):
                name = self.path.removeprefix("/api/deployments/").removesuffix("/create_flow_run")
                key = given["idempotency_key"]
                if key not in taking.ids:  # as the server
                    taking.taken.append((name, given["parameters"]))
                    taking.ids[key] = f"run-{len(taking.taken)}"
                return self._say(201, {"id": taking.ids[key]})
            if self.path.endswith("/schedules"):
                made = [{"id": str(uuid.uuid4()), **one} for one in given]
                taking.schedules |= {one["id"]: one for one in made}
                return self._say(201, made)
            self._say(200, [])

        def do_PATCH(self) -> None:  # as the server: what is not sent is emptied
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taking.schedules[self.path.rpartition("/")[2]] |= {"parameters": {}, **given}
            self._say(204, None)

        def do_DELETE(self) -> None:
            del taking.schedules[self.path.rpartition("/")[2]]
            self._say(204, None)

        def _say(self, status: int, body: object) -> None:
            data = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        taking = Orders(f"http://127.0.0.1:{server.server_address[1]}/api")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield taking
        server.shutdown()
