"""Orders as YAML and as a form: what the form does not say stays as it was written."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import FormData

from deploy.dashboard.ordering.draft import Draft, seeds_text
from deploy.dashboard.ordering.fields import finetune_numbers, sampling_numbers
from deploy.dashboard.ordering.scenes import scene_prompts, scene_rows
from deploy.dashboard.ordering.yaml_text import REMOVED, changed, dumped, parsed
from dreamtuner.models.profiles import get_profile

WRITTEN = """\
# the spring campaign
name: trip   # short
# who
subjects:
  - {name: pip}
  - name: momo   # with a caption of its own
    caption: a rabbit, sitting
prompts:
  - "a {subject} # not a comment"
extra: {kept: [1, 2]}   # nobody knows this key
sampling:
  steps: 30
  beta: 0
seeds: [1, 2, 3, 9]
"""


BOMB = "a: &a [1]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


def form_of(draft: Draft, **changes: Any) -> FormData:
    """What a browser sends of the page of a draft, with some fields changed. A list: a field that is sent often."""
    profile = get_profile("pocket")
    sent: dict[str, Any] = {name: str(draft.get(name) or "") for name in ("name", "negative_prompt")}
    sent |= {"yaml": draft.text, "mode": "form", "profile": draft.get("profile") or "pocket", "priority": "normal"}
    sent |= {"subject": draft.names, "prompts": "\n".join(draft.prompts), "seeds": draft.seeds}
    sent |= {"poses": draft.places("poses"), "depth": draft.places("depth"), "scored": "", "metric": draft.score or []}
    scenes = draft.get("together")
    sent |= {"together": "\n".join(scene_prompts(scenes))}
    sent |= {row.field: row.prompt for row in scene_rows(scenes)}
    sent |= {each.field: each.text for row in scene_rows(scenes) for each in row.subjects}
    sent |= {"finetunes": "1"} if draft.get("finetune") is not None else {}
    for numbers in (
        sampling_numbers(profile, draft.numbers("sampling"), learnt=False),
        finetune_numbers(profile, draft.numbers("finetune")),
    ):
        sent |= {field.key: field.value for field in numbers.fields}
    pairs = [
        (name, each)
        for name, value in (sent | changes).items()
        for each in (value if isinstance(value, list) else [value])
    ]
    return FormData([(name, value) for name, value in pairs if value is not None])


def test_a_form_that_was_not_touched_leaves_the_text_as_it_is() -> None:
    assert Draft.read(form_of(Draft.of(WRITTEN))).text == WRITTEN


def test_a_changed_field_changes_its_key_alone_and_keeps_its_comments() -> None:
    after = Draft.read(form_of(Draft.of(WRITTEN), prompts="a {subject} in the snow", seeds="5-7"))
    assert after.content == Draft.of(WRITTEN).content | {"prompts": ["a {subject} in the snow"], "seeds": "5-7"}
    for kept in ("# the spring campaign", "name: trip   # short", "# who", "extra: {kept: [1, 2]}   # nobody knows"):
        assert kept in after.text
    assert "momo   # with a caption of its own" in after.text


def test_subjects_are_picked_and_left_and_those_with_values_of_their_own_stay_so() -> None:
    after = Draft.read(form_of(Draft.of(WRITTEN), subject=["momo", "otto"]))
    assert after.get("subjects") == [{"name": "momo", "caption": "a rabbit, sitting"}, {"name": "otto"}]
    assert "# with a caption of its own" in after.text


def test_every_field_reaches_the_spec_and_is_shown_again() -> None:
    more = {
        "sampling.steps": "12",
        "sampling.w_ref": "2.5",
        "sampling.beta": "",
        "finetunes": "1",
        "finetune.steps": "9",
    }
    more |= {"poses": ["null", "object://" + "a" * 64], "scored": "chosen", "metric": ["clip_i"], "workers": "2"}
    more |= {"priority": "high", "budget.device_seconds": "60", "masker": "birefnet", "estimators.pose": "dwpose"}
    after = Draft.read(form_of(Draft.of(WRITTEN), **more))
    assert after.get("sampling") == {"steps": 12, "w_ref": 2.5}
    assert (after.get("finetune"), after.get("score"), after.get("workers")) == ({"steps": 9}, ["clip_i"], 2)
    assert after.get("poses") == [None, "object://" + "a" * 64]
    assert (after.get("priority"), after.get("budget")) == ("high", {"device_seconds": 60})
    assert (after.get("masker"), after.get("estimators")) == ("birefnet", {"pose": "dwpose"})
    assert Draft.read(form_of(after, **more)).text == after.text


def test_what_no_field_can_hold_is_kept_for_its_error() -> None:
    after = Draft.read(form_of(Draft.of(WRITTEN), workers="many", seeds="4-1", **{"sampling.steps": "ten"}))
    assert (after.get("workers"), after.get("seeds"), after.get("sampling")["steps"]) == ("many", "4-1", "ten")


@pytest.mark.parametrize("text", ["- a\n- b", "name: [", "a: 1\na: 2", "\tname: x", "a: &a [*a]", BOMB])
def test_what_is_not_a_mapping_is_never_overwritten(text: str) -> None:
    draft = Draft.read(FormData([("yaml", text), ("mode", "form"), ("name", "trip")]))
    assert (draft.text, draft.content) == (text, None)
    assert draft.why


@pytest.mark.parametrize(
    "odd", ["subjects: pip", "prompts: a {subject}", "finetune: yes", "sampling: 7", "seeds: {form: 1}", "poses: p.png"]
)
def test_a_value_of_another_kind_stays_until_somebody_corrects_it(odd: str) -> None:
    assert Draft.read(form_of(Draft.of(f"name: x\n{odd}\n"))).text == f"name: x\n{odd}\n"


def test_texts_with_anchors_and_in_braces_are_changed_too() -> None:
    assert parsed(changed("{name: a, seeds: 1} # why", {"seeds": [3]})) == {"name": "a", "seeds": [3]}
    anchored = changed("a: &x [1]  # one\nb: *x\n", {"a": 2})
    assert (parsed(anchored), "# one" in anchored) == ({"a": 2, "b": [1]}, True)
    assert parsed(changed("", {"name": "yes", "seeds": REMOVED})) == {"name": "yes"}


KEYS = st.sampled_from(["name", "seeds", "prompts", "x"])
VALUES = st.one_of(
    st.text(max_size=12), st.integers(), st.lists(st.text("a#:'\"{}- é", max_size=6), max_size=3), st.none()
)


@given(st.dictionaries(KEYS, VALUES), st.dictionaries(KEYS, st.one_of(VALUES, st.just(REMOVED))), st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_change_says_what_was_meant_whatever_the_text(before: Any, news: Any, commented: bool) -> None:
    import yaml

    try:
        text = yaml.safe_dump(before, sort_keys=False, allow_unicode=True)
        assert parsed(text) == before
    except (AssertionError, yaml.YAMLError):
        return  # what YAML itself does not carry
    text = f"# begin\n{text}# end\n" if commented and before else text
    after = changed(text, news)
    assert (parsed(after) or {}) == {k: v for k, v in {**before, **news}.items() if v is not REMOVED}
    assert not (commented and before) or ("# begin" in after and "# end" in after)


def test_seeds_are_written_as_ranges() -> None:
    assert seeds_text([1, 2, 3, 4, 9, 11, 12]) == "1-4, 9, 11, 12"
    assert seeds_text("1-4, 9") == "1-4, 9"
    assert seeds_text({"from": 2, "to": 6, "step": 2}) == "2, 4, 6"
    assert seeds_text("4-1") == "4-1"


SEEN = "name: t\nedit: {output: 12, weight: 0.5}  # the one with the hat\nconsistency: {weight: 2, first: 3}\n"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ({"output": 12, "weight": 0.5}, {"weight": 2, "first": 3})),
        ({"edit.weight": ""}, ({"output": 12}, {"weight": 2, "first": 3})),
        ({"edit.keep_background": "1"}, ({"output": 12, "weight": 0.5, "keep_background": True}, ...)),
        ({"edit.weight": "much"}, ({"output": 12, "weight": "much"}, ...)),
        ({"edit.mask": "0, 0, 0.5, 1"}, ({"output": 12, "weight": 0.5, "mask": [0, 0, 0.5, 1]}, ...)),
        ({"edit.mask": "masks/hat.png"}, ({"output": 12, "weight": 0.5, "mask": "masks/hat.png"}, ...)),
        ({"edit.kept": None}, (None, ...)),
        ({"consistency.weight": "1"}, (..., {"weight": 1, "first": 3})),
        ({"consistency.weight": ""}, (..., None)),
    ],
)
def test_how_generated_pictures_are_seen_is_changed_and_which_ones_stays(changes: dict[str, Any], said: Any) -> None:
    draft = Draft.of(SEEN)
    fields = {"edit.kept": "1", "edit.weight": "0.5", "consistency.weight": draft.consistency}
    after = Draft.read(form_of(draft, **(fields | changes)))
    found = (after.get("edit"), after.get("consistency"))
    assert [one for one, wanted in zip(found, said, strict=True) if wanted is not ... and one != wanted] == []
    assert changes or after.text == SEEN


def test_a_set_is_begun_and_ended_by_its_weight() -> None:
    begun = Draft.read(form_of(Draft.of("name: t\n"), **{"consistency.weight": "0.5"}))
    assert begun.get("consistency") == 0.5
    assert begun.consistency == "0.5"
    ended = Draft.read(form_of(begun, **{"consistency.weight": ""}))
    assert "consistency" not in (ended.content or {})


SCENES = """\
name: party
subjects: [{name: pip}, {name: momo}, {name: otto}]
together:   # who stands where
  - a {pip} and a {momo} on the beach
  - prompt: a {momo} behind a {pip}
    subjects:
      - {name: momo, region: [0.35, 0, 1, 1]}
      - {name: pip, region: masks/pip.png, w_ref: 4}
    background: snow
"""


def test_scenes_of_several_subjects_stay_as_written_until_a_field_says_otherwise() -> None:
    draft = Draft.of(SCENES)
    assert Draft.read(form_of(draft)).text == SCENES
    one, two = draft.get("together")
    after = Draft.read(form_of(draft, **{"region.0.momo": "0.5, 0, 1, 1", "region.1.momo": "[0.4, 0, 1, 1]"}))
    # momo keeps standing in front of pip, whom the prompt names first
    stated = {"prompt": one, "subjects": [{"name": "pip"}, {"name": "momo", "region": [0.5, 0, 1, 1]}]}
    assert after.get("together") == [
        stated,
        {**two, "subjects": [{"name": "momo", "region": [0.4, 0, 1, 1]}, two["subjects"][1]]},
    ]
    assert "# who stands where" in after.text
    assert Draft.read(form_of(after)).text == after.text
    back = Draft.read(form_of(after, **{"region.0.momo": "", "region.1.pip": ""}))
    assert [row.subjects[-1].text for row in scene_rows(back.get("together"))] == ["", ""]
    assert back.get("together")[1]["subjects"][1] == {"name": "pip", "w_ref": 4}


def test_a_scene_keeps_its_regions_under_an_edited_prompt_and_in_another_place() -> None:
    draft = Draft.of(SCENES)
    _, two = draft.get("together")
    edited = Draft.read(form_of(draft, together="a {momo} and an {otto} at night\na {momo} behind a {pip}"))
    assert edited.get("together") == ["a {momo} and an {otto} at night", two]
    moved = Draft.read(form_of(draft, together="a {momo} behind a {pip}\na {pip} alone", **{"region.1.momo": "m.png"}))
    assert moved.get("together")[0]["subjects"][0] == {"name": "momo", "region": "m.png"}
    assert moved.get("together")[1] == "a {pip} alone"
    assert "together" not in Draft.read(form_of(draft, together=" ")).content


def test_a_removed_scene_takes_its_regions_with_it_and_twins_keep_their_own() -> None:
    def of(region: Any) -> dict[str, Any]:
        return {"prompt": "a {pip} and a {momo}", "subjects": [{"name": "pip", "region": region}]}

    first, second = of([0, 0, 0.5, 1]), of("masks/pip  left.png")
    twins = Draft.of(dumped({"name": "x", "together": [first, second]}))
    assert Draft.read(form_of(twins)).text == twins.text
    other = {"prompt": "a {momo} behind a {pip}", "subjects": [{"name": "pip", "region": [0.5, 0, 1, 1]}]}
    draft = Draft.of(dumped({"name": "x", "together": [first, other]}))
    fields = {"region.1.pip": "0.6, 0, 1, 1"}
    after = Draft.read(form_of(draft, together="a {momo} behind a {pip}", **fields))
    assert after.get("together") == [other | {"subjects": [{"name": "pip", "region": [0.6, 0, 1, 1]}]}]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ([0, 0, int("1" * 400), 1], "0, 0, " + "1" * 400 + ", 1"),
        ([0, 0, 2, 1], "0, 0, 2, 1"),
        ([1, 2], "1, 2"),
        ("nowhere", "nowhere"),
    ],
)
def test_a_region_that_is_none_has_its_field_so_that_it_can_be_corrected(written: Any, text: str) -> None:
    (row,) = scene_rows([{"prompt": "a {pip}", "subjects": [{"name": "pip", "region": written}]}])
    assert [(one.text, one.box) for one in row.subjects] == [(text, None)]


def test_what_is_no_scene_has_no_row_and_is_kept() -> None:
    odd = "name: x\ntogether: [7, {prompt: nobody}, [a]]\n"
    assert scene_rows(Draft.of(odd).get("together")) == []
    for kept in ("name: x\ntogether: a {pip}\n", "name: x\ntogether: {prompt: a}\n"):
        assert Draft.read(form_of(Draft.of(kept))).text == kept
