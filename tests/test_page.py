"""The HTML page: whole, escaped, and in a real browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil

import pytest
from tags import Tags

from coldbench.core.config import digest
from coldbench.report.analysis.contents import contents
from coldbench.report.analysis.facts import warnings
from coldbench.report.analysis.findings import find
from coldbench.report.analysis.measured import measure
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.write import write_report
from coldbench.report.writers import markdown
from coldbench.report.writers.page import render
from coldbench.runs.folder import Folder
from coldbench.significance import EQUAL

NASTY = "<img src=x onerror=alert(1)>\"'&$_{{ 7 * 7 }}</script>"
SEEDS = 3
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_cell, save_cell):
    """A run of two methods on two backbones, one of them with a name that would like to be markup."""
    folder = Folder(tmp_path_factory.mktemp("a run & more"))
    folder.prepare()
    for backbone, method in (("fm", "base"), ("fm", "mwuf"), ("deepfm", "base"), ("deepfm", "mwuf")):
        for seed in range(SEEDS):
            cell = make_cell(backbone=backbone, method=method, seed=seed)
            record = save_cell(folder, cell)
            del record["digest"]
            record["dataset_label"] = NASTY
            record["labels"]["method"] = NASTY if method == "mwuf" else method
            record["digest"] = digest(record)
            (folder.path / "cells" / f"{cell.stem}.json").write_text(json.dumps(record))
    folder.save_failures({"fm / gar / seed 1": "ValueError: <b>no</b>"})
    write_report(folder.path)
    return folder.path


@pytest.fixture(scope="module")
def page(folder):
    return folder / "report" / "index.html"


@pytest.fixture(scope="module")
def parsed(page):
    return Tags(page.read_text())


def test_every_name_is_escaped_and_nothing_comes_from_elsewhere(page, parsed):
    assert not {"img", "iframe", "object", "b"} & set(parsed.tags)
    assert parsed.tags.count("script") == 1
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    for name, value in parsed.attributes:
        if name in ("src", "href", "xlink:href"):
            assert value.startswith("#") or value == "data:,"
    assert NASTY in "".join(parsed.text)
    assert "{{ 7 * 7 }}" in page.read_text()


def test_only_the_pages_own_script_may_run(page):
    html = page.read_text()
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)[1]
    expected = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{expected}'" in html
    assert "default-src 'none'" in html


def test_ids_are_unique(parsed):
    ids = [value for name, value in parsed.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value for name, value in parsed.attributes if name == "aria-labelledby"} <= set(ids)
    links = {value[1:] for name, value in parsed.attributes if name in ("href", "xlink:href") and value[0] == "#"}
    assert links <= set(ids)


def test_it_says_what_was_run_and_what_to_be_careful_with(page, parsed, folder):
    text = " ".join(" ".join(parsed.text).split())
    record = Folder(folder).records()[0][0]
    assert record["fingerprint"] in text
    assert record["provenance"]["versions"]["torch"] in text
    assert f"{record['split']['base']:,}" in text
    assert "Protocol paper: item counts, words and the scaling of numeric fields come from the whole log" in text
    assert "failed in the latest run: fm / gar / seed 1: ValueError: <b>no</b>" in text
    assert "Friedman's test needs 3" in text
    assert "MWUF (Zhu et al." in text  # the citation
    assert "Departs from the paper where" in text
    assert "\\toprule" in text


def test_numbers_and_marks_are_those_of_the_markdown_tables(page, folder):
    found = find(measure(folder, ReportOptions()))
    html = page.read_text()
    for section in found.sections:
        for entry in section.block.values():
            assert f">{entry.mean:.4f}<" in html
    tables = [table for section in contents(found).sections for table in section.tables]
    cells = [cell for table in tables for row in table.rows for cell in row]
    assert html.count('class="number best"') == sum(cell.best for cell in cells) > 0


def test_practically_equal_is_marked_and_explained(folder):
    found = find(measure(folder, ReportOptions(margin=0.9)))
    tables = contents(found)
    html = render("run", found, tables, [], {})
    cells = [cell for section in tables.sections for table in section.tables for row in table.rows for cell in row]
    equal = [cell for cell in cells if cell.mark == EQUAL and not cell.best]
    assert html.count('class="number practically-equal"') == len(equal) > 0
    assert f"=: {EQUAL} to it" in html


def test_too_few_seeds_and_missing_cells_are_said(folder, tmp_path):
    few = tmp_path / "few"
    shutil.copytree(folder, few)
    for file in (few / "cells").glob("*-s[12]-*.json"):
        if "base" in file.name or "-s2-" in file.name:
            file.unlink()
    (few / "cells" / "cut.json").write_text("{")
    said = "\n".join(warnings(find(measure(few, ReportOptions()))))
    assert "2 seeds: no difference can be tested" in said
    assert "Cells are missing in" in said
    assert "FM / base (seed 1)" in said
    assert "cells/cut.json is no valid record" in said


def test_what_compares_protocols_and_backbones_is_that_of_the_markdown(folder, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(folder, run)
    for file in (run / "cells").glob("*.json"):
        record = json.loads(file.read_text())
        for rules in ({"name": "strict"}, {"name": "matched", "budget": 1}, {"name": "matched", "budget": 3}):
            name = "-".join(map(str, rules.values()))
            own = record | {"key": f"{record['key']}-{name}", "config": record["config"] | {"protocol": rules}}
            del own["digest"]
            own["digest"] = digest(own)
            file.with_stem(f"{file.stem}-{name}").write_text(json.dumps(own))
    write_report(run)
    tags = Tags((run / "report" / "index.html").read_text())
    said = " ".join(" ".join(tags.text).split())
    found = contents(find(measure(run, ReportOptions()))).comparisons
    assert found[0][0].startswith(f"Comparison of protocols: {NASTY}")
    assert found[1][0] == "Across datasets and backbones, protocol paper"
    assert [table.heading for table in found[0][1]] == ["What the leak is worth", "At equal optimiser steps"]
    written = (run / "report" / "report.md").read_text()
    for title, tables in found:
        assert f"## {title}\n" in written
        assert " ".join(title.split()) in said
        for table in tables:
            assert markdown.section(table) in written
            for text in (table.heading, table.legend, *table.lines, *(cell.text for row in table.rows for cell in row)):
                assert " ".join(text.split()) in said
    assert not {"img", "b"} & set(tags.tags)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def visit(browser, page):
    """Opens the page; whatever the console says or the page asks for fails the test."""
    contexts, said, asked = [], [], []

    def open_page(width=1400, scheme="light", **more):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **more)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(page.as_uri())
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
    assert set(asked) == {page.as_uri()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 400, 1400])
def test_nothing_overflows_even_with_everything_open(visit, width, scheme):
    tab = visit(width, scheme)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    beyond = """[...document.querySelectorAll('main *, header *, nav *')].filter((one) =>
        !one.closest('.scroll, .canvas, pre, nav, .picker, .hidden') &&
        one.getBoundingClientRect().right > innerWidth + 1
    ).map((one) => one.outerHTML.slice(0, 80))"""
    assert tab.evaluate(beyond) == []


def test_a_long_name_that_stays_in_sight_leaves_room_for_the_numbers(visit):
    tab = visit(400)
    scroll = tab.locator(".scroll").first
    scroll.evaluate("one => (one.scrollLeft = one.scrollWidth)")
    name, whole = scroll.locator("tbody .method").nth(1).bounding_box(), scroll.bounding_box()
    assert abs(name["x"] - whole["x"]) < 3  # it stays
    assert name["width"] < 0.55 * whole["width"]
    assert scroll.locator("tbody td").last.bounding_box()["x"] >= name["x"] + name["width"] - 1


def test_tables_sort_by_value_and_back(visit):
    tab = visit()
    box = tab.locator("[data-table]").first
    header = box.locator("thead th").nth(3)
    values = "rows => rows.map(row => Number(row.cells[3].dataset.value))"
    original = box.locator("tbody tr").evaluate_all(values)
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    assert box.locator("tbody tr").evaluate_all(values) == sorted(original, reverse=True)
    header.get_by_role("button").press("Enter")  # by keyboard
    assert header.get_attribute("aria-sort") == "ascending"
    assert box.locator("tbody tr").evaluate_all(values) == sorted(original)
    box.locator("thead th").nth(1).get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "none"
    names = box.locator("tbody tr").evaluate_all("rows => rows.map(row => row.cells[1].textContent)")
    assert names == ["base", "base", f"MWUF {NASTY}", f"MWUF {NASTY}"]
    box.locator("thead th").nth(1).get_by_role("button").click(click_count=2)
    assert box.locator("tbody tr").evaluate_all(values) == original


def test_tables_filter_by_words_and_by_column(visit):
    tab = visit()
    box = tab.locator("[data-table]").first
    shown = box.locator("tbody tr:visible")
    assert box.locator("[data-count]").text_content() == "4 of 4 rows"
    box.locator("[data-filter]").fill("BASE")
    assert shown.count() == 2
    assert box.locator("[data-count]").text_content() == "2 of 4 rows"
    box.locator("label").filter(has_text="backbone").locator("select").select_option("DeepFM")
    assert shown.count() == 1
    assert "DeepFM" in shown.text_content()
    box.locator("[data-filter]").fill("nothing such")
    assert shown.count() == 0
    assert box.get_by_text("No row matches").is_visible()
    box.locator("[data-filter]").fill("")
    assert shown.count() == 2
    assert tab.locator("[data-table]").nth(1).locator("tbody tr:visible").count() > 0  # the others are left alone


CONTRAST = """() => {
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const [r, g, b, alpha = 1] = parse(getComputedStyle(one).backgroundColor);
      if (alpha > 0.9) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const one of document.querySelectorAll('body *')) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !one.getClientRects().length) continue;
    const style = getComputedStyle(one);
    const [a, b] = [luminance(parse(one.closest('svg') ? style.fill : style.color)), luminance(ground(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push([one.tagName, one.textContent.slice(0, 30), ratio.toFixed(2)]);
  }
  return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_is_readable_in_both_themes(visit, scheme):
    tab = visit(scheme=scheme)
    tab.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert tab.evaluate(CONTRAST) == []


def test_the_theme_follows_the_system_until_it_is_chosen(visit):
    tab = visit(scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    button = tab.get_by_role("button", name="Dark")
    dark = tab.evaluate(ground)
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    light = tab.evaluate(ground)
    assert light != dark
    assert button.get_attribute("aria-pressed") == "false"
    tab.reload()
    assert tab.evaluate(ground) == light  # remembered
    assert visit(scheme="light").evaluate(ground) == light


def test_latex_can_be_copied(visit, folder):
    tab = visit()
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    box = tab.locator("details.latex").first
    box.locator("summary").click()
    box.get_by_role("button", name="Copy").click()
    box.get_by_text("Copied").wait_for()
    assert tab.evaluate("navigator.clipboard.readText()") == (folder / "report" / "table1.tex").read_text()


def test_without_scripts_everything_is_there_but_the_controls(visit):
    tab = visit(java_script_enabled=False)
    assert tab.locator("tbody tr").first.is_visible()
    assert not tab.locator("[data-filter]").first.is_visible()
    assert not tab.locator("[data-theme-toggle]").is_visible()


COLOURS = """marks => Object.fromEntries(['0', '1'].map(method => [method, [...new Set(
    marks.filter(mark => mark.dataset.method === method).flatMap(mark => [...mark.querySelectorAll('path, use')])
        .filter(shape => !shape.closest('defs')).map(shape => getComputedStyle(shape).stroke))]]))"""


def test_picked_methods_keep_their_colours_and_the_others_are_grey_in_every_figure(visit):
    tab = visit()
    marks = tab.locator("svg [data-method]")
    figures = tab.locator("figure")
    for place in range(figures.count()):
        shown = set(
            figures.nth(place).locator("[data-method]").evaluate_all("marks => marks.map(m => m.dataset.method)")
        )
        assert shown in ({"0", "1"}, {"1"})  # the difference to base has no base
    before = marks.evaluate_all(COLOURS)
    order = tab.locator("figure svg").evaluate_all("all => all.map(one => one.innerHTML)")
    box = tab.locator("[data-picker]")
    base, everything = box.get_by_role("button", name="base"), box.get_by_role("button", name="All")
    hide = box.get_by_label("Hide the others")
    assert everything.is_disabled()
    assert hide.is_disabled()
    base.click()
    after = marks.evaluate_all(COLOURS)
    assert after["0"] == before["0"]
    assert len(after["1"]) == 1
    assert not set(after["1"]) & set(before["1"])
    assert base.get_attribute("aria-pressed") == "true"
    last = "svg => [...svg.querySelectorAll('path, use')].filter(one => one.closest('[data-method]')).pop()"
    tops = tab.locator("figure svg").evaluate_all(
        f"all => all.map({last}).map(o => o.closest('[data-method]').dataset.method)"
    )
    assert "0" in tops  # what was picked lies above
    hide.check()
    assert tab.locator("svg [data-method='1']").first.is_hidden()
    assert tab.locator("svg [data-method='0']").first.is_visible()
    everything.click()
    assert marks.evaluate_all(COLOURS) == before
    clean = "all => all.map(one => one.innerHTML.replaceAll(' class=\"\"', ''))"
    assert tab.locator("figure svg").evaluate_all(clean) == order
    assert not hide.is_checked()


def test_printed_it_is_light_whole_and_without_controls(visit):
    tab = visit(width=700, scheme="dark")
    tab.get_by_role("button", name="Dark").click()
    tab.get_by_role("button", name="Dark").click()  # dark was chosen, and is remembered
    tab.emulate_media(media="print")
    ink = "getComputedStyle(document.querySelector('h1')).color"
    assert max(map(int, re.findall(r"\d+", tab.evaluate(ink))[:3])) < 60
    assert tab.locator("nav, .controls, [data-picker], [data-theme-toggle], .latex").evaluate_all(
        "all => all.every(one => getComputedStyle(one).display === 'none')"
    )
    beyond = """[...document.querySelectorAll('table, svg')].filter(one => one.getClientRects().length &&
        one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"""
    assert tab.evaluate(beyond) == []
    breaks = "all => all.map(one => getComputedStyle(one).breakInside)"
    assert set(tab.locator("figure").evaluate_all(breaks)) == {"avoid"}
    assert tab.pdf(format="A4")[:5] == b"%PDF-"


def test_a_figure_is_a_fraction_of_its_file_in_the_page(folder, page):
    html = page.read_text()
    files = sum(file.stat().st_size for file in (folder / "report" / "figures").glob("*.svg"))
    inside = sum(len(found) for found in re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert 0 < inside < 0.45 * files
    assert 'style="' not in "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))


def test_the_files_of_figures_have_unique_ids(folder):
    for file in (folder / "report" / "figures").glob("*.svg"):
        ids = re.findall(r' id="([^"]*)"', file.read_text())
        assert len(ids) == len(set(ids))
        assert any(one.startswith("method-") for one in ids)
