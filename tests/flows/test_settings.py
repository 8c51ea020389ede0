from pathlib import Path

import pytest

from flows.settings import Settings, SettingsError


def test_everything_lies_in_home_unless_said_otherwise(tmp_path: Path) -> None:
    settings = Settings.load({"DREAMTUNER_HOME": str(tmp_path)})
    assert settings.catalog_url == f"sqlite:///{tmp_path}/catalog.db"
    assert settings.catalog_file == tmp_path / "catalog.db"
    assert settings.store_url == str(tmp_path / "objects")
    assert settings.prefect_environment()["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert not settings.allow_private_addresses


def test_a_server_is_no_file() -> None:
    assert Settings.load({"DREAMTUNER_CATALOG_URL": "postgresql://db/x"}).catalog_file is None


@pytest.mark.parametrize(
    ("name", "value"), [("CHUNK_CELLS", "0"), ("LEASE_SECONDS", "soon"), ("MAX_SOURCE_BYTES", "-1")]
)
def test_a_value_that_does_not_fit_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"DREAMTUNER_{name}: .*correct the variable or unset it"):
        Settings.load({f"DREAMTUNER_{name}": value})


def test_prefect_sends_nothing_home() -> None:
    environment = Settings.load({}).prefect_environment()
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["DO_NOT_TRACK"] == "1"


def test_a_home_that_no_database_url_can_hold_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"DREAMTUNER_HOME: .*wh\?at"):
        Settings.load({"DREAMTUNER_HOME": "/srv/wh?at"})
