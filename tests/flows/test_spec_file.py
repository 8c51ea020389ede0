from math import isqrt
from pathlib import Path

import pytest

from flows.spec.model import MAX_CELLS, demand_grid
from flows.spec.problems import InputError
from flows.spec.yaml_file import MAX_SPEC_BYTES, parse_spec, read_spec

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
    assert spec.score is None
    assert spec.poses == (None,)
    assert spec.subjects[0].reference == "/specs/references/pip.png"


@pytest.mark.parametrize("place", ["https://example.org/pip.png", "s3://bucket/pip.png", "/abs/pip.png"])
def test_urls_and_absolute_paths_stay(place: str) -> None:
    spec = parse_spec(GOOD.replace("references/pip.png", f'"{place}"'), source="x", base=Path("/specs"))
    assert spec.subjects[0].reference == place


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("natural", "foto"), "line 3: subjects[0].style: there is no style 'foto'; choose one of: natural, anime"),
        (("{name: pip", "{nmae: pip"), "line 3: subjects[0].nmae: unknown key; did you mean 'name'?"),
        (("name: pip", "name: a/b"), "subjects[0].name: invalid value 'a/b'"),
        (("name: trip", "name: 12"), "line 1: name: must be text, not 12; put it in quotes"),
        (("{subject}", "bear"), "line 4: prompts[0]: 'a bear on the beach' lacks the placeholder {subject}"),
        (("on the beach", "{on} the beach"), "prompts[0]: 'a {subject} {on} the beach' holds another brace"),
        (("[1, 2]", "[1, 1]"), "line 5: seeds[1]: duplicate seed 1"),
        (("[1, 2]", "[-1]"), "seeds[0]: is -1; give 0 or more"),
        (("[1, 2]", "[4294967296]"), "seeds[0]: is 4294967296; give 4294967295 or less"),
        (("[1, 2]", "[true]"), "seeds[0]: must be a whole number, not True"),
        (("[1, 2]", "['1']"), "seeds[0]: must be a whole number, not '1'"),
        (("[1, 2]", "[]"), "seeds: is empty"),
        (("[1, 2]", "null"), "seeds: must be a list, not null"),
        (("[1, 2]", "[007]"), 'line 5: seeds[0]: 007 is an octal number in YAML, 7; write 7, or "007" in quotes'),
        (("[1, 2]", "[1, 010]"), "line 5: seeds[1]: 010 is an octal number in YAML, 8; write 10"),
        (("[1, 2]", "[08]"), "seeds[0]: must be a whole number, not '08'; write 8"),
        (("[1, 2]", "[yes]"), "seeds[0]: must be a whole number, not yes, which YAML reads as true"),
        (("[1, 2]", "1:30"), "line 5: seeds: 1:30 is a base-60 number in YAML; write the number in decimals"),
        (("[1, 2]", "9-1"), "seeds: the range 9-1 is descending; write 1-9"),
        (("[1, 2]", "[1-3, 2]"), "line 5: seeds[1]: duplicate seed 2"),
        (("[1, 2]", "010-020"), "seeds: '010-020' has a leading zero; write 10-20"),
        (("[1, 2]", "{from: 1}"), "seeds.to: is missing"),
        (("[1, 2]", "{from: 1, to: 2, stpe: 3}"), "seeds.stpe: unknown key; did you mean 'step'?"),
        (("[1, 2]", "[3, {from: 1, to: 2, step: 0}]"), "seeds[1].step: is 0; give 1 or more"),
        (("[1, 2]", "0-4294967295"), "seeds: these are more than 250,000 seeds"),
        (("name: trip", "name: no"), 'name: must be text, not no, which YAML reads as false; write "no" in quotes'),
        (("name: trip", "name: 2026-11-28"), "name: must be text, not 2026-11-28, which YAML reads as a date; write"),
        (("name: trip", "name: 007"), 'name: 007 is an octal number in YAML, 7; write 7, or "007" in quotes'),
        (('"a {subject} on the beach"', "a {subject} on it"), "put the prompt in quotes"),
        (('["a {subject} on the beach"]', "[{subject}]"), "must be text, not {'subject': None}; put it in quotes"),
        (("the beach", "the\\0 beach"), "line 4: prompts[0]: holds a NUL character; remove it"),
        (("the beach", "the\0 beach"), "line 4: column 30: holds a NUL character; remove it"),
        (("pip, class", '"pi\u202ep", class'), "line 3: subjects[0].name: holds a character that turns the direction"),
        (("the beach", "the \\ud83d"), "prompts[0]: holds half of a surrogate pair"),
        (("[1, 2]", "[1, 2"), "line 6: column 1: while parsing a flow sequence"),
        (("seeds: [1, 2]\n", ""), "seeds: is missing"),
        (("name: trip", "name: trip\nname: trap"), "line 2: column 1: duplicate key 'name' (first in line 1)"),
    ],
)
def test_a_mistake_is_named_with_its_line_its_path_and_the_remedy(change: tuple[str, str], said: str) -> None:
    assert said in messages(GOOD.replace(*change))


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("on: 3", "line 6: on: unknown key"),
        ('negative_prompt: "\\e[2J"', "line 6: negative_prompt: holds the control character U+001B"),
        ('sampling: {"w\\u200b": 1}', "sampling: the key 'w\\u200b' holds an invisible character"),
        ('finetune: {caption: "a\\0"}', "line 6: finetune.caption: holds a NUL character"),
        ("poses: [null, wave.png, null]", "line 6: poses[2]: duplicate value null"),
        ("poses: [wave.png, wave.png]", "line 6: poses[1]: duplicate value 'wave.png'"),
        ("depth: []", "line 6: depth: is empty"),
        ("depth: [3]", "line 6: depth[0]: must be text, not 3"),
        ("poses: wave.png", "line 6: poses: must be a list"),
        ("sampling: {size: 128x64, resolution: 64}", "sampling.resolution: is 64 beside the size 128x64; remove one"),
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


@pytest.mark.parametrize(
    ("written", "seeds"),
    [
        ("4", (4,)),
        ("1-4", (1, 2, 3, 4)),
        ("1 - 3", (1, 2, 3)),
        ("1-3, 9", (1, 2, 3, 9)),
        ("{from: 1, to: 10, step: 4}", (1, 5, 9)),
        ("[7, 1-3, {from: 10, to: 11}]", (7, 1, 2, 3, 10, 11)),
    ],
)
def test_seeds_are_numbers_and_ranges(written: str, seeds: tuple[int, ...]) -> None:
    assert parse_spec(GOOD.replace("[1, 2]", written), source="x", base=Path("/specs")).seeds == seeds


def test_escapes_of_json_are_the_characters_that_they_stand_for() -> None:
    spec = parse_spec(GOOD.replace("the beach", "\\ud83c\\udfd6"), source="x", base=Path("/specs"))
    assert spec.prompts == ("a {subject} on \U0001f3d6",)


@pytest.mark.parametrize(
    "again", ["a {subject} on  the beach ", "A {subject} on the Beach", "a {subject}\\non the beach"]
)
def test_prompts_that_differ_in_spaces_and_capitals_are_twice_the_same(again: str) -> None:
    text = GOOD.replace('beach"]', f'beach", "{again}"]')
    assert "line 4: prompts[1]: " in messages(text)
    assert "equals prompts[0] to the model" in messages(text)


def test_a_pose_may_come_again_in_a_video_and_not_in_a_grid() -> None:
    text = f"{GOOD}poses: [a.png, b.png, a.png]\n"
    assert "line 6: poses[2]: duplicate value 'a.png'" in messages(text)
    spec = parse_spec(text.replace("a.png", "/a.png"), source="x", base=Path("/specs"), frames=True)
    assert spec.poses[0] == spec.poses[2]
    with pytest.raises(InputError, match=r"poses\[2\]: duplicate value '/a.png'"):
        demand_grid(spec)


def test_two_subjects_of_one_name() -> None:
    line = GOOD.splitlines()[2]
    assert "subjects[1].name: the name 'pip' is already used by subjects[0]" in messages(
        GOOD.replace(line, f"{line}\n{line}")
    )


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
