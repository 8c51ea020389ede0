"""What changes a picture beyond what was asked stands on every page that shows it."""

import pytest

from storage.catalog import views, writes
from storage.catalog.records import RunWarning
from tests.deploy.dashboard.conftest import Site

OF_ALL = RunWarning("placeholder", "'{x} <b>' holds a brace", "negative_prompt")


@pytest.fixture
def warned(shared: Site) -> Site:
    """A dashboard with a warning of the run, of the first output's subject and of its prompt, and of another prompt."""
    with shared.catalog.read() as s:
        one = views.output(s, 1)
        assert one.run_id is not None
    of_subject = RunWarning("mask", "covers the border", "subjects[0].mask", one.subject)
    of_prompt = RunWarning("text cut off", "cut off: 'at night'", "prompts[0]", one.subject, one.prompt)
    of_another = RunWarning("text cut off", "cut off: 'elsewhere'", "prompts[1]", one.subject, "another prompt")
    with shared.catalog.write() as s:
        every = [OF_ALL, of_subject, of_prompt, of_another]
        writes.replace_warnings(s, one.run_id, every, {one.subject: one.subject_id})
    return shared


def test_pages_show_the_warnings_of_what_they_show(warned: Site) -> None:
    with warned.client() as client:
        output, subject, home = (client.get(path).text for path in ("/outputs/1", "/subjects/1", "/fragments/runs"))
        with warned.catalog.read() as s:
            run = client.get(f"/runs/{views.output(s, 1).run_id}").text
    assert "negative_prompt: &#39;{x} &lt;b&gt;&#39; holds a brace" in output
    assert "subjects[0].mask: covers the border" in output
    assert "prompts[0]: cut off" in output
    assert "elsewhere" not in output
    assert "prompts[1]: cut off: &#39;elsewhere&#39;" in run
    assert ">mask: covers the border" in subject
    assert "negative_prompt: " in home
    assert "and 1 more" in home


def test_the_reviewer_reads_them_beside_the_picture(warned: Site) -> None:
    with warned.client("reviewer", follow_redirects=True) as client:
        queue = str(client.post("/review", data={"subject_id": "1"}).url).rpartition("/")[2]
        items = client.get(f"/api/queues/{queue}/items", params={"count": 50}).json()["items"]
        page = client.get(f"/review/{queue}").text
    said = {item["output_id"]: item["warnings"] for item in items}
    assert any(
        one[:2] == ["negative_prompt: '{x} <b>' holds a brace", "subjects[0].mask: covers the border"]
        for one in said.values()
    )
    assert 'id="warnings"' in page
