"""Styles: one record each, of ours or of another package, which prompts, numbers, specs and forms go by."""

import json

import pytest
import yaml
from PIL import Image
from pydantic import ValidationError

from dreamtuner.models.profiles import get_profile
from dreamtuner.settings.styles import STYLES
from flows.ingestion.captioning import CaptionChooser
from flows.spec.model import Spec
from flows.spec.prompt import expand
from flows.spec.subject import SubjectSpec
from tests.seams.outside import Outside, blocks, outside

__all__ = ["outside"]

PAGE = "add-a-style.md"


def test_the_style_of_the_page_is_one_like_those_built_in(outside: Outside) -> None:
    outside.install_page(PAGE)
    assert STYLES.names() == ["natural", "anime", "watercolour"]
    spec = Spec.model_validate(yaml.safe_load(blocks(PAGE, "yaml")[0]))
    prompt = expand(spec.prompts[0], class_word="bear", style=spec.subjects[0].style or "")
    assert prompt == "a watercolour of a bear on the beach"
    chooser = CaptionChooser("bear", "watercolour", lambda: Image.new("RGB", (8, 8)))
    assert chooser.plain == "a watercolour of a bear"
    pocket = get_profile("pocket")
    assert pocket.sampling("watercolour") == pocket.sampling(w_ref=2.0)
    assert '["natural", "anime", "watercolour"]' in json.dumps(SubjectSpec.model_json_schema())


def test_an_unknown_style_is_answered_with_the_known() -> None:
    with pytest.raises(ValidationError, match="there is no style 'watercolour'; choose one of: natural, anime"):
        SubjectSpec.model_validate({"name": "pip", "style": "watercolour"})


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("StyleRecord('other', 'ink')", "it is not a StyleRecord named 'ink'"),
        ("StyleRecord('ink', '{x}')", "word: '{x}' is not a word"),
        ("StyleRecord('ink', 'ink', {'w_reff': 2})", r"sampling\.w_reff"),
    ],
)
def test_a_record_that_does_not_fit_is_named(outside: Outside, record: str, why: str) -> None:
    code = f"from dreamtuner.settings.styles import StyleRecord\nINK = {record}\n"
    outside.install("my-inks", {"my_inks.py": code}, {"dreamtuner.styles": {"ink": "my_inks:INK"}})
    with pytest.raises(ValueError, match=rf"the style 'ink' of my-inks 1.0 cannot be loaded \({why}"):
        STYLES["ink"]
    assert list(STYLES.working()) == ["natural", "anime"]
