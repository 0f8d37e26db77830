"""The page of a comparison: one file, nothing from elsewhere, every text harmless, readable by all."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
from hostile_comparison import comparison
from hypothesis import given, settings
from hypothesis import strategies as st
from page_reader import CHROMIUM, Read, chromium, contrast
from rich.console import Console

from pipelines.diffing_page import page
from pipelines.diffing_text import show

SCRIPT = "</td></table></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{7*7}}{% raw %}"


@pytest.fixture(scope="module")
def hostile() -> str:
    return page(comparison(SCRIPT))


def test_hostile_texts_of_plans_are_text_and_nothing_else(hostile):
    read = Read(hostile)
    assert len(read.of("script")) == 1
    assert read.of("img") == []
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]
    assert read.unbalanced == read.open == []
    assert "<script>alert" not in hostile
    assert "49" not in hostile.partition(SCRIPT[-8:])[0].partition("7*7")[2][:4]
    assert sum(text.count("alert(1)") for text in read.texts) > 50  # and it is shown as it is


@settings(max_examples=15, deadline=None)
@given(text=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40))
def test_any_text_comes_out_of_the_page_as_it_went_in(text):
    read = Read(page(comparison(text)))
    assert read.unbalanced == read.open == []
    assert text in "".join(read.texts)
    assert len(read.of("script")) == 1


def test_nothing_is_fetched_and_only_our_own_script_may_run(hostile):
    read = Read(hostile)
    places = [
        value
        for _, attributes in read.elements
        for name, value in attributes.items()
        if name in ("href", "src", "srcset", "action", "data", "poster")
    ]
    assert places
    assert all(value.startswith("#") for value in places)
    style, script = read.scripts[0], read.scripts[-1]
    assert not re.search(r"url\(|@import|@font-face", style)
    (policy,) = [each["content"] for each in read.of("meta") if each.get("http-equiv")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_links_inside_the_page_lead_somewhere(hostile):
    read = Read(hostile)
    ids = [attributes["id"] for _, attributes in read.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert {each["href"][1:] for each in read.of("a")} <= set(ids)


def test_tables_say_what_they_are_to_those_who_do_not_see_them(hostile):
    read = Read(hostile)
    assert len(read.of("caption")) == len(read.of("table")) > 15
    assert all(each.get("scope") in ("col", "row") for each in read.of("th"))
    hidden = [attributes for tag, attributes in read.elements if "bars" in (attributes.get("class") or "")]
    assert all(each.get("aria-hidden") == "true" or "scope" in each for each in hidden)
    assert read.of("html")[0]["lang"] == "en"


def test_an_alarm_is_said_in_words_not_in_colour_alone(hostile):
    read = Read(hostile)
    text = " ".join("".join(read.texts).split())
    assert "ALARM" in text
    assert "customers marked vulnerable get more marketing: 40 → 70 offers" in text
    assert "more marketing: " in text
    assert "plan A, plain" in text
    assert "plan B, striped" in text


def test_colours_of_text_have_contrast_in_light_and_in_dark(hostile):
    schemes = re.findall(r":root \{([^}]*)\}", Read(hostile).scripts[0])
    assert len(schemes) == 3  # light, dark, print
    for scheme in schemes[:2]:
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", scheme))
        for ground in ("ground", "panel"):
            for name in ("text", "soft", "up", "down", "b"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        assert contrast(colours["alarm"], colours["alarm-ground"]) >= 4.5
        assert contrast(colours["ground"], colours["b"]) >= 4.5
        assert contrast(colours["a"], colours["ground"]) >= 3  # bars


def test_a_terminal_is_not_told_what_to_do_by_a_plan():
    console = Console(width=160, record=True, force_terminal=False)
    with console.capture() as captured:
        show(comparison("\x1b[31m[bold]red[/bold]\x07"), console)
    text = captured.get()
    assert "\x1b[31m" not in text
    assert "\x07" not in text
    assert "[bold]red[/bold]" in text
    assert "ALARM  customers marked vulnerable get more marketing" in " ".join(text.split(" "))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to draw the page")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "light"), (1280, "dark")])
def test_a_browser_draws_the_page_and_runs_its_script(hostile, tmp_path, width, scheme):
    file, picture = tmp_path / "page.html", tmp_path / "page.png"
    file.write_text(hostile, encoding="utf-8")
    flags = [f"--window-size={width},1600", f"--user-data-dir={tmp_path / 'profile'}"]
    flags += ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    chromium(*flags, f"--screenshot={picture}", file.as_uri())
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 40_000  # an empty page has a few thousand
    drawn = chromium(*flags, "--dump-dom", file.as_uri())
    assert "<button" in drawn  # the headings of tables can be clicked: our script ran
    read = Read(drawn)
    assert len(read.of("script")) == 1
    assert read.of("img") == []


def test_templates_are_package_data():
    patterns = Path("pyproject.toml").read_text().partition("package-data]")[2].partition("\n\n")[0]
    folder = Path("pipelines/templates")
    assert all(f"*{path.suffix}" in patterns for path in folder.iterdir())
