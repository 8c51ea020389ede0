"""DWPose on small models in the published layouts, against the published processing by NumPy; OpenPose's drawing."""

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from PIL import Image
from skimage import data

from dreamtuner.models.auxiliary import AUXILIARY
from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
from dreamtuner.models.intake.sources import hub_source
from dreamtuner.models.layouts import checked
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.backends.estimators.keypoints import Keypoints, keypoints_in
from dreamtuner.preprocess.backends.estimators.openpose import Person, drawn, person
from dreamtuner.preprocess.backends.estimators.person_boxes import suppressed
from dreamtuner.preprocess.estimators import ESTIMATORS, NothingFoundError, estimate_of, estimated, estimator_of
from tests.auxiliary_models import in_cache
from tests.onnx_graphs import write_brightest, write_dwpose

COLOURS = """255 0 0, 255 85 0, 255 170 0, 255 255 0, 170 255 0, 85 255 0, 0 255 0, 0 255 85, 0 255 170, 0 255 255,
0 170 255, 0 85 255, 0 0 255, 85 0 255, 170 0 255, 255 0 255, 255 0 170, 255 0 85"""
NAMES = """nose, neck, right shoulder, right elbow, right wrist, left shoulder, left elbow, left wrist, right hip,
right knee, right ankle, left hip, left knee, left ankle, right eye, left eye, right ear, left ear"""
COCO = """nose, left eye, right eye, left ear, right ear, left shoulder, right shoulder, left elbow, right elbow,
left wrist, right wrist, left hip, right hip, left knee, right knee, left ankle, right ankle"""
LIMBS = """neck - right shoulder, neck - left shoulder, right shoulder - right elbow, right elbow - right wrist,
left shoulder - left elbow, left elbow - left wrist, neck - right hip, right hip - right knee, right knee - right ankle,
neck - left hip, left hip - left knee, left knee - left ankle, neck - nose, nose - right eye, right eye - right ear,
nose - left eye, left eye - left ear"""
VARIABLE = "DREAMTUNER_DWPOSE_WEIGHTS"


def listed(text: str) -> list[str]:
    return [" ".join(one.split()) for one in text.split(",")]


@pytest.fixture
def image() -> Image.Image:
    return Image.fromarray(data.astronaut()[:, :400])


def run(file: Path, values: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: values.astype(np.float32)})


def published_boxes(folder: Path, bgr: np.ndarray) -> list[list[float]]:
    """Letterbox with 114, cells decoded one by one, boxes of people above 0.3 that no likelier one covers by 0.45."""
    height, width = bgr.shape[:2]
    scale = min(640 / height, 640 / width)
    square = np.full((640, 640, 3), 114, np.uint8)
    square[: int(height * scale), : int(width * scale)] = cv2.resize(bgr, (int(width * scale), int(height * scale)))
    rows = run(folder / "yolox_l.onnx", square.transpose(2, 0, 1)[None])[0][0]
    found, at = [], 0
    for stride in (8, 16, 32):
        for y in range(640 // stride):
            for x in range(640 // stride):
                dx, dy, w, h, sure, someone = rows[at, :6]
                at += 1
                if sure * someone > 0.3:
                    middle, size = ((x + dx) * stride, (y + dy) * stride), (np.exp(w) * stride, np.exp(h) * stride)
                    corners = [(middle[i] + sign * size[i] / 2) / scale for sign in (-1, 1) for i in (0, 1)]
                    found.append((sure * someone, corners))
    found.sort(key=lambda one: -one[0])
    kept: list[list[float]] = []
    for _, box in found:
        if all(covered(box, other) <= 0.45 for other in kept):
            kept.append(box)
    return kept


def covered(a: list[float], b: list[float]) -> float:
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]) + 1)
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]) + 1)
    areas = [(one[2] - one[0] + 1) * (one[3] - one[1] + 1) for one in (a, b)]
    return width * height / (sum(areas) - width * height)


def published_keypoints(folder: Path, bgr: np.ndarray, box: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """The affine map by three points, mean and deviation, the maxima of SimCC in half pixels, mapped back."""
    x1, y1, x2, y2 = box
    width, height = 1.25 * (x2 - x1), 1.25 * (y2 - y1)
    width, height = (width, width / 0.75) if width > height * 0.75 else (height * 0.75, height)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    source = np.array([[x, y], [x, y - width / 2], [x - width / 2, y - width / 2]], np.float32)
    target = np.array([[144, 192], [144, 48], [0, 48]], np.float32)
    pixels = cv2.warpAffine(bgr, cv2.getAffineTransform(source, target), (288, 384), flags=cv2.INTER_LINEAR)
    given = (pixels - np.array([123.675, 116.28, 103.53])) / np.array([58.395, 57.12, 57.375])
    along = run(folder / "dw-ll_ucoco_384.onnx", given.transpose(2, 0, 1)[None])
    places = np.stack([one[0].argmax(1) / 2 for one in along], 1)
    scores = np.minimum(*(one[0].max(1) for one in along))
    return places / (288, 384) * (width, height) + (x - width / 2, y - height / 2), scores


def test_people_and_keypoints_are_those_of_the_published_processing(empty_cache: Path, image: Image.Image) -> None:
    folder = in_cache(empty_cache, hub_source(AUXILIARY["dwpose"].source).repository)
    write_dwpose(folder)
    fetch_auxiliary("dwpose")
    bgr = np.ascontiguousarray(np.asarray(image)[..., ::-1])
    boxes = published_boxes(folder, bgr)
    found = [person(Keypoints(*published_keypoints(folder, bgr, box))) for box in boxes]
    people = [one for one in found if one is not None]
    assert 1 < len(people) < len(boxes)
    estimate = estimate_of(estimator_of("pose"), image)
    assert estimate.image is not None
    difference = np.abs(np.asarray(estimate.image, np.int16) - np.asarray(drawn(people, image.size)))
    assert (difference.max(2) > 0).mean() < 0.001, "but for places that round to another pixel"
    assert estimate.confidence == pytest.approx(np.mean([one.confidence for one in people]), abs=0.01)
    assert estimate.notes == (f"dwpose found {len(people)} people, who are all in the pose",)
    assert estimate.method.startswith("dwpose-1-")


@pytest.mark.parametrize("box", [(20, 10, 170, 190), (100, 30, 220, 120), (-60, -40, 260, 230)])
def test_a_keypoint_is_found_where_it_is_in_the_image(tmp_path: Path, box: tuple[int, ...]) -> None:
    scene = np.zeros((200, 300, 3), np.uint8)
    cv2.circle(scene, (130, 80), 4, (255, 255, 255), thickness=-1)
    file = write_brightest(tmp_path / "pose.onnx")
    places = keypoints_in(file, str(box), scene.astype(np.float32), np.array(box, np.float32)).places
    assert np.abs(places - (130, 80)).max() <= 5, "somewhere in the dot"


def test_of_boxes_that_overlap_the_likeliest_stays() -> None:
    random = np.random.default_rng(3)
    corner = random.uniform(0, 60, (60, 2))
    boxes = np.concatenate([corner, corner + random.uniform(5, 60, (60, 2))], 1).astype(np.float32)
    scores = random.uniform(0, 1, 60).astype(np.float32)
    kept: list[int] = []
    for i in sorted(range(60), key=lambda i: -scores[i]):
        if all(covered(list(boxes[i]), list(boxes[j])) <= 0.45 for j in kept):
            kept.append(i)
    assert 5 < len(kept) < 55
    assert suppressed(boxes, scores) == kept


@pytest.mark.parametrize(
    ("bias", "gain", "why"),
    [(-1000, 0.2, "no person in the image"), (-3, 0.001, "people in the image, but no limb of theirs")],
)
def test_where_nobody_is_there_is_no_pose_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: Image.Image, bias: float, gain: float, why: str
) -> None:
    write_dwpose(tmp_path / "own", bias=bias, gain=gain)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "own"))
    found = estimate_of(ESTIMATORS["dwpose"], image)
    assert (found.image, found.confidence, found.notes) == (None, None, (f"dwpose found {why}",))
    with pytest.raises(NothingFoundError, match=f"pose: dwpose found {why}; give a control image"):
        estimated(ESTIMATORS["dwpose"], image)


def test_files_that_are_missing_or_others_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_cache: Path, image: Image.Image
) -> None:
    with pytest.raises(WeightsMissingError, match="dreamtuner models fetch dwpose"):
        ESTIMATORS["dwpose"].estimate(image)
    own = tmp_path / "own"
    write_dwpose(own)
    monkeypatch.setenv(VARIABLE, str(own))
    pose = (own / "dw-ll_ucoco_384.onnx").read_bytes()
    (own / "dw-ll_ucoco_384.onnx").write_bytes((own / "yolox_l.onnx").read_bytes())
    with pytest.raises(PluginError, match=r"dw-ll_ucoco_384\.onnx: the model does not take its input"):
        ESTIMATORS["dwpose"].estimate(image)
    (own / "yolox_l.onnx").write_bytes(pose)
    with pytest.raises(PluginError, match=r"yolox_l\.onnx: the model does not take its input"):
        ESTIMATORS["dwpose"].estimate(image)


def standing() -> tuple[dict[str, tuple[int, int]], Keypoints]:
    """A person whose joints are far apart, by name; and as keypoints of COCO-WholeBody."""
    at = dict(zip(listed(NAMES), [(60 + 90 * (i % 5), 60 + 110 * (i // 5)) for i in range(18)], strict=True))
    at["neck"] = tuple((a + b) // 2 for a, b in zip(at["right shoulder"], at["left shoulder"], strict=True))
    places, scores = np.zeros((133, 2), np.float32), np.zeros(133, np.float32)
    places[:17], scores[:17] = [at[name] for name in listed(COCO)], 0.5
    return at, Keypoints(places, scores)


def test_joints_and_limbs_have_the_colours_of_openpose() -> None:
    at, found = standing()
    colours = [tuple(map(int, one.split())) for one in listed(COLOURS)]
    someone = person(found)
    assert someone is not None
    assert someone.confidence == pytest.approx(0.5)
    image = drawn([someone], (512, 512))
    assert [image.getpixel(at[name]) for name in listed(NAMES)] == colours
    for colour, limb in zip(colours, listed(LIMBS), strict=False):
        start, end = (np.array(at[name]) for name in limb.split(" - "))
        joints = np.full((18, 2), np.nan, np.float32)
        joints[[listed(NAMES).index(name) for name in limb.split(" - ")]] = start, end
        alone = Person(joints, np.full((68, 2), np.nan), (np.full((21, 2), np.nan),) * 2, 1.0)
        middle = tuple(map(int, (start + end) / 2))
        assert drawn([alone], (512, 512)).getpixel(middle) == tuple(int(0.6 * one) for one in colour), limb
    assert checked("pose", image) is not None


def test_fingers_are_rainbows_and_faces_dots_and_what_is_not_seen_is_not_drawn() -> None:
    _, found = standing()
    for first, x in ((91, 300), (112, 100)):
        found.places[first : first + 21] = [(x, 480 - 20 * (i % 4)) if i else (x, 500) for i in range(21)]
        found.places[first + 1 : first + 5] = [(x - 15 * i, 440) for i in range(1, 5)]
    found.places[23] = 480, 30
    assert drawn([person(found)], (512, 512)).getpixel((480, 30)) == (0, 0, 0)
    found.scores[[23, 91, 92, 93]] = 0.31
    image = drawn([person(found)], (512, 512))
    assert image.getpixel((480, 30)) == (255, 255, 255)
    assert image.getpixel((300, 500)) == image.getpixel((285, 440)) == (0, 0, 255)
    assert image.getpixel((277, 440)) == (255, pytest.approx(76.5, abs=0.6), 0), "the second of twenty hues"
    assert image.getpixel((100, 500)) == (0, 0, 0)


def test_one_joint_is_no_pose_and_the_neck_needs_both_shoulders() -> None:
    _, found = standing()
    found.scores[:] = 0
    found.scores[[0, 5, 10]] = 0.9
    assert person(found) is None
    found.scores[6] = 0.9
    assert person(found) is not None


def test_widths_grow_with_the_image() -> None:
    _, found = standing()
    areas = []
    for scale in (1, 2):
        someone = person(Keypoints(found.places * scale, found.scores))
        areas.append((np.asarray(drawn([someone], (512 * scale, 512 * scale))).max(2) > 0).mean())
    assert areas[1] == pytest.approx(areas[0], rel=0.1)
