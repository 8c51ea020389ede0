from math import isqrt
from pathlib import Path

import pytest

from flows.problems import InputError
from flows.spec import MAX_CELLS
from flows.spec_file import MAX_SPEC_BYTES, parse_spec, read_spec

GOOD = """\
name: trip
subjects:
  - {name: pip, class_word: bear, style: natural, reference: references/pip.png}
prompts: ["a {subject} on the beach"]
seeds: [1, 2]
"""


def messages(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_spec(text, source="spec.yaml", base=Path("/specs"))
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


def test_defaults_and_paths_that_start_at_the_file() -> None:
    spec = parse_spec(GOOD, source="spec.yaml", base=Path("/specs"))
    assert spec.profile == "pocket"
    assert spec.score == ("clip_i", "clip_t")
    assert spec.poses == (None,)
    assert spec.subjects[0].reference == "/specs/references/pip.png"


@pytest.mark.parametrize("place", ["https://example.org/pip.png", "s3://bucket/pip.png", "/abs/pip.png"])
def test_urls_and_absolute_paths_stay(place: str) -> None:
    spec = parse_spec(GOOD.replace("references/pip.png", f'"{place}"'), source="x", base=Path("/specs"))
    assert spec.subjects[0].reference == place


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("natural", "foto"), "line 3: subjects[0].style: must be 'natural' or 'anime', not 'foto'"),
        (("{name: pip", "{nmae: pip"), "line 3: subjects[0].nmae: unknown key; did you mean 'name'?"),
        (("name: pip", "name: a/b"), "subjects[0].name: 'a/b' does not fit"),
        (("name: trip", "name: 12"), "line 1: name: must be text, not 12; put it in quotes"),
        (("{subject}", "bear"), "line 4: prompts[0]: 'a bear on the beach' lacks the placeholder {subject}"),
        (("on the beach", "{on} the beach"), "prompts[0]: 'a {subject} {on} the beach' holds another brace"),
        (("[1, 2]", "[1, 1]"), "line 5: seeds[1]: 1 is there twice"),
        (("[1, 2]", "[-1]"), "seeds[0]: is -1; give 0 or more"),
        (("[1, 2]", "[4294967296]"), "seeds[0]: is 4294967296; give 4294967295 or less"),
        (("[1, 2]", "[true]"), "seeds[0]: must be a whole number, not True"),
        (("[1, 2]", "['1']"), "seeds[0]: must be a whole number, not '1'"),
        (("[1, 2]", "[]"), "seeds: is empty"),
        (("[1, 2]", "3"), "seeds: must be a list, not 3"),
        (("[1, 2]", "[1, 2"), "line 6: column 1: while parsing a flow sequence"),
        (("seeds: [1, 2]\n", ""), "seeds: is missing"),
        (("name: trip", "name: trip\nname: trap"), "line 2: column 1: the key 'name' is there twice (first in line 1)"),
    ],
)
def test_a_mistake_is_named_with_its_line_its_path_and_the_remedy(change: tuple[str, str], said: str) -> None:
    assert said in messages(GOOD.replace(*change))


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("poses: [null, wave.png, null]", "line 6: poses[2]: null is there twice"),
        ("poses: [wave.png, wave.png]", "line 6: poses[1]: 'wave.png' is there twice"),
        ("depth: []", "line 6: depth: is empty"),
        ("depth: [3]", "line 6: depth[0]: must be text, not 3"),
        ("poses: wave.png", "line 6: poses: must be a list"),
        ("finetune: {stesp: 300}", "line 6: finetune.stesp: unknown key; did you mean 'steps'?"),
        ("finetune: {lr: {unet: -1}}", "finetune.lr.unet: is -1; give more than 0"),
        ("finetune: {mode: half}", "finetune.mode: must be 'full' or 'lora', not 'half'"),
        ("sampling: {w_reff: 1}", "line 6: sampling.w_reff: unknown key; did you mean 'w_ref'?"),
        ("sampling: {w_ref: -1}", "sampling.w_ref: is -1; give 0 or more"),
        ("profile: sd99", "line 6: profile: there is no profile 'sd99'; choose one of"),
        ("extra: &a [*a]", "line 6: extra: unknown key"),
        ("extra: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("? [a, b]\n: 1", "found unhashable key"),
    ],
)
def test_what_is_not_there_yet_and_what_never_will_be(added: str, said: str) -> None:
    assert said in messages(f"{GOOD}{added}\n")


def test_two_subjects_of_one_name() -> None:
    line = GOOD.splitlines()[2]
    assert "subjects[1].name: the name 'pip' is taken by subjects[0]" in messages(GOOD.replace(line, f"{line}\n{line}"))


def test_a_refused_subject_is_not_also_called_missing() -> None:
    assert "is empty" not in messages(GOOD.replace("natural", "foto"))


@pytest.mark.parametrize("text", ["", "[1]", "just words", "\x00", "a: \t- @", "a: {b"])
def test_what_is_no_spec_at_all(text: str) -> None:
    assert messages(text).startswith("spec.yaml: ")


def test_a_grid_beyond_all_measure() -> None:
    side = isqrt(MAX_CELLS) + 1
    prompts = ", ".join(f'"a {{subject}} {i}"' for i in range(side))
    text = GOOD.replace("1, 2", ", ".join(map(str, range(side)))).replace('"a {subject} on the beach"', prompts)
    assert "split it into several specs" in messages(text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    (tmp_path / "long.yaml").write_bytes(b"#" * (MAX_SPEC_BYTES + 1))
    for name, said in (("none.yaml", "No such file"), ("latin.yaml", "UTF-8"), ("long.yaml", "larger"), (".", "dire")):
        with pytest.raises(InputError, match=said):
            read_spec(tmp_path / name)


def test_the_example_is_valid() -> None:
    example = Path(__file__).parents[2] / "examples" / "pocket.yaml"
    assert read_spec(example).subjects
