"""What an event of decide-50 costs where state is kept by the runner: read, decode, key, one cell, one timer, decide.

Bounded input through `FoldPerKey(host="stateful")` on FnApiRunner, in one process. The same graph over 200 lines is
run first, to warm up, and last; its CPU time is that of starting a pipeline, and subtracted.

python -m benchmarks.stateful [--events 20000] [--rounds 3] [--host grouped]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from benchmarks.decide50.preparing import prepare
from models.folds import Counted
from pipelines.endpoints import ReadFiles
from pipelines.locate import find_mapping
from transforms.decide import DecideNextBestAction
from transforms.decode import DecodeOutcomes, DecodeSignals
from transforms.metrics import accounted
from transforms.plan_source import PlanSource
from transforms.session_context import Events

SMALL = 200


def run(plan: PlanSource, files: Sequence[str], host: str) -> tuple[float, dict[Counted, int]]:
    """CPU seconds of the whole process for one pipeline, and how its events were accounted for."""
    started = time.process_time()
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    lines = pipeline | "Read" >> ReadFiles(files)
    signals = lines | "DecodeSignals" >> DecodeSignals(plan, mapping=str(find_mapping("decide_50")))
    answers = pipeline | "Answers" >> ReadFiles([])
    outcomes = answers | "DecodeOutcomes" >> DecodeOutcomes(plan)
    _ = Events(signals.events, outcomes.events) | "Decide" >> DecideNextBestAction(plan, host=host)  # type: ignore[arg-type]
    result = pipeline.run()
    result.wait_until_finish()
    return time.process_time() - started, accounted(result)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stateful", description=__doc__)
    parser.add_argument(
        "--events", type=int, default=20_000, help="events to generate (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often (default: %(default)s)")
    parser.add_argument(
        "--host", choices=("stateful", "grouped"), default="stateful", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/folding"), help="work folder (default: %(default)s)"
    )
    parser.add_argument("--data", type=Path, help="a workload with its plan, instead of a new one")
    args = parser.parse_args(argv)
    data = args.data or _prepared(args.out, args.events)
    files = [str(data / "customers.ndjson"), str(data / "events.ndjson")]
    small = _head(files[1])
    plan = PlanSource(str(data / "plan")).as_launched()
    run(plan, [small], args.host)
    spent, accounts = zip(*(run(plan, files, args.host) for _ in range(args.rounds)), strict=True)
    if len({tuple(each.items()) for each in accounts}) != 1:
        print(f"rounds differ in what came out: {accounts}", file=sys.stderr)
        return 1
    start, _ = run(plan, [small], args.host)
    print(_told(args.host, [each - start for each in spent], accounts[0]))
    return 0


def _prepared(out: Path, events: int) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    return prepare(out.resolve(), events)[0]


def _head(name: str) -> str:
    """A file beside this one, of its first lines."""
    head = Path(name).with_suffix(".head.ndjson")
    head.write_bytes(b"".join(Path(name).read_bytes().splitlines(keepends=True)[:SMALL]))
    return str(head)


def _told(host: str, spent: Sequence[float], accounts: dict[Counted, int]) -> str:
    total = sum(accounts.values())
    ways = ", ".join(f"{count:,} {way.value.replace('_', ' ')}" for way, count in accounts.items())
    each = [seconds / total * 1e6 for seconds in spent]
    return (
        f"{host}: {total:,} events ({ways}): {min(each):.1f} us an event at best, {statistics.median(each):.1f} at the "
        f"median of {len(each)}; {total / min(spent):,.0f} events a CPU second"
    )


if __name__ == "__main__":
    sys.exit(main())
