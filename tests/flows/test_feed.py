"""Tables of subjects: read in every form that spreadsheets save, checked as a whole, and used by a spec."""

import csv
import io
import json
from pathlib import Path

import pytest

from flows.spec.feed import Feed, faults_csv, listed, read_feed
from flows.spec.model import Spec
from flows.spec.problems import InputError
from flows.spec.subject import SubjectSpec
from flows.spec.yaml_file import parse_spec, read_spec

NAMES = ("name", "class_word", "reference")
ROWS = [("pip", "bear", "https://pictures.test/pip.png"), ("momo", "rabbit", "s3://shop/momo.png")]
SPEC = 'name: t\nsubjects: {from: feed.csv}\nprompts: ["a {subject}"]\nseeds: 1-2\n'


def table(rows: list[tuple[str, ...]], header: str = "name,class_word,reference", separator: str = ",") -> str:
    lines = [header.replace(",", separator), *(separator.join(row) for row in rows)]
    return "\r\n".join(lines)


def said(feed: Feed) -> list[str]:
    return [str(fault) for fault in feed.faults]


@pytest.mark.parametrize(
    "data",
    [
        table(ROWS).encode(),
        table(ROWS).encode("utf-8-sig"),
        table(ROWS).encode("utf-16"),
        table(ROWS, separator=";").encode(),
        ("sep=;\n" + table(ROWS, "Name,Class word,Reference", ";")).encode(),
        table(ROWS, "NAME,class-word,reference", "\t").encode(),
        ("\n\n" + table(ROWS) + "\n,,\n\n").encode(),
        "\n".join(
            json.dumps(dict(zip(("name", "class_word", "reference"), row, strict=True))) for row in ROWS
        ).encode(),
        json.dumps([dict(zip(("name", "Class word", "reference"), row, strict=True)) for row in ROWS]).encode(),
    ],
)
def test_a_table_is_the_same_subjects_however_it_is_saved(data: bytes) -> None:
    feed = read_feed(data)
    assert said(feed) == []
    assert [(one.name, one.class_word, one.reference) for one in feed.subjects] == ROWS


def test_only_the_ends_of_lines_end_a_row() -> None:
    """U+2028 and others within a value belong to it: no second row, which could be another subject."""
    for break_ in ("\u2028", "\x0b", "\x0c", "\x1c", "\x85"):
        rows = [("pip", "bear", "https://a.test/p.png", f"a bear{break_}momo")]
        header = "name,class_word,reference,caption"
        by_csv = read_feed(table(rows, header).encode())
        by_json = read_feed(json.dumps(dict(zip(header.split(","), rows[0], strict=True)), ensure_ascii=False).encode())
        for feed in (by_csv, by_json):
            assert [fault.field for fault in feed.faults] == ["caption"], (repr(break_), said(feed))
            assert feed.rows == ()
    quoted = 'name,class_word,reference,caption\npip,bear,https://a.test/p.png,"a bear\non a beach"\nmomo,rabbit,s3://b/m.png,\n'
    assert [one.subject.caption for one in read_feed(quoted.encode()).rows] == ["a bear\non a beach", None]
    old_mac = read_feed(b"name,class_word,reference\rpip,bear,https://a.test/p.png\r")
    assert [one.name for one in old_mac.subjects] == ["pip"]


def test_every_fault_of_every_row_is_found_at_once() -> None:
    text = "name,class_word,reference,style\n"
    text += "pip,bear,ftp://old/pip.png,\npip,bear,https://a.test/p.png,\n,bear,,\nmomo,{x},,cubist\nzoe,,https://a.test/z,\n"
    found = said(read_feed(text.encode(), paths=False))
    assert [line.partition(":")[0] for line in found] == [
        "row 2, reference",
        "row 3, name",
        "row 4, name",
        "row 5, class_word",
        "row 5, style",
        "row 6, class_word",
    ]
    assert "is already in row 2; give each subject its own name" in found[1]


@pytest.mark.parametrize(
    ("data", "row", "message"),
    [
        (b"", 1, "the file is empty; its first row names the columns: name"),
        (b"name\n", 1, "there is no row below the header"),
        (b"nmae\npip", 1, "unknown column; did you mean name?"),
        (b"name,price\npip,3", 1, "unknown column; remove it; the columns are"),
        (b"name,name\npip,pip", 1, "this column is there twice"),
        (b"class_word\nbear", 1, "the column is missing"),
        ("name\nzoë".encode("latin-1"), 2, "is not UTF-8 text; save the file as CSV UTF-8"),
        (b'name,class_word\n"pip,bear', 2, "is not CSV"),
        (b"name\npip,bear", 2, "has 2 values but there are 1 columns"),
        (b'{"name": "pip"}\n{"name":', 2, "is not JSON"),
        (b"[3]", 1, "is not an object"),
        (b"name,mask\npip,/etc/x\nmomo,../m.png", 3, "is a relative path; give an https:// or s3:// URL"),
        (b"name,reference,class_word\npip,object://12,bear", 2, "write object:// and the 64 hex digits"),
    ],
)
def test_a_fault_names_its_row_and_the_remedy(data: bytes, row: int, message: str) -> None:
    (fault, *_) = read_feed(data, paths=False).faults
    assert fault.row == row
    assert message in fault.message


def test_five_thousand_rows_are_read_as_a_whole_and_their_faults_counted() -> None:
    rows = [(f"sku-{i:05}", "shoe", f"https://cdn.test/{i}.jpg") for i in range(5000)]
    assert len(read_feed(table(rows).encode()).rows) == 5000
    broken = read_feed(table([*rows, *rows[:30]]).encode())
    assert len(broken.faults) == 30
    assert listed(broken.faults).endswith("and 10 more")
    lines = list(csv.reader(io.StringIO(faults_csv(broken.faults).removeprefix("\ufeff"))))
    assert (len(lines), lines[1][:2]) == (31, ["5002", "name"])


def test_a_spreadsheet_does_not_take_a_fault_for_a_formula() -> None:
    feed = read_feed(b"name,=cmd()\npip,x")
    assert "\r\n1,'=cmd()," in faults_csv(feed.faults)


def test_a_spec_of_a_table_is_the_spec_of_its_rows(tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("name,class_word,reference\npip,bear,pip.png\nmomo,rabbit,s3://shop/m.png\n")
    (tmp_path / "spec.yaml").write_text(SPEC)
    written = SPEC.replace(
        "{from: feed.csv}",
        "[{name: pip, class_word: bear, reference: pip.png}, {name: momo, class_word: rabbit, reference: s3://shop/m.png}]",
    )
    by_table = read_spec(tmp_path / "spec.yaml")
    assert by_table == parse_spec(written, source="spec", base=tmp_path)
    assert by_table.subjects[0].reference == str(tmp_path / "pip.png"), "relative to the table"


@pytest.mark.parametrize(
    ("subjects", "message"),
    [
        ("{from: none.csv}", "subjects.from: '.*none.csv' cannot be read"),
        ("{form: feed.csv}", "must be a list of subjects, or a mapping such as {from: feed.csv}"),
        ("{from: object://12}", "names no object"),
        ("{from: bad.csv}", "1 fault: row 2, style: there is no style 'cubist'"),
    ],
)
def test_a_spec_says_what_is_wrong_with_its_table(
    subjects: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMTUNER_HOME", str(tmp_path / "home"))
    (tmp_path / "bad.csv").write_text("name,style\npip,cubist\n")
    with pytest.raises(InputError, match=message):
        parse_spec(SPEC.replace("{from: feed.csv}", subjects), source="spec", base=tmp_path)


def test_prefects_form_takes_a_list_or_a_table() -> None:
    subjects = Spec.model_json_schema()["properties"]["subjects"]
    assert [one["type"] for one in subjects["anyOf"]] == ["array", "object"]


def test_thousands_of_subjects_are_ingested_by_flow_runs_of_a_size_that_prefect_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from flows import ingest
    from flows.ingestion.store_subject import IngestResult

    sent: list[list[str]] = []

    def ingested(subjects: list[SubjectSpec], *_: object) -> IngestResult:
        assert sum(len(one.model_dump_json()) for one in subjects) < 512 * 1024
        sent.append([one.name for one in subjects])
        return IngestResult((), {subjects[-1].name: f"subjects[{len(subjects) - 1}].references[0].image: lost"})

    monkeypatch.setattr(ingest, "ingest", ingested)
    rows = [(f"sku-{i:05}", "shoe", f"https://cdn.test/{i}.jpg") for i in range(5000)]
    spec = Spec(name="t", subjects=read_feed(table(rows).encode()).subjects, prompts=["a {subject}"], seeds=[1])
    refused = ingest.ingest_in_parts(spec).refused
    assert [name for part in sent for name in part] == [one.name for one in spec.subjects]
    assert len(sent) > 1
    assert refused == {p[-1]: f"subjects[{int(p[-1][4:])}].references[0].image: lost" for p in sent}
