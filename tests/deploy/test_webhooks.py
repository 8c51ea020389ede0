"""`dreamtuner webhooks` shows what is sent, sends again, and switches on."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from storage.catalog import Catalog, writes


def test_deliveries_are_listed_and_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path))

    def said(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["webhooks", *words])
        assert (done.exit_code == 0) == (code == 0), done.output
        return done.output

    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
        assert "no webhooks" in said("list")
        with catalog.write() as s:
            user = writes.add_user(s, name="robot", role="admin", actor="setup")
            of = {"user_id": user, "actor": "robot"}
            secret = writes.add_webhook(s, id="wh_1", url="https://example.com/x", events=["run.ready"], **of)
            run = writes.start_run(s, name="trip", spec={}, flow_run_id=None)
            writes.finish_run(s, run, "completed")
        catalog.transact(writes.enter_run_events)
        assert "https://example.com/x  run.ready  on" in said("list")
        assert secret not in said("list", "--json")
        (one,) = json.loads(said("deliveries", "wh_1", "--json"))["deliveries"]
        assert (one["run_id"], one["state"]) == (run, "waiting")
        assert "due again" in said("send", "wh_1", str(one["id"]))
        with catalog.write() as s:
            writes.change_webhook(s, "wh_1", actor="robot", active=False)
        assert "off: switched off by robot" in said("list")
        said("send", "wh_1", str(one["id"]), code=1)
        assert "  on" in said("on", "wh_1")
        said("deliveries", "unknown", code=1)
