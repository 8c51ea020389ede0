"""The Prefect beside a run, started in a folder and a shell that want it to be somebody else's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.prefect.isolation import isolate_environment

THEIRS = "sqlite+aiosqlite:////nowhere/company.db"
PROGRAM = """
import json, os, sys
from deploy.prefect.isolation import isolate_environment
from flows.settings import Settings
isolate_environment(os.environ)
os.environ.update(Settings.load().prefect_environment())
os.environ["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings, temporary_settings, PREFECT_FLOWS_HEARTBEAT_FREQUENCY
for _ in (0, 1):
    get_client(sync_client=True), get_client()
with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}) as found:
    print(json.dumps({
        "database": found.server.database.connection_url and found.server.database.connection_url.get_secret_value(),
        "password": found.server.api.auth_string and found.server.api.auth_string.get_secret_value(),
        "api": found.api.url,
        "home": str(found.home),
        "base path": found.server.api.base_path,
        "headers": found.client.custom_headers,
        "test mode": found.testing.test_mode,
    }))
"""


@pytest.fixture
def hostile(tmp_path: Path, environment: dict[str, str]) -> dict[str, str]:
    """A folder full of settings, and the variables of a shell that is full of them too."""
    (tmp_path / ".env").write_text(f"PREFECT_SERVER_DATABASE_CONNECTION_URL={THEIRS}\nPREFECT_PROFILES_PATH=no.toml\n")
    (tmp_path / "prefect.toml").write_text('[server.api]\nauth_string = "admin:pass"\n')
    (tmp_path / "pyproject.toml").write_text(f'[tool.prefect.server.database]\nconnection_url = "{THEIRS}"\n')
    (tmp_path / "uvicorn.py").write_text("raise SystemExit('a module of the working folder')")
    profiles = f'active = "company"\n[profiles.company]\nPREFECT_API_DATABASE_CONNECTION_URL = "{THEIRS}"\n'
    for folder in (tmp_path, Path(environment["DREAMTUNER_HOME"]) / "prefect"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "profiles.toml").write_text(profiles)
    return environment | {
        "PREFECT_PROFILES_PATH": str(tmp_path / "profiles.toml"),
        "PREFECT_PROFILE": "company",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": THEIRS,
        "PREFECT_API_DATABASE_CONNECTION_URL": THEIRS,
        "prefect_server_api_auth_string": "x:y",
        "prefect_home": "/nowhere/prefect",
        "PREFECT_TEST_MODE": "1",
        "PREFECT_SERVER_API_BASE_PATH": "/other",
        "PREFECT_CLIENT_CUSTOM_HEADERS": '{"X-Company": "1"}',
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "ALL_PROXY": "socks5://127.0.0.1:1080",
        "https_proxy": "not:an:address",
        "NO_PROXY": "localhost,[::1]",
        "no_proxy": "[::1]:80",
    }


def test_settings_come_from_us_alone(hostile: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", PROGRAM]
    done = subprocess.run(command, env=hostile, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    home = f"{hostile['DREAMTUNER_HOME']}/prefect"
    assert json.loads(done.stdout) == {
        "database": f"sqlite+aiosqlite:///{home}/prefect.db",
        "password": None,
        "api": "http://127.0.0.1:9/api",
        "home": home,
        "base path": None,
        "headers": {},
        "test mode": False,
    }


def test_what_reaches_a_server_stays_where_one_is_named() -> None:
    key = {"PREFECT_API_KEY": "k", "PREFECT_CLIENT_CUSTOM_HEADERS": "{}"}
    theirs = {"PREFECT_HOME": "/x", "prefect_api_key": "y", "PREFECT__FLOW_RUN_ID": "z", "ORION_ENCRYPTION_KEY": "q"}
    alone = {**key, **theirs, "PATH": "/bin"}
    isolate_environment(alone)
    assert alone == {"PATH": "/bin"}
    named = {**key, **theirs, "PREFECT_API_URL": "https://prefect.example.org/api"}
    isolate_environment(named)
    assert named == {**key, "PREFECT_API_URL": "https://prefect.example.org/api"}


@pytest.mark.slow
def test_a_run_in_such_a_folder_is_a_run_like_any_other(hostile: dict[str, str], spec: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "deploy.cli.main", "run", str(spec), "--json"]
    done = subprocess.run(command, env=hostile, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["made"] == 24
    assert (Path(hostile["DREAMTUNER_HOME"]) / "prefect" / "prefect.db").is_file()
    assert not os.path.exists("/nowhere")
