"""Specs of scenes: who is where, in which words; and their images from planning to the catalog."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image, ImageDraw

from dreamtuner.models.profiles import get_profile
from dreamtuner.settings.regions import decoded, encoded, mask_of, own_shares
from flows.execution.generate_batch import group_by_reference
from flows.execution.inputs.scene import texts_of_base
from flows.ingestion.facts import Facts
from flows.ingestion.scene_regions import figures_of
from flows.planning import warnings
from flows.planning.cells import GenerationSetup, plan_cells
from flows.planning.scenes.plan import plan_scenes
from flows.planning.scenes.words import words_of
from flows.planning.warnings import warnings_of
from flows.spec.model import Spec
from flows.spec.problems import InputError
from flows.spec.yaml_file import parse_spec
from tests.flows.released_plan import NATURAL, WEIGHTS

PAIR = "a {pip} and a {momo} on the beach"


def spec(*scenes: Any, **more: Any) -> Spec:
    subjects = [{"name": name, "reference": f"{name}.png", "class_word": word} for name, word in WORDS.items()]
    content = {"name": "pairs", "subjects": subjects, "seeds": [1, 2], "together": list(scenes), **more}
    return Spec.model_validate(content)


WORDS = {"pip": "bear", "momo": "duck", "zuzu": "bear"}


def facts(*names: str) -> list[Facts]:
    return [Facts(one, WORDS[one], "natural", f"a photo of {one}", f"{one}-sha", f"{one}-mask") for one in names]


def setup(**more: Any) -> GenerationSetup:
    from dreamtuner.settings.sampling import Sampling

    return GenerationSetup(WEIGHTS, {"natural": Sampling.model_validate(NATURAL)}, **more)


@pytest.mark.parametrize(
    ("prompt", "pip", "momo", "background"),
    [
        (PAIR, "a {pip} on the beach", "a {momo} on the beach", "on the beach"),
        ("a {style} of a {pip} and a waving {momo}", "a {style} of a {pip}", "a {style} of a waving {momo}", ""),
        (
            "a {pip} with a red hat and a {momo} at night",
            "a {pip} with a red hat at night",
            "a {momo} at night",
            "at night",
        ),
        ("a {pip} hugging a {momo} in the snow", "a {pip} in the snow", "a {momo} in the snow", "in the snow"),
        ("a photo of {pip} and {momo}, night", "a photo of {pip}, night", "a photo of {momo}, night", "night"),
        ("big {momo} next to {pip}", "{pip}", "big {momo}", ""),
    ],
)
def test_each_region_reads_the_prompt_without_the_others(prompt: str, pip: str, momo: str, background: str) -> None:
    assert words_of(prompt) == ({"pip": pip, "momo": momo}, background) or dict(words_of(prompt).subjects) == {
        "pip": pip,
        "momo": momo,
    }
    assert words_of(prompt).background == background


def test_a_scene_is_planned_for_all_its_subjects_in_every_seed() -> None:
    one = spec(PAIR, {"prompt": "a {zuzu} behind a {pip}", "background": "snow"})
    cells = plan_scenes(one, facts("pip", "momo", "zuzu"), setup())
    assert [(cell.names, cell.prompt, cell.seed) for cell in cells] == [
        (("pip", "momo"), "a bear and a duck on the beach", 1),
        (("pip", "momo"), "a bear and a duck on the beach", 2),
        (("zuzu", "pip"), "a bear behind a bear", 1),
        (("zuzu", "pip"), "a bear behind a bear", 2),
    ]
    scene = cells[0].recipe["scene"]
    assert [entry["region"] for entry in scene["subjects"]] == [[0, 0, 0.5, 1], [0.5, 0, 1, 1]]
    assert [entry["prompt"] for entry in scene["subjects"]] == ["a bear on the beach", "a duck on the beach"]
    assert (cells[0].recipe["reference"], scene["subjects"][1]["reference"]) == ("pip-sha", "momo-sha")
    assert cells[2].recipe["scene"]["background"] == "snow"
    assert plan_cells(one, facts("pip"), setup()) == []
    assert (
        plan_scenes(one, facts("pip", "zuzu"), setup()) == plan_scenes(one, facts("pip", "momo", "zuzu"), setup())[2:]
    )
    assert [cell.names for cell in plan_scenes(one, facts(*WORDS), setup(), new=["momo"])] == [("pip", "momo")] * 2


def test_what_a_scene_states_of_a_subject_is_in_the_digest_and_neutral_values_are_not() -> None:
    def planned(*subjects: Any) -> Any:
        [cell, _] = plan_scenes(spec({"prompt": PAIR, "subjects": list(subjects)}), facts(*WORDS), setup())
        return cell

    plain = planned()
    assert planned({"name": "pip"}, {"name": "momo"}).digest == plain.digest
    back = planned({"name": "momo", "region": [0.4, 0, 1, 1]}, {"name": "pip", "region": [0, 0, 0.6, 1]})
    assert back.names == ("momo", "pip"), "listed from back to front"
    changed = planned({"name": "pip", "w_ref": 4.0, "w_r": 1.5, "prompt": "a waving {subject}"})
    entry = changed.recipe["scene"]["subjects"][0]
    assert (entry["w_ref"], entry["w_r"], entry["prompt"]) == (4.0, 1.5, "a waving bear")
    assert len({plain.digest, back.digest, changed.digest}) == 3


def test_the_figures_of_a_pose_place_the_subjects_where_they_are_as_many() -> None:
    pose = Image.new("RGB", (64, 64))
    for x in (12, 50):
        ImageDraw.Draw(pose).line([x, 20, x, 56], "yellow", 3)
    boxes = figures_of(pose)
    assert [round(box[0] + box[2], 1) / 2 for box in boxes] == [0.2, 0.8]
    assert figures_of(Image.new("RGB", (64, 64))) == []
    one = spec(PAIR, poses=["pose.png"])
    led = setup(layouts={"pose": ["sha"]}, controlnets={"pose": "net"}, figures={"sha": boxes})
    [cell, _] = plan_scenes(one, facts(*WORDS), led)
    assert cell.recipe["scene"]["subjects"][0]["region"] == [round(side, 4) for side in boxes[0]]
    alone = setup(layouts={"pose": ["sha"]}, controlnets={"pose": "net"}, figures={"sha": boxes[:1]})
    [cell, _] = plan_scenes(one, facts(*WORDS), alone)
    assert cell.recipe["scene"]["subjects"][0]["region"] == [0, 0, 0.5, 1]


def test_a_mask_is_kept_in_the_recipe_as_run_lengths() -> None:
    mask = Image.new("L", (40, 30), 0)
    mask.paste(255, (5, 0, 20, 30))
    held = encoded(mask)
    assert held == {"size": [30, 40], "counts": [150, 450, 600]}
    drawn = decoded(held)
    assert isinstance(drawn, Image.Image)
    assert drawn.tobytes() == mask.tobytes()
    assert decoded([0, 0, 0.5, 1]) == (0, 0, 0.5, 1)
    with pytest.raises(ValueError, match="are no mask of 40 x 30"):
        decoded({"size": [30, 40], "counts": [3]})
    with pytest.raises(ValueError, match="black"):
        encoded(Image.new("L", (8, 8)))


@pytest.mark.parametrize("box", [[0.999, 0, 1, 1], [0, 0.999, 1, 1], [0, 0, 0.001, 1], [0.999, 0.999, 1, 1]])
def test_a_thin_box_has_pixels_at_every_edge(box: list[float]) -> None:
    found = mask_of(box, (64, 48)).getbbox()
    assert found is not None
    left, top, right, bottom = found
    assert (right - left, bottom - top) == (64 if box[::2] == [0, 1] else 1, 48 if box[1::2] == [0, 1] else 1)


@pytest.mark.parametrize(
    ("scene", "said"),
    [
        (
            "a {pip} and a {nobody}",
            r"together\[0\].prompt: names {nobody}, which is none of the spec's subjects \(pip, momo",
        ),
        ("on the beach", r"together\[0\].prompt: 'on the beach' names no subject"),
        ("a {subject} on the beach", r"together\[0\].prompt: {subject} stands for each subject in prompts"),
        ("a {pip} and a {pip}", r"together\[0\].prompt: names {pip} twice"),
        ("a {pip} and a {momo", r"together\[0\].prompt: .* holds another brace"),
        (
            "{prompt: PAIR, subjects: [{name: zuzu}]}",
            r"together\[0\].subjects\[0\].name: the prompt does not name {zuzu}",
        ),
        (
            "{prompt: PAIR, subjects: [{name: pip, region: [0, 0, 2, 1]}]}",
            r"region: \[0, 0, 2, 1\] is no box in the image",
        ),
        ("{prompt: PAIR, subjects: [{name: pip, region: [a]}]}", r"region: a box is four numbers"),
        (
            "{prompt: PAIR, subjects: [{name: pip, prompt: waving}]}",
            r"prompt: 'waving' lacks the placeholder {subject}",
        ),
        ("{prompt: PAIR, subjects: [{name: pip, w_ref: 0}]}", r"w_ref: is 0; give more than 0"),
        ("{prompt: PAIR, colour: red}", r"together\[0\].colour: unknown key"),
        (
            "{prompt: PAIR, subjects: [{name: pip, prompt: 'a {subject} } waving'}]}",
            r"subjects\[0\].prompt: .* holds another brace",
        ),
        ("{prompt: PAIR, background: 'a {foo} beach'}", r"together\[0\].background: .* holds a brace"),
        ("{prompt: PAIR, background: 'a {beach'}", r"together\[0\].background: .* holds a brace"),
    ],
)
def test_what_is_wrong_with_a_scene_is_said_with_its_place(scene: str, said: str) -> None:
    text = scene.replace("PAIR", f'"{PAIR}"') if scene.startswith("{prompt") else f'"{scene}"'
    subjects = "".join(f"  - {{name: {one}, class_word: bear, reference: {one}.png}}\n" for one in WORDS)
    with pytest.raises(InputError, match=said):
        parse_spec(f"name: x\nseeds: [1]\nsubjects:\n{subjects}together:\n  - {text}\n", source="s", base=Path("/"))


def test_a_subject_called_style_is_not_taken_for_the_styles_word() -> None:
    subjects = [{"name": name, "reference": "a.png", "class_word": "bear"} for name in ("style", "pip")]
    with pytest.raises(ValueError, match="a subject is called so; give that subject another name"):
        spec("a {style} and a {pip}", subjects=subjects)


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ([0, 0, 1, 1], ["pip has 0.0 % of the image to itself"]),
        ([0.02, 0, 1, 1], []),
        ([0.5, 0, 1, 1], []),
        (
            Image.new("L", (64, 64), 255),
            ["pip has 0.0 % of the image", "the mask of momo is stretched: its sides are 64:64"],
        ),
    ],
)
def test_a_subject_without_room_and_a_stretched_mask_are_warned_of(front: Any, said: list[str]) -> None:
    masks = {"/m.png": encoded(front)} if isinstance(front, Image.Image) else {}
    region = "/m.png" if masks else front
    scene = {
        "prompt": PAIR,
        "subjects": [{"name": "pip", "region": [0, 0, 0.5, 1]}, {"name": "momo", "region": region}],
    }
    pocket = get_profile("pocket")
    wide = {style: pocket.sampling(style, size="128x64", reference_resolution=64) for style in ("natural", "anime")}
    asked = replace(setup(), sampling=wide, regions=masks)
    found = warnings_of(spec(scene), [(each, ()) for each in facts("pip", "momo")], asked, pocket)
    ours = [one for one in found if "itself" in one.message or "stretched" in one.message]
    assert {one.place for one in ours} <= {"together[0]"}
    assert [one.message.startswith(start) for one, start in zip(ours, said, strict=True)] == [True] * len(said)


def test_what_a_region_has_to_itself_is_not_under_later_ones() -> None:
    half, left, top = own_shares([[0, 0, 1, 1], [0, 0, 0.5, 1], [0, 0, 1, 0.5]], (64, 32))
    assert (half, left, top) == (0.25, 0.25, 0.5)


def test_a_spec_has_prompts_or_scenes() -> None:
    with pytest.raises(ValueError, match="is missing; add it"):
        spec()
    assert spec(PAIR).cells == 2
    assert spec(PAIR, prompts=["a {subject}"]).cells == 2 + 3 * 2
    assert "together" not in spec(prompts=["a {subject}"]).model_dump()
    for same in (PAIR, {"prompt": PAIR, "subjects": [{"name": "pip"}]}):
        with pytest.raises(ValueError, match=r"equals together\[0\]; remove one"):
            spec(PAIR, same)


STATED = {
    "prompt": PAIR,
    "subjects": [{"name": "pip", "prompt": "a {subject} on the beach", "region": [0, 0, 0.5, 1]}],
    "background": "on the beach",
}


def test_scenes_of_one_recipe_are_refused_and_those_that_the_model_reads_alike_are_warned_of() -> None:
    """Of SDXL the pooled text is that of the whole prompt."""
    pocket = get_profile("pocket")
    hugging, next_to = (f"a {{pip}} {words} a {{momo}} in the snow" for words in ("hugging", "next to"))
    files: Any = [(one, ()) for one in facts("pip", "momo", "zuzu")]

    def warned(*scenes: Any) -> list[str]:
        found = warnings_of(spec(*scenes), files, setup(), pocket)
        return [one.place for one in found if "same images" in one.message]

    with pytest.raises(InputError, match=r"together\[1\]: gives the same images as together\[0\]; remove one"):
        warned(PAIR, STATED)
    assert warned(PAIR, hugging, next_to) == ["together[2]"]
    assert warned(PAIR, hugging, STATED | {"background": "snow"}) == []


@pytest.mark.parametrize(
    ("sampling", "places"),
    [
        ({"size": "128x64"}, ["sampling.reference_resolution"]),
        ({"size": "128x64", "reference_resolution": 64}, []),
        ({"size": "128x64", "w_ref": 0.0}, []),
        ({}, []),
    ],
)
def test_references_that_are_larger_than_the_regions_of_a_wide_image_are_warned_of(
    sampling: dict[str, Any], places: list[str]
) -> None:
    pocket = get_profile("pocket")
    files: Any = [(each, ()) for each in facts("pip", "momo")]
    asked = replace(setup(), sampling={style: pocket.sampling(style, **sampling) for style in ("natural", "anime")})
    found = warnings_of(spec(PAIR), files, asked, pocket)
    assert [one.place for one in found if "references are encoded" in one.message] == places


def test_a_model_that_reads_the_whole_prompt_tells_such_scenes_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "conditioning", lambda _: "text_time")
    one = spec("a {pip} hugging a {momo}", "a {pip} next to a {momo}")
    files: Any = [(each, ()) for each in facts("pip", "momo")]
    assert not any("same images" in each.message for each in warnings_of(one, files, setup(), get_profile("pocket")))


def test_the_base_model_reads_no_learned_token_and_groups_have_one_whole_prompt() -> None:
    tuned: Any = SimpleNamespace(
        prompt="a bear [S*] and a duck [S*] on the beach",
        settings={
            "checkpoint": "one",
            "scene": {
                "background": "behind a duck [S*]",
                "subjects": [{"prompt": "a bear [S*]"}, {"prompt": "a duck [S*]", "checkpoint": "two"}],
            },
        },
    )
    words = {"one": "[S*]", "two": "[S*]"}
    assert texts_of_base(tuned, words.__getitem__) == ("a bear and a duck on the beach", "behind a duck")
    plain: Any = SimpleNamespace(prompt="a [S*]", settings={"checkpoint": None, "scene": tuned.settings["scene"]})
    plain.settings["scene"]["subjects"][1].pop("checkpoint")
    assert texts_of_base(plain, words.__getitem__) == ("a [S*]", "behind a duck [S*]")


@pytest.mark.parametrize(("scene", "groups"), [(None, 1), ({"background": "", "subjects": []}, 2)])
def test_images_of_a_scene_are_grouped_by_the_whole_prompt_and_others_are_not(scene: Any, groups: int) -> None:
    row = {"reference_pose": None, "reference_depth": None, "reference_controls": {}, "profile": "pocket"}
    row |= {"reference_sha256": "r", "mask_sha256": "m", "settings": {} if scene is None else {"scene": scene}}
    cells: Any = [SimpleNamespace(prompt=prompt, **row) for prompt in ("a hugging", "a next to", "a hugging")]
    assert len(group_by_reference(cells)) == groups
