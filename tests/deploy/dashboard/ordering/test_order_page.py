"""The form of an order in a real browser: what it says while somebody types, and that nothing typed is ever lost."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.made_up import plain, png
from tests.deploy.dashboard.orders import Orders, orders

Tab = Callable[..., Page]
PROMPT = "a {style} of a {subject} in the snow"
WRONG = '[data-wrong="prompts"]'


@pytest.fixture
def taken() -> Iterator[Orders]:
    """A server that takes orders."""
    with orders() as taken:
        yield taken


def written(page: Page, prompts: str = PROMPT, name: str = "trip") -> None:
    """Somebody writes a small order."""
    page.fill("[name=name]", name)
    page.check("[name=subject][value=pip]")
    page.fill("[name=prompts]", prompts)


@pytest.mark.slow
def test_what_is_typed_is_checked_read_and_counted_at_once(shared: Site, tab: Tab) -> None:
    page = tab(shared, "/orders/new", "operator")
    page.evaluate("window.same = true")
    written(page, f"a {{sbject}} walks\na {{subject}} on a zeppelin\n{PROMPT}")
    expect(page.locator(WRONG)).to_contain_text("Number 1: 'a {sbject} walks' lacks the placeholder {subject}")
    expect(page.locator("#readings mark.spelled")).to_have_text("zeppelin")
    page.fill("[name=prompts]", PROMPT)
    expect(page.locator(WRONG)).to_be_empty()
    expect(page.locator("#summary")).to_contain_text("1 subject × 1 prompt × 4 seeds")
    assert page.evaluate("window.same"), "the page was never loaded again"


@pytest.mark.slow
def test_scenes_of_several_subjects_are_written_placed_and_ordered_without_the_yaml(shared: Site, tab: Tab) -> None:
    page = tab(shared, "/orders/new", "operator")
    page.fill("[name=name]", "party")
    for name in ("pip", "momo"):
        page.check(f"[name=subject][value={name}]")
    page.click("summary:has-text('Several subjects')")
    page.fill("[name=together]", "a {pip} and a {nobody} on the beach")
    expect(page.locator('[data-wrong="together"]')).to_contain_text("names {nobody}")
    page.fill("[name=together]", "a {pip} and a {momo} on the beach")
    place = page.get_by_label("Where momo is")
    place.fill("0.4, 0, 2, 1")
    expect(page.locator('[data-wrong="together"]')).to_contain_text("is no box in the image")
    assert page.evaluate("document.activeElement.name") == "region.0.momo", "nobody is interrupted"
    place.fill("0.4, 0, 1, 1")
    expect(page.locator('[data-wrong="together"]')).to_be_empty()
    expect(page.locator(".scene .stated rect")).to_have_attribute("x", "40.0")
    page.fill("[name=together]", "a {pip} and a {momo} on the beach and a {")
    expect(page.locator('[data-wrong="together"]')).not_to_be_empty()
    expect(place).to_have_value("0.4, 0, 1, 1")  # while it names no scene
    page.fill("[name=together]", "a {pip} and a {momo} on the beach at night")
    expect(page.locator(".scene legend")).to_have_text("a {pip} and a {momo} on the beach at night")
    expect(place).to_have_value("0.4, 0, 1, 1")
    expect(page.locator("#summary")).to_contain_text("1 scene × 4 seeds")
    assert Axe().run(page).violations_count == 0
    page.click("button[value=yaml]")
    expect(page.locator("textarea[name=yaml]")).to_have_value(re.compile(r"region:\n\s+- 0\.4"))


@pytest.mark.slow
def test_a_server_that_is_away_costs_nothing_that_was_written(shared: Site, tab: Tab) -> None:
    page = tab(shared, "/orders/new", "operator")
    written(page)
    expect(page.locator("#summary")).to_contain_text("1 prompt")
    page.route("**/orders*", lambda route: route.abort())
    page.route("**/orders/check", lambda route: route.abort())
    page.fill("[name=seeds]", "1-9")
    expect(page.locator(".toast").first).to_contain_text("what you wrote stays here")
    page.click("button[value=order]")
    expect(page.locator(".toast").last).to_contain_text("what you wrote stays here")
    page.unroute_all()
    page.fill("[name=seeds]", "1-8")
    expect(page.locator("#summary")).to_contain_text("8 seeds")
    assert page.input_value("[name=prompts]") == PROMPT


@pytest.mark.slow
def test_files_and_texts_outlive_an_error_of_another_part(site: Site, tab: Tab, tmp_path: Path) -> None:
    page = tab(site, "/orders/new", "operator")
    written(page)
    (tmp_path / "bolt.png").write_bytes(png(plain(4, -1, 0)))
    (tmp_path / "photo.png").write_bytes(png(plain(1, 1, 1)))
    page.click("text=Upload a new subject")
    page.fill("[name=new_name]", "pip")
    page.fill("[name=new_class_word]", "robot")
    page.set_input_files("[name=new_reference]", tmp_path / "bolt.png")
    page.set_input_files("[name=new_poses]", tmp_path / "photo.png")
    page.click("button[value=poses]")  # no pose: the subject's file stays chosen
    expect(page.locator("p.failed")).to_contain_text("Pose: photo.png")
    assert page.evaluate("document.querySelector('[name=new_reference]').files.length") == 1
    page.click("button[value=subject]")
    expect(page.locator("p.failed")).to_contain_text("is already the name of a bear")
    assert page.input_value("[name=new_class_word]") == "robot"
    page.fill("[name=new_name]", "bolt")
    page.click("button[value=subject]")
    expect(page.locator("[name=subject][value=bolt]")).to_be_checked()
    assert page.input_value("[name=prompts]") == PROMPT


@pytest.mark.slow
def test_an_order_is_placed_with_and_without_javascript(
    taken: Orders, start: Callable[..., Site], tab: Tab, browser: Browser
) -> None:
    site = start(prefect_api=taken.api)
    for name, scripts in (("with", True), ("without", False)):
        page = tab(site, "/orders/new", "operator", java_script_enabled=scripts)
        written(page, "no placeholder", name)
        page.click("button[value=order]")
        expect(page.locator(WRONG)).to_contain_text("lacks the placeholder")
        page.fill("[name=prompts]", PROMPT)
        page.click("button[value=yaml]")
        text = f"name: {name}\nsubjects:\n- name: pip\nprompts:\n- {PROMPT}\nseeds: 1-4\n"
        expect(page.locator("textarea.code")).to_have_value(text)
        page.fill("textarea.code", f"# mine\n{page.input_value('textarea.code')}")
        page.click("button[value=form]")
        page.wait_for_selector("[name=prompts]")
        page.fill("[name=seeds]", "7")
        page.click("button[value=order]")
        page.wait_for_url("**/flows")
    assert [given["spec"]["name"] for _, given in taken.taken] == ["with", "without"]
    assert taken.taken[0][1]["spec"] | {"name": ""} == taken.taken[1][1]["spec"] | {"name": ""}


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("dark", 360)])
def test_a_form_full_of_errors_breaks_no_rule_and_fits(shared: Site, tab: Tab, scheme: str, width: int) -> None:
    page = tab(shared, "/orders/new", "operator", color_scheme=scheme, viewport={"width": width, "height": 800})
    written(page, "a {sbject}\na {subject} with a zeppelin " + "on a very long walk " * 20)
    page.fill("[name=seeds]", "9-2")
    expect(page.locator('[data-wrong="seeds"]')).to_contain_text("descending")
    for part in page.locator("#order details").all():
        part.evaluate("one => { one.open = true; }")
    table = {"name": "f.csv", "mimeType": "text/csv", "buffer": b"name,style\nx,cubist\n"}
    page.set_input_files("[name=new_feed]", table)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert Axe().run(page).response["violations"] == []
    page.click("button[value=feed]")
    expect(page.locator(".faults")).to_contain_text("there is no style 'cubist'")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert Axe().run(page).response["violations"] == []
