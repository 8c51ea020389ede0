"""What `video:` in a spec plans: scenes, references by time, loops, how frames see others; and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from dreamtuner.settings.frames import FrameUse
from flows.execution.recipe_rows import settings_of
from flows.planning.cells import GenerationSetup, digest_of
from flows.planning.video import ALL_LAYERS, Clip, plan_clips
from flows.spec.keyframes import between, scene_at, weights_at
from flows.spec.model import Spec
from flows.spec.problems import InputError
from flows.spec.video import SceneKeyframe, VideoSpec
from flows.spec.yaml_file import parse_spec
from flows.video import demand_poses
from tests.flows.test_plan import NUMBERS, PIP

SIX = tuple(f"{i}{i}" * 32 for i in range(1, 7))
SETUP = GenerationSetup("ee", NUMBERS, {"pose": SIX, "depth": (None,)}, {"pose": "p"})
BACK = replace(PIP, reference_sha256="ab" * 32)


def video_spec(video: Any = None, **changes: Any) -> Spec:
    content: dict[str, Any] = {
        "name": "t",
        "subjects": [{"name": "pip", "class_word": "bear", "reference": "pip.png"}],
        "prompts": ["a {subject} on the beach"],
        "poses": [f"{i}.png" for i in range(6)],
        "seeds": [1],
    }
    content |= {} if video is None else {"video": video}
    content = {key: value for key, value in (content | changes).items() if value is not None}
    return parse_spec(yaml.safe_dump(content), source="spec.yaml", base=Path(), frames=True)


def clip(video: Any = None, *further: Any, **changes: Any) -> Clip:
    [found] = plan_clips(video_spec(video, **changes), [replace(PIP, further=tuple(further))], SETUP)
    return found


SCENES = [{"at": 0, "prompt": "a {subject} on the beach"}, {"at": 3, "prompt": "a {subject} at night", "fade": 1}]


def test_what_is_neutral_changes_no_digest() -> None:
    plain = clip()
    for neutral in ({}, {"loop": False, "earlier": {"see": "both", "weight": 1.0}}, {"references": None}):
        assert clip(neutral) == plain
    assert clip({"scenes": SCENES[:1]}, prompts=None).frames == plain.frames
    assert clip({"references": [{"at": 0, "weights": [1]}]}).frames == plain.frames
    assert "video" not in video_spec().model_dump(), "the digests of specs without it stay"


def test_scenes_switch_at_their_frames_or_fade_in() -> None:
    found = clip({"scenes": SCENES}, prompts=None)
    assert [one.prompt for one in found.frames] == ["a bear on the beach"] * 3 + ["a bear at night"] * 3
    blends = [one.recipe.get("blend") for one in found.frames]
    assert blends == [None, None, {"prompt": "a bear at night", "share": 0.5}, None, None, None]
    assert settings_of(found.frames[2].recipe)["blend"] == blends[2]
    assert [one.recipe.get("blend") for one in found.same_noise] == blends, "independent frames follow the scenes too"
    around = clip({"scenes": [SCENES[0] | {"fade": 2}, SCENES[1]], "loop": True}, prompts=None)
    shares = [one.recipe.get("blend", {}).get("share") for one in around.frames]
    assert shares == [None, None, 0.5, None, pytest.approx(1 / 3, abs=1e-6), pytest.approx(2 / 3, abs=1e-6)]
    assert video_spec({"scenes": SCENES}, prompts=None).prompts == ("a {subject} on the beach", "a {subject} at night")
    again = Spec.model_validate_json(video_spec({"scenes": SCENES}, prompts=None).model_dump_json())
    assert again.prompts == ("a {subject} on the beach", "a {subject} at night")


def test_references_count_from_their_time_and_fade() -> None:
    keys = [{"at": 0, "weights": [1, 0]}, {"at": 3, "weights": [0, 2], "fade": 1}]
    found = clip({"references": keys}, replace(BACK, weight=0.5))
    first = [one.recipe.get("reference_weight") for one in found.frames]
    assert first == [None, None, 0.5, 0.0, 0.0, 0.0]
    assert [one.recipe["references"][0].get("weight", 1.0) for one in found.frames] == [0.0, 0.0, 0.5, 1.0, 1.0, 1.0]
    assert [one.digest == digest_of(one.recipe) for one in found.frames] == [True] * 6
    with pytest.raises(InputError, match=r"has 2 weights, but the subject 'pip' has 1 reference; give one for each"):
        clip({"references": keys})


def test_a_loop_is_made_to_both_sides_and_names_its_next_frame() -> None:
    found = clip({"loop": True})
    assert found.order == (0, 1, 5, 2, 4, 3)
    named = [{name for name in one.recipe.get("frames", {}) if name != "layers"} for one in found.frames]
    assert (
        named
        == [set(), {"first", "previous"}, {"first", "previous"}, {"first", "previous", "next"}]
        + [{"first", "next"}] * 2
    )
    assert found.frames[5].recipe["frames"]["next"] == found.frames[0].digest
    assert found.frames[3].recipe["frames"]["next"] == found.frames[4].digest
    assert [one.digest for one in found.in_order] == [found.frames[i].digest for i in found.order]
    assert clip().order == (0, 1, 2, 3, 4, 5)


def test_how_frames_see_others_is_in_their_recipes_alone() -> None:
    use = {"see": "previous", "weight": 0.5, "guided": False}
    found = clip({"earlier": use})
    assert "frames" not in found.frames[0].recipe
    assert found.frames[2].recipe["frames"] == {"previous": found.frames[1].digest, "use": use} | ALL_LAYERS
    assert found.same_noise == clip().same_noise
    draft = clip({"earlier": {"see": "draft"}})
    assert {one.recipe["frames"]["draft"] for one in draft.frames} == {draft.same_noise[0].digest}
    assert clip({"earlier": {"see": "none"}}).frames == clip().same_noise


@pytest.mark.parametrize(
    ("video", "said"),
    [
        ({"scenes": SCENES}, "line .*: prompts: is given beside video.scenes; write it as the scene at 0, or remove"),
        ({"film": "a.mp4"}, r"poses: is given beside video\.film, whose poses are estimated; remove one"),
        ({"frames": 3}, r"video\.frames: is of a film, and there is none"),
        ({"missing": "hold"}, r"video\.missing: is of a film, and there is none"),
        (
            {"references": [{"at": 1, "weights": [1]}]},
            r"references\[0\]\.at: is 1; the first keyframe holds from frame 0",
        ),
        ({"references": [{"at": 0, "weights": [0.0]}]}, r"references\[0\]\.weights: all weights are 0"),
        (
            {"references": [{"at": 0, "weights": [1, 1]}, {"at": 2, "weights": [1]}]},
            r"references\[1\]\.weights: has 1 weights, the first keyframe 2",
        ),
        (
            {"references": [{"at": 0, "weights": [1]}, {"at": 2, "weights": [1], "fade": 2}]},
            r"references\[1\]\.fade: is 2, but the keyframe before holds 2 frames; give 1 or less",
        ),
        ({"references": [{"at": 0, "weights": [1], "fade": 1}]}, "nothing is before frame 0; remove it, or set loop"),
        ({"earlier": {"weigth": 1}}, "did you mean 'weight'"),
        ({"earlier": {"weight": 0}}, r"video\.earlier\.weight: is 0; give more than 0"),
        ({"lop": True}, "did you mean 'loop'"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_field(video: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        video_spec(video)


def test_no_prompts_beside_scenes_are_as_if_left_out() -> None:
    assert video_spec({"scenes": SCENES}, prompts=[]) == video_spec({"scenes": SCENES}, prompts=None)


def test_keyframes_outside_the_frames_are_refused_before_anything_is_made() -> None:
    late = video_spec({"references": [{"at": 0, "weights": [1]}, {"at": 6, "weights": [1]}]})
    with pytest.raises(InputError, match=r"video\.references\[1\]\.at: is 6, but the video has 6 frames"):
        demand_poses(late)
    with pytest.raises(InputError, match=r"is 6, but the video has 6 frames"):
        plan_clips(late, [PIP], SETUP)
    around = video_spec({"loop": True, "scenes": [SCENES[0] | {"fade": 3}, SCENES[1]]}, prompts=None)
    with pytest.raises(InputError, match=r"video\.scenes\[0\]\.fade: is 3, but the last keyframe holds 3 frames"):
        demand_poses(around)
    with pytest.raises(InputError, match=r"has 2 weights, but the subject 'pip' has 1 reference"):
        demand_poses(video_spec({"references": [{"at": 0, "weights": [1, 1]}]}))
    demand_poses(video_spec({"film": "a.mp4"}, poses=None))


def test_a_film_is_for_videos_alone() -> None:
    content = "name: t\nsubjects: [{name: pip}]\nprompts: ['a {subject}']\nseeds: [1]\nvideo: {film: a.mp4}\n"
    with pytest.raises(InputError, match=r"line 5: video\.film: only videos follow a film; make one with dreamtuner"):
        parse_spec(content, source="spec.yaml", base=Path("/base"))
    found = parse_spec(content, source="spec.yaml", base=Path("/base"), frames=True)
    assert found.film == "/base/a.mp4"
    assert dict(found.places()) == {("video", "film"): "/base/a.mp4"}


def test_keyframes_between() -> None:
    keys = (SceneKeyframe(at=0, prompt="a {subject}"), SceneKeyframe(at=4, prompt="b {subject}", fade=3))
    assert [between(keys, i, 6, loop=False)[2] for i in range(6)] == [0, 0.25, 0.5, 0.75, 0, 0]
    assert scene_at(None, "c {subject}", 3, 6) == ("c {subject}", None)
    assert weights_at(VideoSpec(earlier=FrameUse()), 3, 6) is None


@pytest.mark.parametrize("prompts", [5, "a {subject}", {"a": 1}])
def test_prompts_of_another_type_beside_scenes_are_refused_by_their_field(prompts: Any) -> None:
    with pytest.raises(InputError, match=r"prompts: (?!is given beside)"):
        video_spec({"scenes": SCENES}, prompts=prompts)
