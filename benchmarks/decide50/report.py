"""A run's results in Markdown, and their place in the document that shows them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from benchmarks.decide50.jobs import INSTALL, NAIVE
from benchmarks.decide50.latency import Latency, Shares
from benchmarks.decide50.limits import total_s
from benchmarks.decide50.results import Measured, Results, Spread


def report(results: Results) -> str:
    """Everything, without a heading."""
    parts: list[Iterable[str]] = [_head(results), _table(results)]
    if results.absent:
        parts.append(
            [f"Not installed, so not in the table: {', '.join(results.absent)}; `{INSTALL}` installs all."]
        )
    parts += [_limits(results), _latencies(results.latencies), _compared(results)]
    return "\n".join("\n".join(part) + "\n" for part in map(list, parts) if part)


def placed(page: str, name: str, text: str) -> str:
    """The page with another text between the marks `<!-- NAME: begin -->` and `<!-- NAME: end -->`.

    Raises:
      ValueError: The page does not have these marks, once each and in this order.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
    if page.count(begin) != 1 or page.count(end) != 1 or not pattern.search(page):
        raise ValueError(f"no place for it: the page needs {begin} and {end}, once each")
    return pattern.sub(lambda found: f"{found[1]}\n{text}\n{found[2]}", page)


def by_rate(results: Results) -> list[tuple[Measured, Spread]]:
    """All jobs and their rates, the fastest first."""
    rates = [(job, job.rate(results.lines)) for job in results.jobs]
    return sorted(rates, key=lambda pair: -pair[1].middle)


def _head(results: Results) -> Iterator[str]:
    rounds, machine = len(results.jobs[0].runs), results.machine
    yield (
        f"`{results.command}`, {results.day}: {results.lines:,} lines of events ({results.decisions:,} decisions), "
        f"{results.customers:,} customers; {rounds} interleaved round{'s' if rounds > 1 else ''}, "
        "medians (least to most)."
    )
    yield (
        f"{machine.processor}, {machine.cores} cores, {machine.memory_gb:.0f} GB, Python {machine.python}; "
        f"load average as it began {machine.load:.1f}. Customers are read by all, and are in the CPU seconds but not "
        "among the events; to Nextbeam each of them is a signal."
    )


def _table(results: Results) -> Iterator[str]:
    naive = results.job(NAIVE)
    base = naive.rate(results.lines).middle if naive else None
    limit = results.limit.middle if results.limits else None
    yield "| | events per CPU s | x naive Beam | of the limit | CPU s | start CPU s | wall s | peak MB | what it is |"
    yield f"| --- |{' ---: |' * 7} --- |"
    for job, rate in by_rate(results):
        cells = [
            f"**{job.label}**" if job.ours else job.label,
            f"{rate.middle:,.0f} ({rate.least:,.0f} to {rate.most:,.0f})",
            f"{rate.middle / base:.1f}" if base else "",
            f"1/{limit / rate.middle:,.0f}" if limit else "",
            f"{median(each.cpu_s for each in job.runs):.1f}",
            f"{job.start_s:.2f}",
            f"{median(each.wall_s for each in job.runs):.1f}",
            f"{max(each.peak_mb for each in job.runs):,.0f}",
            job.about,
        ]
        yield f"| {' | '.join(cells)} |"


def _limits(results: Results) -> Iterator[str]:
    if not results.limits:
        return
    whole = median(total_s(each) for each in results.limits)
    yield (
        f"Limit of the machine: {results.limit.middle:,.0f} events per CPU s ({whole:.3f} CPU s for all), "
        "measured in the same rounds; what is in bold counts:"
    )
    yield ""
    yield "| | us each | how many |"
    yield "| --- | ---: | ---: |"
    for each in zip(*results.limits, strict=True):
        name = f"**{each[0].name}**" if each[0].counts else each[0].name
        yield f"| {name} | {median(part.us for part in each):.3f} | {each[0].items:,} |"


def _latencies(latencies: dict[str, list[Latency]]) -> Iterator[str]:
    if not latencies:
        return
    yield (
        "One event, us of thread CPU from the event to the bytes of its record (medians of the rounds; garbage "
        "collector on), and bytes of state a customer:"
    )
    yield ""
    yield "| | p50 | p99 | p99.9 | mean |"
    yield "| --- |" + " ---: |" * 4
    for form, rounds in latencies.items():
        yield _shares(f"decision, {form}", [each.decision_us for each in rounds], 0)
        yield _shares(f"other event, {form}", [each.other_us for each in rounds], 1)
    some = next(iter(latencies.values()))
    yield _shares("state, bytes", [each.state_bytes for each in some], 0)


def _shares(name: str, rounds: Sequence[Shares], digits: int) -> str:
    values = [median(getattr(each, part) for each in rounds) for part in ("p50", "p99", "p999", "mean")]
    return f"| {name} | " + " | ".join(f"{value:,.{digits}f}" for value in values) + " |"


def _compared(results: Results) -> Iterator[str]:
    yield "Outputs compared before any number counted:"
    yield ""
    yield "```"
    yield from results.compared
    yield "```"
