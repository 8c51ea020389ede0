"""A package of stand-in eyes that count how often they look, and a profile that uses them."""

import importlib
from pathlib import Path
from types import ModuleType

from tests.seams.outside import Outside

CODE = """
from PIL import Image, ImageDraw
from dreamtuner.preprocess import ForegroundMask
from dreamtuner.preprocess.captioners import Caption
from dreamtuner.preprocess.estimators import Estimate

LOOKS = []

class Masker:
    name, version = "counting-masker", "1"

    def cut(self, image):
        LOOKS.append("mask")
        mask = Image.new("L", image.size)
        mask.paste(255, (8, 8, 48, 60))
        return ForegroundMask(mask, 0.9, "", doubtful=False)

class Captioner:
    name, version, licence = "counting-captioner", "1", "BSD-3-Clause"

    def caption(self, image, *, class_word, style_word):
        LOOKS.append("caption")
        red, green, blue = image().getpixel((32, 32))
        return Caption(f"a {style_word} of a {class_word} of {red} {green} {blue}", 0.7)

class Depth:
    name, version, kind = "counting-depth", "1", "depth"

    def estimate(self, image):
        LOOKS.append("depth")
        return Image.linear_gradient("L").resize(image.size)

class Pose:
    name, version, kind = "counting-pose", "1", "pose"

    def estimate(self, image):
        LOOKS.append("pose")
        if image.getpixel((32, 32))[0] > 200:
            return Estimate(None, notes=("nobody is there",))
        drawn = Image.new("RGB", image.size)
        ImageDraw.Draw(drawn).line([32, 10, 32, 52], "yellow", 3)
        return Estimate(drawn, 0.6)
"""
GROUPS = {"maskers": "Masker", "captioners": "Captioner"}


def install_eyes(outside: Outside) -> ModuleType:
    """Install the package; its LOOKS says which eye looked, in order."""
    points = {f"dreamtuner.{group}": {f"counting-{group[:-1]}": f"my_eyes:{one}"} for group, one in GROUPS.items()}
    points["dreamtuner.estimators"] = {"counting-depth": "my_eyes:Depth", "counting-pose": "my_eyes:Pose"}
    outside.install("my-eyes", {"my_eyes.py": CODE}, points)
    return importlib.import_module("my_eyes")


def eyed_profile(home: Path, weights: Path, *, eyes: bool = True, name: str = "eyed") -> None:
    """Write a profile whose weights have ControlNets for pose and depth, and that names all four eyes or the masker."""
    for kind in ("pose", "depth"):
        (weights / f"controlnet-{kind}").mkdir(parents=True, exist_ok=True)
    folder = home / "profiles"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"weights: {weights}", "resolution: 64", "licence: Apache-2.0", "masker: counting-masker"]
    if eyes:
        lines += ["captioner: counting-captioner"]
        lines += ["estimators: {pose: counting-pose, depth: counting-depth}"]
    (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n")
