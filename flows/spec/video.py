"""What a spec says of its video: the driving film, scenes and references by frame, the loop, how frames see others."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from dreamtuner.settings.frames import FrameUse
from flows.spec.entry import PLACE, StrictModel, Text
from flows.spec.problems import PlacedError
from flows.spec.prompt import Prompt, checked_prompt

MAX_FRAMES = 1000
_ANY = "a {subject}"
_FADE = "how many frames before `at` lie between the keyframe before and this one; 0: it is switched at once"


class Keyframe(StrictModel):
    """What holds from a frame on, until the next keyframe."""

    at: int = Field(ge=0, lt=MAX_FRAMES, description="the frame from which it holds; 0 is the first")
    fade: int = Field(default=0, ge=0, lt=MAX_FRAMES, description=_FADE)


class SceneKeyframe(Keyframe):
    """The prompt from a frame on. While it fades in, the text states of both prompts are interpolated linearly."""

    prompt: Prompt = Field(description="the prompt, as in `prompts`")


Share = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class WeightsKeyframe(Keyframe):
    """The weights of the subject's references from a frame on. While they fade in, they are interpolated linearly."""

    weights: Annotated[tuple[Share, ...], Field(min_length=1, strict=False)] = Field(
        description="one weight for each reference of the subject, in order; it multiplies the reference's own; 0: "
        "not seen"
    )

    @field_validator("weights")
    @classmethod
    def _one_seen(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if not any(weights):
            raise ValueError("all weights are 0; give one reference a weight above 0")
        return weights


def _ordered(keys: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse keyframes that do not begin at 0, are not in order, or fade longer than the one before them holds."""
    for i, key in enumerate(keys):
        if i == 0 and key.at != 0:
            raise PlacedError([0, "at"], f"is {key.at}; the first keyframe holds from frame 0 on, so write at: 0")
        if i > 0 and key.at <= keys[i - 1].at:
            raise PlacedError([i, "at"], f"is {key.at}, not after {keys[i - 1].at}; order keyframes by their frames")
        if i > 0 and key.fade >= key.at - keys[i - 1].at:
            most = key.at - keys[i - 1].at - 1
            message = f"is {key.fade}, but the keyframe before holds {most + 1} frames; give {most} or less"
            raise PlacedError([i, "fade"], message)
    return keys


class VideoSpec(StrictModel):
    """What `dreamtuner video` makes of a spec beyond one frame per pose. Other commands ignore it."""

    film: Text | None = Field(
        default=None,
        description="a driving film whose poses the frames follow, instead of `poses`: MP4, WebM, MOV, GIF, animated "
        f"PNG or WebP, or a folder of images in the order of their names: {PLACE}",
    )
    frames: int | None = Field(
        default=None,
        ge=2,
        le=MAX_FRAMES,
        description="how many frames the film is resampled to, evenly in time; null: each of its frames",
    )
    missing: Literal["refuse", "hold"] = Field(
        default="refuse",
        description="where the estimator finds no pose in a frame of the film: refuse the film, naming the frames, or "
        "hold the pose of the nearest frame that has one",
    )
    loop: bool = Field(
        default=False,
        description="the last frame leads to the first: frames are generated to both sides of the first, keyframes "
        "and film are taken around, and flicker counts the last step too",
    )
    scenes: Annotated[tuple[SceneKeyframe, ...], Field(min_length=1, strict=False), AfterValidator(_ordered)] | None = (
        Field(
            default=None,
            description='the prompt by frame, instead of `prompts`: [{"at": 0, "prompt": ...}, {"at": 9, "prompt": ...,'
            ' "fade": 4}]',
        )
    )
    references: (
        Annotated[tuple[WeightsKeyframe, ...], Field(min_length=1, strict=False), AfterValidator(_ordered)] | None
    ) = Field(
        default=None,
        description='the weights of each subject\'s references by frame: [{"at": 0, "weights": [1, 0]}, {"at": 8, '
        '"weights": [0, 1]}]',
    )
    earlier: FrameUse = Field(
        default_factory=FrameUse, description="how a frame sees the frames before it: as the paper says, if left out"
    )

    @field_validator("references")
    @classmethod
    def _as_many(cls, keys: tuple[WeightsKeyframe, ...] | None) -> tuple[WeightsKeyframe, ...] | None:
        for i, key in enumerate(keys or ()):
            assert keys is not None
            if len(key.weights) != len(keys[0].weights):
                message = f"has {len(key.weights)} weights, the first keyframe {len(keys[0].weights)}; give as many"
                raise PlacedError([i, "weights"], message)
        return keys

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.film is None:
            for name in ("frames", "missing"):
                if name in self.model_fields_set and getattr(self, name) not in (None, "refuse"):
                    raise PlacedError([name], "is of a film, and there is none; remove it, or give film")
        for name in ("scenes", "references"):
            first = (getattr(self, name) or (None,))[0]
            if first is not None and first.fade and not self.loop:
                raise PlacedError([name, 0, "fade"], "nothing is before frame 0; remove it, or set loop: true")
        return self


def scene_prompts(video: Mapping[str, Any] | VideoSpec) -> list[str] | None:
    """Return the prompts of the scenes, each once, in order; None without scenes. `video`: not validated yet.

    Of scenes with a wrong prompt they are a placeholder: the scene itself is reported.
    """
    scenes = video.scenes if isinstance(video, VideoSpec) else video.get("scenes")
    if not scenes or not isinstance(scenes, list | tuple):
        return None
    found = [one.get("prompt") if isinstance(one, Mapping) else getattr(one, "prompt", None) for one in scenes]
    try:
        return list(dict.fromkeys(checked_prompt(one) for one in found if isinstance(one, str))) or [_ANY]
    except ValueError:
        return [_ANY]
