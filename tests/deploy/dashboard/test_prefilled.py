"""Orders that go on from a picture, and what its page gives away: the file and its recipe."""

import json
import re
from dataclasses import replace
from html import unescape

import pytest

from deploy.dashboard.prefilled import _own_numbers, _template, prefilled
from deploy.dashboard.routes.review.output import _numbers
from dreamtuner.models.profiles import get_profile
from dreamtuner.settings.recipe_fields import to_fields
from storage.catalog import views
from storage.catalog.records import CatalogError, NotInCatalogError
from tests.deploy.dashboard.conftest import Site


def test_an_order_goes_on_from_a_picture(shared: Site) -> None:
    with shared.catalog.read() as s:
        one = views.output(s, 5)
        seeds, others, again = (prefilled(s, 5, more) for more in ("seeds", "subjects", "changes"))
        assert prefilled(s, 5, "seeds").prompts == "a photo of a {subject} on the beach"
        with pytest.raises(CatalogError, match="use one of seeds, subjects, changes, edit"):
            prefilled(s, 5, "pictures")
        with pytest.raises(NotInCatalogError):
            prefilled(s, 999_999, "seeds")
    assert (seeds.name, seeds.seeds, seeds.profile) == ("field-trip, more seeds", "61-64", "pocket")
    assert [subject.name for subject in seeds.subjects] == ["pip"]
    assert (others.subjects, others.seeds) == ((), str(one.seed))
    assert (again.seeds, again.open) == (str(one.seed), True)
    with shared.client("operator") as client:
        assert client.get("/orders/new?of=5&more=nothing").status_code == 400
        assert client.get("/orders/new?of=999999").status_code == 404
        moved = client.get("/flows?of=5&more=seeds")
    assert (moved.status_code, moved.headers["location"]) == (303, "/orders/new?of=5&more=seeds")


def test_an_edit_names_its_picture_and_has_its_prompt_and_seed(shared: Site) -> None:
    with shared.catalog.read() as s:
        edit = prefilled(s, 5, "edit")
        one = views.output(s, 5)
    assert (edit.name, edit.seeds, edit.spec["edit"]) == ("field-trip, edited", str(one.seed), {"output": 5})
    assert edit.prompts == "a photo of a {subject} on the beach"
    with shared.client("operator") as client:
        page = client.get("/orders/new?of=5&more=edit").text
    assert "The picture to change" in page
    assert 'href="/outputs/5"' in page
    assert 'name="edit.keep_background"' in page


def test_an_order_has_the_numbers_of_its_picture_where_the_profile_has_others_now(shared: Site) -> None:
    profile = get_profile("pocket")
    with shared.catalog.read() as s:
        one, subject = views.output(s, 5), views.subject(s, views.output(s, 5).subject_id)
    made = profile.sampling(subject.style, inversion=0.0, w_c=3.5)
    earlier = replace(one, settings={**one.settings, "sampling": to_fields(made)})
    assert profile.sampling(subject.style).inversion > 0
    assert _own_numbers(earlier, subject, {}) == {"inversion": 0.0, "w_c": 3.5}
    assert _own_numbers(earlier, subject, {"sampling": {"inversion": 0.0, "w_c": 3.5}}) == {}
    assert _own_numbers(replace(earlier, profile="gone"), subject, {}) == {}


def test_a_picture_is_downloaded_and_its_recipe_copied(shared: Site) -> None:
    with shared.client("reviewer") as client:
        page = client.get("/outputs/5").text
        given = client.get("/outputs/5/download")
    assert given.headers["content-disposition"] == 'attachment; filename="pip-1-000005-seed5.png"'
    assert (given.headers["content-type"], given.content[:4]) == ("image/png", b"\x89PNG")
    with shared.catalog.read() as s:
        (line, *_) = views.audit_page(s, action="export").rows
    assert (line.actor, line.after["pictures"]) == ("reviewer", 1)
    found = re.search(r"<textarea readonly hidden[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert found is not None
    recipe = json.loads(unescape(found[1]))
    assert (recipe["prompt"], recipe["seed"], recipe["reviewer"]) == ("a photo of a bear on the beach", 5, None)
    assert "/orders/new?of=" not in page, "a viewer orders nothing"


def test_the_learned_token_is_no_part_of_the_prompt_that_goes_on(shared: Site) -> None:
    with shared.catalog.read() as s:
        one, subject = views.output(s, 5), views.subject(s, views.output(s, 5).subject_id)
    spec = {"prompts": ["a photo of a {subject} on the beach"], "finetune": {}}
    learnt = replace(one, prompt="a photo of a bear [S*] on the beach", settings={**one.settings, "checkpoint": "ab"})
    assert _template(learnt, subject, spec) == spec["prompts"][0]
    assert _template(learnt, subject, spec | {"prompts": []}) == spec["prompts"][0]
    assert _template(one, subject, spec) == spec["prompts"][0]


def test_a_stated_mask_is_told_in_a_word() -> None:
    edit = {"cell": "ab", "weight": 1.0, "mask": {"size": [2, 2], "counts": [1, 3]}}
    assert dict(_numbers({"edit": edit})) == {"edited picture": "weight 1.0, subject in a mask"}
    box = {**edit, "mask": [0, 0, 0.5, 1]}
    assert dict(_numbers({"edit": box})) == {"edited picture": "weight 1.0, subject in [0, 0, 0.5, 1]"}
