"""The dashboard's settings: what of them pages show, and what is refused before it serves."""

from pathlib import Path

import pytest

from deploy.cli.commands.dashboard import dashboard
from deploy.cli.error_message import is_bad_input
from deploy.dashboard.serve import serve
from deploy.dashboard.settings import Settings, SettingsError
from flows.settings import SettingsError as InputSettingsError
from storage.objects import StoreError

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    ("variables", "linked"),
    [
        ({"PREFECT_API_URL": f"http://ann:{SECRET}@flows.example:4200/api/"}, "http://flows.example:4200"),
        ({"DREAMTUNER_DASHBOARD_PREFECT_UI": f"https://{SECRET}@ui.example/p/?k={SECRET}"}, "https://ui.example/p"),
        ({"PREFECT_API_URL": "http://127.0.0.1:4200/api"}, "http://127.0.0.1:4200"),
        ({}, ""),
    ],
)
def test_links_to_prefect_hold_no_password(variables: dict[str, str], linked: str) -> None:
    settings = Settings.load(variables)
    assert settings.prefect_ui == linked
    assert settings.prefect_api == variables.get("PREFECT_API_URL", "").rstrip("/"), "the server itself still uses it"


def test_the_command_says_that_a_store_that_cannot_be_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path))
    monkeypatch.setenv("DREAMTUNER_STORE_URL", "ftp://host/pictures")
    with pytest.raises(InputSettingsError, match=r"^DREAMTUNER_STORE_URL: object store .* is neither") as error:
        dashboard(port=0)
    assert is_bad_input(error.value)


def test_a_store_that_cannot_be_is_refused_before_it_says_where_it_listens(tmp_path: Path) -> None:
    said: list[str] = []
    env = {"DREAMTUNER_HOME": str(tmp_path), "DREAMTUNER_STORE_URL": f"s3://key:{SECRET}@/pre?secret={SECRET}"}
    with pytest.raises(StoreError, match="is not an S3 URL") as refused:
        serve(Settings.load(env), port=0, say=said.append)
    assert SECRET not in str(refused.value)
    assert said == []
    assert list(tmp_path.iterdir()) == []


def test_reasons_for_rejections_are_a_teams_own() -> None:
    assert Settings.load({"DREAMTUNER_DASHBOARD_REASONS": " hands, not the bear ,,"}).reasons == (
        "hands",
        "not the bear",
    )
    assert len(Settings.load({}).reasons) > 1
    for wrong in (",".join("abcdefghij"), "x" * 61):
        with pytest.raises(SettingsError, match="at most 9 reasons of 60 characters"):
            Settings.load({"DREAMTUNER_DASHBOARD_REASONS": wrong})
