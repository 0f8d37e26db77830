"""`nextbeam report`: the same numbers as the analysts' views, on a page that needs nothing and harms nobody."""

import base64
import hashlib
import os
import re
from pathlib import Path

import analysed_bank
import msgspec
import pytest
from analysed_rows import decision, offer
from page_reader import CHROMIUM, Read, chromium
from reported_run import bank, digest, folder
from rich.console import Console

from models.reporting.rates import Rate
from pipelines import cli
from pipelines.querying import query
from pipelines.reporting.drawing import binned, scales
from pipelines.reporting.numbers import report_on
from pipelines.reporting.page import page
from pipelines.reporting.telling import show

GOLDEN = Path(__file__).parent.parent / "golden" / "report_structure.txt"
SCRIPT = "</td></table></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{7*7}}"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return folder(tmp_path_factory.mktemp("small") / "run", bank(digest()))


@pytest.fixture(scope="module")
def report(small):
    return report_on(small)


@pytest.fixture(scope="module")
def sample():
    return analysed_bank.sample()


def cohort(report, dimension, name):
    return next(
        row for each in report.cohorts if each.dimension == dimension for row in each.rows if row.name == name
    )


def test_every_number_of_a_small_bank_is_what_a_hand_would_write(report):
    span = report.span
    assert (span.customers, span.decisions, span.offers, span.value) == (80, 80, 60, 60.0)
    (day,) = report.days
    assert (day.decisions, day.offers, day.accepted, day.value) == (80, 60, Rate(12, 60), 60.0)
    groups = next(table for table in report.offered if table.dimension == "group")
    (savings,) = groups.rows
    assert (savings.name, savings.about, savings.offers, savings.accepted) == (
        "savings",
        "grow",
        60,
        Rate(12, 60),
    )
    assert savings.expected == pytest.approx(60 * 0.1 * 20.0)
    assert report.no_action == (("arbitration", 20),)
    assert [(step.stage, step.entered, step.left) for step in report.funnel] == [
        ("Eligibility", 320, 240),
        ("Arbitration", 80, 20),
        ("Output", 60, 60),
    ]
    assert [(rule.rule, rule.candidates) for rule in report.funnel[0].rules] == [("too-young", 240)]
    assert [(row.contacts, row.customers) for row in report.pressure] == [(0, 20), (1, 60)]
    assert [(each.reason, each.letters) for each in report.letters] == [("bad_time", 2)]
    assert [(arm.name, arm.customers, arm.offers) for arm in report.arms] == [
        ("nba", 60, 40),
        ("twin", 20, 20),
    ]
    (calibration,) = report.calibration
    assert sum(tenth.observed.hits for tenth in calibration.tenths) == 12
    assert (calibration.answered, len(calibration.tenths)) == (60, 10)
    assert report.breaches == ()


def test_cohorts_are_told_apart_and_compared(report):
    assert [each.dimension for each in report.cohorts] == ["care", "brand", "age", "segment"]
    young, old = (cohort(report, "age", name) for name in ("25-34", "65-74"))
    assert (young.marketing.rate, old.marketing.rate) == (Rate(40, 40), Rate(20, 40))
    assert old.marketing.ratio.value == 0.5
    assert old.marketing.ratio.surely_below
    assert (young.accepted.rate, old.accepted.rate) == (Rate(10, 40, customers=40), Rate(2, 20, customers=20))
    assert old.accepted.ratio is None  # too few to be compared
    assert (young.value, old.value) == (50.0, 10.0)
    assert cohort(report, "segment", "mass").customers == 40
    marked = cohort(report, "care", "vulnerable")
    assert (marked.customers, marked.marketing.rate) == (3, Rate(0, 3))
    assert "by age, fewer than four fifths as many are offered marketing" in " ".join(
        f.text for f in report.findings
    )


def test_a_cohort_can_be_chosen_and_what_is_none_is_refused(small):
    report = report_on(small, ["segment"])
    assert [each.dimension for each in report.cohorts] == ["care", "brand", "segment"]
    assert cli.main(["report", str(small), "--cohort", "balance"]) == 2


def test_the_report_says_what_the_views_say(sample):
    report = report_on(sample)

    def answer(sql):
        return [tuple(row) for row in query(sql, sample).rows]

    for table, column in zip(
        report.offered, ("action_group", "action", "channel", "brand", "placement"), strict=True
    ):
        sql = f"""
            SELECT {column}, CAST(SUM(offers) AS INT64), CAST(SUM(seen) AS INT64), CAST(SUM(positive) AS INT64),
              CAST(SUM(answered) AS INT64), SUM(value), SUM(value_expected)
            FROM revenue GROUP BY 1 ORDER BY 2 DESC, 1"""
        said = [
            (r.name, r.offers, r.seen, r.accepted.hits, r.accepted.of, r.value, r.expected)
            for r in table.rows
        ]
        assert said == [(*row[:-1], pytest.approx(row[-1])) for row in answer(sql)]
    funnel = {
        row[0]: row[1:] for row in answer("SELECT stage, SUM(entered), SUM(left_here) FROM funnel GROUP BY 1")
    }
    assert {step.stage for step in report.funnel} == funnel.keys()
    assert {step.stage: step.left for step in report.funnel} == {
        stage: int(row[1]) for stage, row in funnel.items()
    }
    assert report.funnel[0].entered == sum(step.left for step in report.funnel)
    arms = answer("SELECT arm, customers, value_per_customer, acceptance_low, reach_high FROM arm_comparison")
    said = {a.name: (a.customers, a.value_per_customer, a.accepted.low, a.reach.high) for a in report.arms}
    for name, *numbers in arms:
        assert said[name] == pytest.approx(tuple(numbers))
    tenths = answer(
        "SELECT message_class, tenth, predicted, observed, observed_low, observed_high FROM calibration"
    )
    assert len(tenths) == sum(len(each.tenths) for each in report.calibration)
    for name, number, *numbers in tenths:
        (tenth,) = (
            t
            for each in report.calibration
            if each.message_class == name
            for t in each.tenths
            if t.number == number
        )
        own = tenth.observed
        assert [tenth.predicted, own.value, own.low, own.high] == pytest.approx(numbers)
    assert [len(report.breaches)] == [row[0] for row in answer("SELECT COUNT(*) AS n FROM cap_breaches")]
    letters = answer("SELECT CAST(SUM(letters) AS INT64) AS n FROM dead_letters_daily")
    assert sum(each.letters for each in report.letters) == letters[0][0]
    most = answer("SELECT MAX(contacts_7d) AS n FROM contact_pressure")
    assert report.pressure[-1].contacts == most[0][0]
    assert sum(row.customers for row in report.pressure) == report.span.customers


def test_cohorts_of_a_dimension_hold_all_that_there_is(sample):
    report = report_on(sample)
    for each in report.cohorts:
        if each.dimension != "care":  # marks overlap
            assert sum(row.decisions for row in each.rows) == report.span.decisions
            assert sum(row.offers for row in each.rows) == report.span.offers
            assert sum(row.value for row in each.rows) == pytest.approx(report.span.value)


def test_a_broken_limit_is_an_alarm_on_the_page_on_the_terminal_and_in_the_exit_code(tmp_path, capsys):
    many = [
        decision(
            f"d{number}", number / 10, [offer(channel="email")], plan_digest=digest(), ledger_sequence=number
        )
        for number in range(1, 8)
    ]
    run = folder(tmp_path / "run", many)
    target = tmp_path / "page.html"
    assert cli.main(["report", str(run), "--html", str(target), "--quiet"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("ALARM")
    assert "email-weekly" in said
    read = Read(target.read_text("utf-8"))
    assert any(each.get("role") == "alert" for each in read.of("div"))
    assert "No contact is beyond" not in "".join(read.texts)


def test_accounts_that_do_not_balance_are_an_alarm(tmp_path):
    run = folder(tmp_path / "run", bank(digest()), balanced=False)
    assert report_on(run).findings[0].level == "alarm"


def test_a_run_in_which_nothing_happened_has_a_report(tmp_path, capsys):
    run = folder(tmp_path / "run", [])
    report = report_on(run)
    assert (report.span.decisions, report.days, report.funnel) == (0, (), ())
    read = Read(page(report))
    assert read.unbalanced == read.open == []
    assert "nothing was decided" in "".join(read.texts)
    assert cli.main(["report", str(run)]) == 0


@pytest.mark.parametrize(
    "flags", [["nowhere"], ["RUN", "--html", "nowhere/page.html"], ["RUN", "--html", "."]]
)
def test_what_cannot_be_done_is_refused_before_the_work(small, flags, capsys):
    assert cli.main(["report", *(str(small) if flag == "RUN" else flag for flag in flags)]) == 2
    assert "error: " in capsys.readouterr().err


def structure(html: str) -> str:
    """Headings, captions and column heads, in order; parts that lead somewhere."""
    kept = re.findall(r'<(h1|h2|caption|th scope="col"[^>]*|figcaption|summary)>(.*?)</', html, re.S)
    lines = []
    for tag, inner in kept:
        text = " ".join(re.sub(r"<[^>]*>", "", inner).split())
        lines.append(f"    {text or '(plot)'}" if tag.startswith("th") else f"{tag}: {text}")
    return "\n".join(lines) + "\n"


def test_the_page_is_built_as_agreed(report):
    found = structure(page(report))
    if os.environ.get("NEXTBEAM_UPDATE_GOLDEN"):
        GOLDEN.write_text(found, "utf-8")
    assert found == GOLDEN.read_text("utf-8")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    run = tmp_path_factory.mktemp("hostile") / "run"
    found = report_on(folder(run, bank(digest(), SCRIPT), name=SCRIPT))
    return msgspec.structs.replace(
        found,
        span=msgspec.structs.replace(found.span, currency=SCRIPT, models=(SCRIPT,)),
        arms=tuple(msgspec.structs.replace(arm, name=SCRIPT) for arm in found.arms),
    )


def test_hostile_names_are_text_and_nothing_else(hostile):
    html = page(hostile)
    read = Read(html)
    assert len(read.of("script")) == 1
    assert read.of("img") == []
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]
    assert read.unbalanced == read.open == []
    assert "<script>alert" not in html
    assert sum(text.count("alert(1)") for text in read.texts) > 20
    assert not [attributes for tag, attributes in read.elements if "src" in attributes]


def test_nothing_is_fetched_and_only_our_own_script_may_run(hostile):
    read = Read(page(hostile))
    links = [
        value
        for _, attributes in read.elements
        for name, value in attributes.items()
        if name in ("href", "src")
    ]
    ids = [attributes["id"] for _, attributes in read.elements if attributes.get("id")]
    assert links
    assert {link[1:] for link in links} <= set(ids)
    assert len(ids) == len(set(ids))
    assert not re.search(r"url\(|@import|@font-face", read.scripts[0])
    (policy,) = [each["content"] for each in read.of("meta") if each.get("http-equiv")]
    own = base64.b64encode(hashlib.sha256(read.scripts[-1].encode()).digest()).decode()
    assert f"script-src 'sha256-{own}'" in policy


def test_plots_are_told_to_those_who_do_not_see_them(report):
    read = Read(page(report))
    assert len(read.of("caption")) == len(read.of("table"))
    assert all(each.get("scope") in ("col", "row") for each in read.of("th"))
    plots = [each for each in read.of("svg") if "plot" in (each.get("class") or "")]
    assert len(plots) == 3
    assert all(each["role"] == "img" and each["aria-label"] for each in plots)
    cells = [each for each in read.of("svg") if each not in plots]
    assert cells
    assert all(each.get("aria-hidden") == "true" for each in cells)


def test_a_terminal_is_not_told_what_to_do_by_a_name(tmp_path):
    run = folder(tmp_path / "run", bank(digest(), "\x1b[31m[bold]\x07"), name="\x1b[2J[red]")
    console = Console(width=160, force_terminal=False)
    with console.capture() as captured:
        show(report_on(run), console)
    text = captured.get()
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]" in text
    assert "Where candidates fell out" in text


def test_classes_of_contacts_hold_all_customers_in_classes_of_equal_width(report):
    rows = [
        msgspec.structs.replace(report.pressure[0], contacts=at, customers=1, marketing=2)
        for at in (0, 7, 30)
    ]
    made = binned(rows, 4)
    assert [name for name, *_ in made] == ["0–7", "8–15", "16–23", "24–31"]
    assert [count for _, count, _ in made] == [2, 0, 0, 1]
    assert binned([]) == []


def test_bars_of_the_funnel_begin_anew_where_they_were_too_narrow(report):
    step = report.funnel[0]
    made = [msgspec.structs.replace(step, entered=entered) for entered in (1000, 300, 200, 100)]
    assert scales([*made, report.funnel[-1]]) == [1000, 1000, 200, 200, 200]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to draw the page")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "light"), (1280, "dark")])
def test_a_browser_draws_the_page_and_runs_its_script(hostile, tmp_path, width, scheme):
    file, picture = tmp_path / "page.html", tmp_path / "page.png"
    file.write_text(page(hostile), encoding="utf-8")
    flags = [f"--window-size={width},1600", f"--user-data-dir={tmp_path / 'profile'}"]
    flags += ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    chromium(*flags, f"--screenshot={picture}", file.as_uri())
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 30_000  # an empty page has a few thousand
    drawn = chromium(*flags, "--dump-dom", file.as_uri())
    assert "<button" in drawn  # the headings of tables can be clicked: our script ran
    assert Read(drawn).of("img") == []
