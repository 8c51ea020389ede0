"""Small sets of the shape that DreamBench and DreamBench++ are published in."""

from pathlib import Path

from PIL import Image, ImageDraw

LISTING = """Classes

subject_name,class
{classes}

Prompts

Object Prompts

prompt_list = [
{object}
]

Live Subject Prompts

prompt_list = [
{live}
]
"""
CLASSES = {"jam": "bear", "lamp": "rabbit", "tom": "cat"}
OBJECT = ("a {0} {1} on the beach", "a {0} {1} in the snow", "a red {0} {1}")
LIVE = ("a {0} {1} on the beach", "a {0} {1} in the jungle", "a wet {0} {1}")
COLOURS = ("red", "purple", "blue", "orange")


def picture(file: Path, colour: str) -> None:
    """Write a subject on plain ground."""
    image = Image.new("RGB", (64, 64), "#90b070")
    ImageDraw.Draw(image).ellipse((16, 6, 48, 60), fill=colour)
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file)


def _listed(prompts: tuple[str, ...]) -> str:
    return "\n".join(f"'{one}'.format(unique_token, class_token)," for one in prompts)


def write_dreambench(folder: Path) -> Path:
    """Write a repository with two objects and a cat, of two photographs each and three prompts."""
    classes = "\n".join(",".join(one) for one in CLASSES.items())
    root = folder / "dataset"
    for colour, name in zip(COLOURS, CLASSES, strict=False):
        picture(root / name / "01.jpg", "black")
        picture(root / name / "00.jpg", colour)
    (root / "prompts_and_classes.txt").write_text(
        LISTING.format(classes=classes, object=_listed(OBJECT), live=_listed(LIVE))
    )
    return folder


def write_dreambench_plus(folder: Path) -> Path:
    """Write a release with an animal, an object and a style, of two prompts each."""
    data = {
        "live_subject/animal/00": "Rabbit\nA rabbit on the beach\nTwo animals in the snow\n",
        "object/03": "bear\na red bear\nThe BEAR in the jungle\n",
        "style/01": "oil  painting\nan oil painting of a town\na boat, in this style\n",
    }
    for colour, (name, text) in zip(COLOURS, data.items(), strict=False):
        picture(folder / "data" / "images" / f"{name}.jpg", colour)
        caption = folder / "data" / "captions" / f"{name}.txt"
        caption.parent.mkdir(parents=True, exist_ok=True)
        caption.write_text(text)
    return folder
