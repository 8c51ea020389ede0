"""The published sets as they are read, the figures of their images, and the pages beside published rows."""

from pathlib import Path

import numpy as np
import pytest

from dreamtuner.evaluation.dreambench.dreambench import read_dreambench
from dreamtuner.evaluation.dreambench.dreambench_plus import read_dreambench_plus
from dreamtuner.evaluation.dreambench.figures import Figure, ScoredImage, figures
from dreamtuner.evaluation.dreambench.page import write_page
from dreamtuner.evaluation.dreambench.protocol import protocols
from dreamtuner.evaluation.dreambench.published import published
from dreamtuner.evaluation.dreambench.result import BenchResult, Run
from dreamtuner.evaluation.dreambench.subject_set import SetError, SubjectSet
from dreamtuner.score import METRICS
from tests.bench_sets import picture, write_dreambench, write_dreambench_plus


def test_dreambench_is_read_with_the_first_photograph_and_the_prompts_of_its_kind(tmp_path: Path) -> None:
    found = read_dreambench(write_dreambench(tmp_path))
    jam, lamp, tom = found.subjects
    assert (jam.name, jam.class_word, jam.category) == ("jam", "bear", "object")
    assert jam.prompts == lamp.prompts == ("a {subject} on the beach", "a {subject} in the snow", "a red {subject}")
    assert (tom.category, tom.prompts[1]) == ("live", "a {subject} in the jungle")
    assert [one.reference.name for one in found.subjects] == ["00.jpg"] * 3
    assert found.images == 9
    assert read_dreambench(tmp_path / "dataset") == found
    few = found.limited(2, 1)
    assert [one.name for one in few.subjects] == ["jam", "lamp"]
    assert few.images == 2


def test_dreambench_plus_keeps_each_subjects_own_prompts_and_counts_restated_ones(tmp_path: Path) -> None:
    found = read_dreambench_plus(write_dreambench_plus(tmp_path))
    animal, bear, style = found.subjects
    assert [one.name for one in found.subjects] == [
        "live_subject_animal_00_rabbit",
        "object_03_bear",
        "style_01_oil_painting",
    ]
    assert animal.prompts == ("A {subject} on the beach", "{subject}: Two animals in the snow")
    assert bear.prompts == ("a red {subject}", "The {subject} in the jungle")
    assert (style.class_word, style.category) == ("oil painting", "style")
    assert [one.restated for one in found.subjects] == [1, 0, 1]
    assert read_dreambench_plus(tmp_path / "data") == found


def test_the_digest_of_a_set_follows_its_content_and_not_its_folder(tmp_path: Path) -> None:
    one, two = (read_dreambench(write_dreambench(tmp_path / name)) for name in ("a", "b"))
    assert one.digest() == two.digest()
    (tmp_path / "b/dataset/tom/00.jpg").write_bytes((tmp_path / "b/dataset/jam/00.jpg").read_bytes())
    assert read_dreambench(tmp_path / "b").digest() != one.digest()
    assert one.limited(2, None).digest() != one.digest()


def test_what_is_not_the_whole_set_is_refused_by_name(tmp_path: Path) -> None:
    folder = write_dreambench(tmp_path / "set")
    (folder / "dataset/lamp/00.jpg").unlink()
    (folder / "dataset/lamp/01.jpg").unlink()
    with pytest.raises(SetError, match="lamp holds no image"):
        read_dreambench(folder)
    listing = folder / "dataset/prompts_and_classes.txt"
    listing.write_text(listing.read_text().replace("'a red {0} {1}'", "'a red {1}'"))
    with pytest.raises(SetError, match=r"'a red \{1\}' does not hold"):
        read_dreambench(folder)
    listing.write_text("Classes\n\nsubject_name,class\njam,bear\n")
    with pytest.raises(SetError, match="lists no object prompts"):
        read_dreambench(folder)
    with pytest.raises(SetError, match=r"has no prompts_and_classes.txt; give the folder"):
        read_dreambench(tmp_path)
    plus = write_dreambench_plus(tmp_path / "plus")
    (plus / "data/captions/object/03.txt").unlink()
    with pytest.raises(SetError, match="object/03 has an image, but no caption"):
        read_dreambench_plus(plus)
    (plus / "data/captions/object/03.txt").write_text("bear\n\n")
    with pytest.raises(SetError, match="needs the subject in its first line"):
        read_dreambench_plus(plus)
    with pytest.raises(SetError, match="has no folders images and captions"):
        read_dreambench_plus(tmp_path)


def test_files_that_a_system_hides_are_no_images_and_doubles_are_refused(tmp_path: Path) -> None:
    folder, plus = write_dreambench(tmp_path / "set"), write_dreambench_plus(tmp_path / "plus")
    before = read_dreambench(folder).digest(), read_dreambench_plus(plus).digest()
    for file in [*tmp_path.rglob("*.jpg"), *tmp_path.rglob("*.txt")]:
        file.with_name(f"._{file.name}").write_bytes(b"Mac OS X")
    assert (read_dreambench(folder).digest(), read_dreambench_plus(plus).digest()) == before
    data = plus / "data"
    picture(data / "images/object/03.png", "red")
    with pytest.raises(SetError, match=r"object/03 is there twice, as 03\.jpg and 03\.png"):
        read_dreambench_plus(plus)
    (data / "images/object/03.png").unlink()
    picture(data / "images/more/object/03.jpg", "red")
    (data / "captions/more/object").mkdir(parents=True)
    (data / "captions/more/object/03.txt").write_text("bear\na bear\n")
    with pytest.raises(SetError, match="two subjects 'object_03_bear'"):
        read_dreambench_plus(plus)
    listing = folder / "dataset/prompts_and_classes.txt"
    listing.write_text(listing.read_text().replace("'a red {0} {1}'", "'a {0} {1} by a {0} {1}'"))
    with pytest.raises(SetError, match=r"does not hold '.*' once"):
        read_dreambench(folder)


def images(subjects: SubjectSet) -> tuple[ScoredImage, ...]:
    """Scores that differ more between subjects than between images of one."""
    found = []
    for i, one in enumerate(subjects.subjects):
        for j, prompt in enumerate(one.prompts):
            scores = {"dino_s16": 0.2 * i + 0.01 * j, "clip_i_b32": 0.5, "clip_t_b32": 0.3 - 0.1 * i}
            found.append(ScoredImage(one.name, prompt, 1, scores))
    return tuple(found)


def test_a_figure_is_the_mean_of_subjects_means_with_an_interval_over_subjects(tmp_path: Path) -> None:
    found = read_dreambench(write_dreambench(tmp_path))
    given = [*images(found)[:-1], ScoredImage("tom", "a wet {subject}", 1, None)]
    dino, objects, live = figures(found, given, ["dino_s16"])
    means = [0.01, 0.21, 0.405]
    assert (dino.category, dino.subjects, dino.images) == ("all", 3, 8)
    assert dino.value == pytest.approx(np.mean(means))
    # of 27 resamples of three subjects one holds the least alone: more than 2.5 %
    assert (dino.low, dino.high) == (pytest.approx(means[0]), pytest.approx(means[-1]))
    assert (objects.category, objects.value, objects.subjects) == ("object", pytest.approx(0.11), 2)
    assert live == Figure("dino_s16", "live", pytest.approx(0.405), None, None, 1, 2)


def result(subjects: SubjectSet) -> BenchResult:
    metrics = ("dino_s16", "clip_i_b32", "clip_t_b32")
    run = Run(
        "pocket",
        "f" * 64,
        "Apache-2.0",
        {"steps": 4},
        False,
        dict.fromkeys(metrics, "1-abc"),
        {one: ["MIT"] for one in metrics},
    )
    return BenchResult(protocols()["dreambench"], subjects, subjects.digest(), (1,), run, images(subjects))


def test_what_departs_from_the_protocol_is_said(tmp_path: Path) -> None:
    found = result(read_dreambench(write_dreambench(tmp_path)))
    assert found.deviations == [
        "3 subjects instead of 30",
        "3 prompts a subject instead of 25",
        "seeds 1 instead of 1, 2, 3, 4",
    ]
    shown = found.as_json()
    assert (shown["missing"], shown["images"], shown["bench"]) == (0, 9, "dreambench")
    assert shown["protocol"]["version"] == "1"
    assert shown["subjects"][1]["means"]["dino_s16"] == pytest.approx(0.21)
    part = BenchResult(found.protocol, found.subjects, found.set_digest, (1,), found.run, found.images[1:])
    assert part.deviations[-1] == "1 of 9 images are missing or not scored"


def test_the_page_puts_published_rows_beside_ours_and_says_what_differs(tmp_path: Path) -> None:
    found = result(read_dreambench(write_dreambench(tmp_path)))
    html = write_page(tmp_path / "page.html", found).read_text()
    markdown = write_page(tmp_path / "page.md", found).read_text()
    for text in (html, markdown):
        for table in published("dreambench"):
            assert table.url in text
            assert all(row.method in text for row in table.rows)
            assert all(one.replace("'", "&#x27;") in text or one in text for one in table.differs)
        assert "Not the whole protocol: 3 subjects instead of 30" in text
    ours = next(line for line in markdown.splitlines() if line.endswith("| this run |"))
    assert ours.startswith("| DreamTuner | pocket | 1 | 0.210 (0.")
    assert "| MOSAIC | FLUX.1-dev | 1 | 0.774 | 0.843 | 0.316 | [3] |" in markdown


@pytest.mark.parametrize("name", ["dreambench", "dreambench++"])
def test_protocols_name_metrics_that_exist_and_published_values_are_cosines(name: str) -> None:
    protocol = protocols()[name]
    assert set(protocol.scores) <= set(METRICS)
    assert set(protocol.metrics) == {"dino", "clip_i", "clip_t"}
    rows = [row for table in published(name) for row in table.rows]
    values = [value for row in rows for value in (row.dino, row.clip_i, row.clip_t) if value is not None]
    assert len(rows) > 5
    assert all(0.2 < value < 1 for value in values)
