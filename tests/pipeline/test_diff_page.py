"""The page of a comparison: one file, nothing from elsewhere, every text harmless, readable by all."""

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hostile_comparison import comparison
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pipelines.diffing_page import page
from pipelines.diffing_text import show

SCRIPT = "</td></table></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{7*7}}{% raw %}"
VOID = {"meta", "br", "img", "link", "input", "hr"}
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Read(HTMLParser):
    """What a browser would see of a page: elements with their attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] in ("script", "style") else self.texts).append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


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


def contrast(one: str, two: str) -> float:
    """WCAG 2 contrast of two colours, #rrggbb."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(two)))
    return (high + 0.05) / (low + 0.05)


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
    _chromium(*flags, f"--screenshot={picture}", file.as_uri())
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 40_000  # an empty page has a few thousand
    drawn = _chromium(*flags, "--dump-dom", file.as_uri())
    assert "<button" in drawn  # the headings of tables can be clicked: our script ran
    read = Read(drawn)
    assert len(read.of("script")) == 1
    assert read.of("img") == []


def _chromium(*flags: str) -> str:
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *flags]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def test_templates_are_package_data():
    patterns = Path("pyproject.toml").read_text().partition("package-data]")[2].partition("\n\n")[0]
    folder = Path("pipelines/templates")
    assert all(f"*{path.suffix}" in patterns for path in folder.iterdir())
