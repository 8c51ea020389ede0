"""What a video's keyframes say of one frame: the scene's prompt and the references' weights, and what fades in."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from flows.spec.model import Spec
from flows.spec.problems import Problem
from flows.spec.video import Keyframe, VideoSpec

K = TypeVar("K", bound=Keyframe)
DIGITS = 6
"""Decimals of interpolated shares and weights in recipes."""


class Scene(NamedTuple):
    """The text of a frame: a template, and another one with the share of its text states, if that fades in."""

    template: str
    blend: tuple[str, float] | None


def between(keys: Sequence[K], i: int, count: int, *, loop: bool) -> tuple[K, K, float]:
    """Return the keyframe that holds at frame `i` of `count`, the one that follows, and how much that has faded in.

    Of a keyframe with fade f, the f frames before it have the shares 1 / (f + 1) to f / (f + 1). In a loop the first
    keyframe follows the last.
    """
    at = max(k for k, key in enumerate(keys) if key.at <= i)
    after = at + 1
    if after == len(keys) and not loop:
        return keys[at], keys[at], 0.0
    following = keys[after % len(keys)]
    start = (following.at if after < len(keys) else count) - following.fade - 1
    share = (i - start) / (following.fade + 1)
    return keys[at], following, round(max(share, 0.0), DIGITS)


def scene_at(video: VideoSpec | None, template: str, i: int, count: int) -> Scene:
    """Return the text of a frame. `template`: the clip's prompt, where the video has no scenes."""
    if video is None or video.scenes is None:
        return Scene(template, None)
    now, following, share = between(video.scenes, i, count, loop=video.loop)
    return Scene(now.prompt, (following.prompt, share) if share and following.prompt != now.prompt else None)


def weights_at(video: VideoSpec | None, i: int, count: int) -> tuple[float, ...] | None:
    """Return what the weight of each reference is multiplied by in a frame; None: by nothing."""
    if video is None or video.references is None:
        return None
    now, following, share = between(video.references, i, count, loop=video.loop)
    pairs = zip(now.weights, following.weights, strict=True)
    return tuple(round((1 - share) * a + share * b, DIGITS) for a, b in pairs)


def keyframe_problems(spec: Spec, count: int) -> list[Problem]:
    """Return a problem for each keyframe that lies outside a video of `count` frames, or fades in too early."""
    found = []
    for name in ("scenes", "references"):
        keys: Sequence[Keyframe] = getattr(spec.video, name, None) or ()
        for i, key in enumerate(keys):
            if key.at >= count:
                message = f"is {key.at}, but the video has {count} frames, the last of them {count - 1}; give less"
                found.append(Problem(path=("video", name, i, "at"), message=message))
        if keys and keys[-1].at < count and keys[0].fade >= count - keys[-1].at:
            most = count - keys[-1].at - 1
            message = f"is {keys[0].fade}, but the last keyframe holds {most + 1} frames; give {most} or less"
            found.append(Problem(path=("video", name, 0, "fade"), message=message))
    return found


def reference_problems(spec: Spec, known: Sequence[tuple[str, int]]) -> list[Problem]:
    """Return a problem if there are not as many weights as a subject has references. `known`: names and numbers."""
    if spec.video is None or spec.video.references is None:
        return []
    given = len(spec.video.references[0].weights)
    return [
        Problem(
            path=("video", "references", 0, "weights"),
            message=f"has {given} weights, but the subject {name!r} has {count} reference{'' if count == 1 else 's'}; "
            "give one for each",
        )
        for name, count in known
        if count != given
    ][:1]
