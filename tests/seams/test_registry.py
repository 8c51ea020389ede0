"""Registries: built-in names and those of other packages, loaded when used; one fault stays one fault."""

import sys
from dataclasses import dataclass

import pytest

from dreamtuner.plugins import BrokenPluginError, Candidate, NameTakenTwiceError, Registry, UnknownNameError
from tests.seams.outside import Outside, outside

__all__ = ["outside"]

GROUP = "dreamtuner.test_tools"
TOOL = "class Tool:\n    word = '{}'\n"


@dataclass(frozen=True)
class Hammer:
    word: str = "hammer"


@pytest.fixture
def tools() -> Registry[Hammer]:
    return Registry("tool", GROUP, {"hammer": f"{__name__}:Hammer"}, needs=("word",))


def test_a_package_adds_a_name_and_nothing_is_loaded_before_it_is_used(
    tools: Registry[Hammer], outside: Outside
) -> None:
    outside.install("my-saws", {"my_saws.py": TOOL.format("saw")}, {GROUP: {"saw": "my_saws:Tool"}})
    assert tools.names() == list(tools) == ["hammer", "saw"]
    assert "saw" in tools
    assert "drill" not in tools
    assert "my_saws" not in sys.modules
    assert tools["saw"].word == "saw"
    assert tools["saw"] is tools["saw"]
    assert tools["hammer"] == Hammer()


def test_an_unknown_name_is_answered_with_those_that_exist(tools: Registry[Hammer]) -> None:
    with pytest.raises(UnknownNameError, match=r"^there is no tool 'drill'; choose one of: hammer$"):
        tools["drill"]
    with pytest.raises(UnknownNameError, match=r"there is no nail 'x'; none is installed \(group none\)"):
        Registry[object]("nail", "none")["x"]


@pytest.mark.parametrize(
    ("code", "value", "why"),
    [
        ("raise RuntimeError('no driver')", "my_saws:Tool", "RuntimeError: no driver"),
        ("import a_module_that_is_not_there", "my_saws:Tool", "ModuleNotFoundError.*a_module_that_is_not_there"),
        ("x = 1", "my_saws:Tool", "AttributeError.*Tool"),
        ("class Tool:\n    pass", "my_saws:Tool", "it is not a tool: it lacks word"),
        ("class Tool:\n    def __init__(self, x): ...", "my_saws:Tool", "TypeError"),
    ],
)
def test_a_broken_package_is_named_and_stops_no_other(
    tools: Registry[Hammer], outside: Outside, code: str, value: str, why: str
) -> None:
    outside.install("my-saws", {"my_saws.py": code}, {GROUP: {"saw": value}})
    with pytest.raises(BrokenPluginError, match=rf"the tool 'saw' of my-saws 1.0 cannot be loaded \({why}"):
        tools["saw"]
    assert tools.working() == {"hammer": Hammer()}
    assert list(tools.broken()) == ["saw"]
    assert tools["hammer"].word == "hammer"


def test_a_name_that_two_packages_take_is_an_error_that_names_both(tools: Registry[Hammer], outside: Outside) -> None:
    for package in ("my-saws", "your-saws"):
        module = package.replace("-", "_")
        outside.install(package, {f"{module}.py": TOOL.format(module)}, {GROUP: {"saw": f"{module}:Tool"}})
    with pytest.raises(NameTakenTwiceError, match=r"'saw' exists twice.*(my-saws 1.0.*your|your-saws 1.0.*my)-saws"):
        tools["saw"]
    assert tools.names() == ["hammer", "saw"]
    assert list(tools.working()) == ["hammer"]


def test_a_package_cannot_replace_a_built_in_name_in_silence(tools: Registry[Hammer], outside: Outside) -> None:
    outside.install("my-saws", {"my_saws.py": TOOL.format("saw")}, {GROUP: {"hammer": "my_saws:Tool"}})
    with pytest.raises(NameTakenTwiceError, match=r"by dreamtuner and by my-saws 1.0; rename or uninstall one"):
        tools["hammer"]


def test_what_has_changed_is_loaded_again(tools: Registry[Hammer]) -> None:
    loads = []

    def candidate(state: int) -> Candidate:
        return Candidate("file", "/a/file", lambda: loads.append(state) or Hammer(str(state)), state)  # type: ignore[func-returns-value]

    assert [tools.get("file", [candidate(n)]).word for n in (1, 1, 2)] == ["1", "1", "2"]
    assert loads == [1, 2]
