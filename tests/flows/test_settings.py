from pathlib import Path

import pytest

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.models.profiles import get_profile
from flows.resources import Resources
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
    ("name", "value"),
    [
        ("CHUNK_CELLS", "0"),
        ("LEASE_SECONDS", "soon"),
        ("MAX_SOURCE_BYTES", "-1"),
        ("BATCH", "0"),
        ("OFFLOAD", "disk"),
        ("COMPILE", "blocks"),
        ("ATTENTION", "xformers"),
    ],
)
def test_a_value_that_does_not_fit_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"DREAMTUNER_{name}: .*correct the variable or unset it"):
        Settings.load({f"DREAMTUNER_{name}": value})


def test_layers_that_move_are_not_compiled() -> None:
    assert Settings.load({"DREAMTUNER_COMPILE": "1", "DREAMTUNER_OFFLOAD": "model"}).compile
    with pytest.raises(SettingsError, match="DREAMTUNER_COMPILE: not with DREAMTUNER_OFFLOAD=group, which"):
        Settings.load({"DREAMTUNER_COMPILE": "1", "DREAMTUNER_OFFLOAD": "group"})


def test_several_processes_of_a_fine_tuning_take_all_gpus() -> None:
    wanted = {"DREAMTUNER_FINETUNE_PROCESSES": "2", "DREAMTUNER_DEVICE": "cuda"}
    assert Settings.load(wanted).finetune_processes == 2
    with pytest.raises(SettingsError, match="DREAMTUNER_FINETUNE_PROCESSES: 2 processes take a GPU each"):
        Settings.load(wanted | {"DREAMTUNER_DEVICE": "cuda:1"})


def test_prefect_sends_nothing_home() -> None:
    environment = Settings.load({}).prefect_environment()
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["DO_NOT_TRACK"] == "1"


def test_a_home_that_no_database_url_can_hold_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"DREAMTUNER_HOME: .*wh\?at"):
        Settings.load({"DREAMTUNER_HOME": "/srv/wh?at"})


def test_a_variable_moves_the_weights_of_any_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _profile(tmp_path, "sd-1.5")
    monkeypatch.chdir(tmp_path)
    variables = {"DREAMTUNER_SD_1_5_WEIGHTS": str(tmp_path / "moved"), "DREAMTUNER_POCKET_WEIGHTS": "here"}
    moved = Resources(Settings.load({"DREAMTUNER_HOME": str(tmp_path), **variables}))
    assert moved.profile("sd-1.5").weights == tmp_path / "moved"
    assert moved.profile("pocket").weights == tmp_path / "here"
    unset = Resources(Settings.load({"DREAMTUNER_HOME": str(tmp_path), "DREAMTUNER_POCKET_WEIGHTS": ""}))
    assert unset.profile("sd-1.5").weights == tmp_path / "profiles" / "own"
    assert unset.profile("pocket") == get_profile("pocket")


def test_a_variable_that_means_two_profiles_is_refused(tmp_path: Path) -> None:
    _profile(tmp_path, "sd-1")
    _profile(tmp_path, "sd_1")
    settings = Settings.load({"DREAMTUNER_HOME": str(tmp_path), "DREAMTUNER_SD_1_WEIGHTS": "/srv/weights"})
    with pytest.raises(SettingsError, match="DREAMTUNER_SD_1_WEIGHTS: it means the profiles sd-1 and sd_1; rename one"):
        Resources(settings).profile("sd_1")
    assert Resources(settings).profile("pocket") == get_profile("pocket")


def _profile(home: Path, name: str) -> None:
    file = home / "profiles" / f"{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text("weights: own\nresolution: 64\nlicence: MIT\n")


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # inside torch, when its compiler is imported
@pytest.mark.slow
def test_settings_of_memory_and_speed_reach_the_model(settings: Settings) -> None:
    plain = Resources(settings).backbone("pocket")
    offloaded = Resources(settings.model_copy(update={"offload": "model"})).backbone("pocket")
    assert isinstance(plain, UNetBackbone)
    assert isinstance(offloaded, UNetBackbone)
    assert (plain.offloader, plain.place) == (None, None)
    assert offloaded.offloader is not None
    assert str(offloaded.device) == "cpu"
    compiled = Resources(settings.model_copy(update={"compile": True})).backbone("pocket")
    assert isinstance(compiled, UNetBackbone)
    blocks = [len([one for one in b.unet.modules() if one._compiled_call_impl is not None]) for b in (plain, compiled)]
    assert blocks == [0, len(plain.denoiser().self_attention)]
