"""The live page as a browser gets it: one file, our own script only, every text harmless, readable by all."""

import base64
import hashlib
import http.client
import json
import re
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from page_reader import CHROMIUM, Read, chromium

from pipelines.live import server
from pipelines.live.server import application
from pipelines.live.watching import serving
from pipelines.local.ports import claim_port

SCRIPT = (
    "</script></title><script>document.title='no'</script><img src=x onerror=document.title='no'>\"'{{7*7}}"
)
NAMES = re.compile(r'get\("([\w-]+)"\)|(?:table|curve)\("([\w-]+)"')


def state(text="a text", *, decisions=12):
    """A state of the page with a text wherever a text from outside can be."""
    curve = [3 + number % 5 for number in range(120)]
    return {
        "at": 1_795_280_409_143,
        "totals": {
            "signals": 8_958, "decisions": 3_031, "offers": 5_028, "feedback": 3_381, "dead_letters": 46,
            "unreadable": 0,
        },
        "rates": {"signals": 41.9, "decisions": 15.6, "feedback": 14.0},
        "curves": {
            "signals": curve, "decisions": curve[::-1],
            "ages": [None if number < 30 else [80.0 + number, 200.0 + 9 * (number % 7)] for number in range(120)],
        },
        "age": [137.0, 444.0],
        "plan": text,
        "shown": text,
        "answered_after": [60.0, 1_830.0],
        "plans": [{"digest": text, "first": 1_795_280_000_000, "last": 1_795_280_409_000, "decisions": 3_031}],
        "funnel": [{"stage": text, "came": 80.0, "left": 17.2}, {"stage": "offered", "came": 1.7, "left": 0.0}],
        "silent": [{"reason": text, "decisions": 11}],
        "limits": [
            {"id": text, "rule": text, "at_most": 12, "contacts": 3_258, "fullest": 12, "last_places": 33,
             "held_back": 867, "over": 0},
            {"id": "broken", "rule": "1 per 1d", "at_most": 1, "contacts": 2, "fullest": 2, "last_places": 1,
             "held_back": 0, "over": 1},
        ],
        "dead_letters": [{"reason": text, "letters": 6, "detail": text}],
        "acceptance": [
            {"name": "All offers", "offers": 3_512, "positive": 232, "rate": 0.066, "low": 0.058, "high": 0.075,
             "truth": 0.068},
            {"name": text, "offers": 36, "positive": 11, "rate": 0.31, "low": 0.18, "high": 0.47, "truth": 0.32},
        ],
        "decisions": [
            {"number": decisions - number, "id": f"d{number}", "at": 1_795_280_408_000 - 700 * number,
             "age": 103.0, "customer": text, "brand": text, "channel": text, "asked": text,
             "offers": [] if number % 4 == 3 else [text, "Regular saver"], "silence": text if number % 4 == 3 else "",
             "why": [text, "1. Regular saver, in this place.", f"- {text}"]}
            for number in range(decisions)
        ],
    }  # fmt: skip


@contextmanager
def served(make=state, stopped=lambda: False, every_s=0.05):
    port = claim_port(None, what="a test", flag="--port")
    with serving(application(make, stopped, every_s=every_s), port):
        yield port


@pytest.fixture(scope="module")
def site():
    with served(lambda: state(SCRIPT)) as port:
        yield port


def get(port, path="/", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer, answer.read().decode()


# The server


def test_the_page_is_one_file_that_only_asks_where_it_came_from(site):
    answer, html = get(site)
    read = Read(html)
    assert answer.status == 200
    assert [tag.get("type") for tag in read.of("script")] == ["application/json", None]
    assert not any("src" in tag for _, tag in read.elements)
    assert [tag["href"] for tag in read.of("link")] == ["data:,"]
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert not any(name.startswith("on") or name == "style" for _, tag in read.elements for name in tag)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    for kind, text in (("script", read.scripts[-1]), ("style", read.scripts[0])):
        known = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{known}'" in policy


def test_the_first_state_comes_with_the_page_and_cannot_break_out_of_it(site):
    read = Read(get(site)[1])
    assert json.loads(read.scripts[1]) == state(SCRIPT)
    assert not read.of("img")
    assert len(read.of("title")) == 1


def test_everything_that_the_script_looks_for_is_there(site):
    read = Read(get(site)[1])
    ids = {tag["id"] for _, tag in read.elements if "id" in tag}
    wanted = {a or b for a, b in NAMES.findall(read.scripts[-1])}
    assert len(wanted) > 20
    assert wanted <= ids
    assert all(tag["href"][1:] in ids for tag in read.of("a"))
    assert all(tag["aria-labelledby"] in ids for _, tag in read.elements if "aria-labelledby" in tag)


def test_the_script_writes_text_and_never_markup():
    script = (Path(server.__file__).parents[1] / "templates" / "live.js").read_text("utf-8")
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "srcdoc",
    ):
        assert way not in script


def test_the_state_is_json(site):
    answer, text = get(site, "/state")
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(text) == state(SCRIPT)


def test_every_answer_keeps_to_itself(site):
    for path in ("/", "/state", "/nothing"):
        headers = get(site, path)[0].headers
        assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_who_calls_this_machine_by_another_name_is_refused(site):
    assert get(site, "/state", Host="bank.example")[0].status == 400
    assert get(site, "/state", Host="localhost")[0].status == 200


def test_nothing_can_be_sent(site):
    connection = http.client.HTTPConnection("127.0.0.1", site, timeout=10)
    connection.request("POST", "/state", body="{}")
    assert connection.getresponse().status == 405


def test_states_follow_each_other_and_bring_new_decisions_only():
    made = []

    def make():
        made.append(state(decisions=12 + len(made)))
        return made[-1]

    with (
        served(make) as port,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/events", timeout=10) as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        told = [json.loads(line.removeprefix(b"data: ")) for line in _first(stream, 6) if line.strip()]
    numbers = [each["number"] for one in told for each in one["decisions"]]
    assert len(told[0]["decisions"]) == 12
    assert all(len(each["decisions"]) < 4 for each in told[1:])
    assert len(numbers) == len(set(numbers)) > 12
    assert told[-1]["totals"] == made[-1]["totals"]


def _first(stream, lines):
    return [stream.readline() for _ in range(lines)]


def test_a_state_is_made_once_for_all_who_read():
    made = []
    with served(lambda: made.append(1) or state(), every_s=2) as port:
        for _ in range(5):
            get(port, "/state")
    assert len(made) == 1


def test_so_many_may_read_at_once_and_not_one_more():
    with served(every_s=0.02) as port:
        streams = [
            urllib.request.urlopen(f"http://127.0.0.1:{port}/events", timeout=10)
            for _ in range(server.MOST_READERS)
        ]
        for stream in streams:
            stream.readline()
        answer, told = get(port, "/events")
        assert answer.status == 200  # a browser never asks again after an error
        assert told.splitlines()[:3] == ["retry: 5000", "event: full", f"data: {server.MOST_READERS}"]
        for stream in streams:
            stream.close()
        give_up = 200
        while _first_line(port) == b"retry: 5000\n" and give_up:
            give_up -= 1
        assert give_up


def _first_line(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/events", timeout=10) as stream:
        return stream.readline()


def test_streams_end_with_the_server():
    stop = threading.Event()
    with served(stopped=stop.is_set, every_s=0.02) as port:
        stream = urllib.request.urlopen(f"http://127.0.0.1:{port}/events", timeout=10)
        stream.readline()
        stop.set()
        assert stream.read().count(b"data: ") < 3


# In a browser


needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to draw the page")


@needs_browser
def test_hostile_texts_are_shown_and_do_nothing(site, tmp_path):
    drawn = chromium(
        "--timeout=3000", f"--user-data-dir={tmp_path}", "--dump-dom", f"http://127.0.0.1:{site}/"
    )
    read = Read(drawn)
    assert "<title>Nextbeam live</title>" in drawn
    assert read.of("img") == []
    assert len(read.of("script")) == 2
    assert "".join(read.texts).count("onerror=document.title='no'") > 40
    assert len([tag for tag in read.of("li") if tag.get("data-id")]) == 12
    assert 'class="n over"' in drawn


@needs_browser
def test_a_browser_has_nothing_to_complain_of(tmp_path):
    told = tmp_path / "told"
    with served() as port:
        chromium("--timeout=3000", f"--user-data-dir={tmp_path}", "--enable-logging", f"--log-file={told}",
                 "--dump-dom", f"http://127.0.0.1:{port}/")  # fmt: skip
    assert [line for line in told.read_text("utf-8").splitlines() if "CONSOLE" in line] == []


@needs_browser
def test_on_a_phone_the_number_that_must_stay_0_and_the_whole_plot_are_in_sight(tmp_path):
    """The page says itself where they are, by a script that only the test lets in."""
    look = """<script>
      const right = (of) => Math.max(...[...document.querySelectorAll(of)].map((e) => e.getBoundingClientRect().right));
      document.title = [innerWidth, right("td.over"), right("#truth-rows .plot svg")].map(Math.round).join(" ");
    </script>"""
    with served() as port:
        html = get(port)[1]
    page = tmp_path / "page.html"
    page.write_text(html.replace("</body>", f"{look}</body>"), "utf-8")
    flags = [
        "--window-size=375,900",
        "--timeout=3000",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--dump-dom",
    ]
    drawn = chromium(*flags, page.as_uri())
    width, over, plot = map(int, re.search(r"<title>(\d+) (\d+) (\d+)</title>", drawn).groups())
    assert 0 < over <= 375 <= width <= 500
    assert 0 < plot <= 375


@needs_browser
@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
)
def test_a_browser_draws_the_page(tmp_path, width, scheme):
    picture = tmp_path / "page.png"
    flags = [
        f"--window-size={width},2400",
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--screenshot={picture}",
    ]
    flags += ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    with served() as port:
        chromium("--timeout=3000", *flags, f"http://127.0.0.1:{port}/")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 60_000
