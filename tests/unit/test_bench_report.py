"""benchmarks.decide50: what follows from measurements, and how it is shown."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from benchmarks.decide50.chart import chart
from benchmarks.decide50.latency import Latency, Shares
from benchmarks.decide50.limits import Limit
from benchmarks.decide50.report import placed, report
from benchmarks.decide50.results import Machine, Measured, Results, Spread, TooShortError
from benchmarks.decide50.running import Spent

SVG = "{http://www.w3.org/2000/svg}"


def job(name, label, cpu, *, start=1.0, ours=False):
    runs = [Spent(each, each, 100.0 + each, 1) for each in cpu]
    return Measured(name, label, "about it", ours, [Spent(start, 1.0, 50.0, 1)] * len(cpu), runs)


def results(**changed):
    shares = Shares(100, 40.0, 30.0, 60.0, 90.0)
    return Results(
        **{
            "day": "2026-11-21",
            "command": "python -m benchmarks.decide50",
            "machine": Machine("some processor", 2, 24.0, "3.11.7", 0.5),
            "lines": 1000,
            "customers": 300,
            "decisions": 200,
            "compared": ["plain: the same"],
            "jobs": [
                job("naive-beam", "Beam, naive", [11.0, 13.0, 12.0]),
                job("nextbeam", "Nextbeam", [1.5, 1.6, 2.0], ours=True),
            ],
            "limits": [[Limit("decode", 0.01, 1000, True), Limit("decode slowly", 0.09, 1000, False)]] * 3,
            "latencies": {"kernel": [Latency(shares, shares, shares)] * 3},
            "absent": ["Pathway"],
            **changed,
        }
    )


def row(text, label):
    return next(line for line in text.splitlines() if line.startswith((f"| {label} |", f"| **{label}** |")))


def test_start_up_is_taken_off_and_the_median_is_shown_with_its_extremes():
    assert job("x", "X", [1.5, 1.6, 2.0]).rate(1000) == Spread(pytest.approx(1000 / 0.6), 1000.0, 2000.0)


@pytest.mark.parametrize("cpu", [[1.0, 2.0, 2.0], [2.0, 0.5, 2.0]])
def test_work_that_cannot_be_told_from_start_up_has_no_rate(cpu):
    with pytest.raises(TooShortError, match="X: a run took no longer"):
        job("x", "X", cpu).rate(1000)


def test_rows_are_rates_with_ratios_to_the_naive_pipeline_and_to_the_limit():
    text = report(results())
    assert "| 1,667 (1,000 to 2,000) | 18.3 | 1/60 | 1.6 | 1.00 | 1.6 | 102 |" in row(text, "Nextbeam")
    assert "| 91 (83 to 100) | 1.0 | 1/1,100 |" in row(text, "Beam, naive")
    assert text.index("Nextbeam") < text.index("Beam, naive")


def test_only_what_counts_is_in_the_limit():
    assert results().limit.middle == pytest.approx(1000 / 0.01)
    assert "**decode**" in report(results())


def test_what_is_not_installed_is_said():
    assert "Not installed, so not in the table: Pathway; `make peers` installs all." in report(results())


def test_without_the_naive_pipeline_there_is_no_ratio_to_it():
    text = report(results(jobs=[job("nextbeam", "Nextbeam", [1.5], ours=True)], limits=[]))
    assert "| 2,000 (2,000 to 2,000) |  |  | 1.5 |" in row(text, "Nextbeam")


def test_the_report_has_its_place_and_nothing_else_of_the_page_changes():
    page = "before\n<!-- x: begin -->\nold\n<!-- x: end -->\nafter\n"
    once = placed(page, "x", r"new \1")
    assert once == "before\n<!-- x: begin -->\n\nnew \\1\n<!-- x: end -->\nafter\n"
    assert placed(once, "x", r"new \1") == once


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<!-- x: begin -->\n",
        "<!-- x: end -->\n<!-- x: begin -->\n",
        "<!-- x: begin -->\n<!-- x: end -->\n" * 2,
    ],
)
def test_a_page_without_the_one_place_is_refused(page):
    with pytest.raises(ValueError, match="no place"):
        placed(page, "x", "new")


def test_the_chart_has_a_bar_for_each_job_and_the_limit_longer_the_faster():
    drawn = ET.fromstring(chart(results()))
    bars = [box for box in drawn.iter(f"{SVG}rect") if box.get("class").startswith("box ")]
    widths = [float(bar.get("width")) for bar in bars]
    assert len(bars) == 3
    assert widths == sorted(widths, reverse=True)
    texts = [text.text for text in drawn.iter(f"{SVG}text")]
    assert {"limit of the machine", "Nextbeam", "Beam, naive"} <= set(texts)


def test_the_axis_of_the_chart_is_logarithmic():
    drawn = ET.fromstring(chart(results()))
    ticks = [
        (float(text.get("x")), int(text.text.replace(",", "")))
        for text in drawn.iter(f"{SVG}text")
        if re.fullmatch(r"1[0,]+", text.text or "")
    ]
    steps = [(b[0] - a[0]) for a, b in itertools.pairwise(ticks)]
    assert [b[1] // a[1] for a, b in itertools.pairwise(ticks)] == [10] * len(steps)
    assert max(steps) - min(steps) < 0.3


def test_shares_of_values():
    found = Shares.of([float(each) for each in range(1000, 0, -1)])
    assert (found.count, found.p50, found.p99, found.p999) == (1000, 501.0, 991.0, 1000.0)
    assert Shares.of([]).p50 == 0.0
