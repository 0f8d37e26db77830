"""Compare a candidate with the release that runs: python -m pipelines.releases.comparing --help."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

import pipelines.sql
from models.releases.shadow import Bounds, Compared, objections, told
from pipelines.deploy.launching import default_session
from pipelines.locate import UsageError
from pipelines.provisioning.endpoints import Endpoints
from pipelines.releases.monitoring import growth

SQL = Path(pipelines.sql.__file__).parent / "releases" / "shadow_comparison.sql"

Ask = Callable[[str], Sequence[Mapping[str, Any]]]
"""Runs a SELECT."""

_DATASET = re.compile(r"([a-z][a-z0-9-]{4,28}[a-z0-9]\.)?\w{1,1024}")


def comparison_sql(live: str, candidate: str, since: datetime, until: datetime) -> str:
    """The question, for two datasets and a time.

    Raises:
      UsageError: A name is none of a dataset, or the time is empty.
    """
    for name in (live, candidate):
        if not _DATASET.fullmatch(name):
            raise UsageError(f"{name!r} is not DATASET or PROJECT.DATASET")
    if live == candidate:
        raise UsageError(
            "the candidate writes to the tables of the release that runs: there is nothing to compare"
        )
    if since >= until:
        raise UsageError("the time to compare is empty; let the candidate run for longer")
    text = "\n".join(line for line in SQL.read_text("utf-8").splitlines() if not line.startswith("--"))
    said = {"live": live, "candidate": candidate, "since": _literal(since), "until": _literal(until)}
    for name, value in said.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def _literal(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00:00"


def compared(ask: Ask, sql: str) -> Compared:
    """What the tables say."""
    [row] = ask(sql)
    return msgspec.convert(dict(row), Compared)


def main(argv: Sequence[str] | None = None) -> int:
    """0: nothing speaks against the candidate; 1: something does; 2: it could not be found out."""
    args = _parser().parse_args(argv)
    now = datetime.now(UTC)
    until = now - timedelta(seconds=args.written_after)
    seconds = int((now - args.since).total_seconds())
    try:
        sql = comparison_sql(args.live, args.candidate, args.since, until)
        row = compared(_bigquery(args.project), sql)
        session = default_session()
        live = growth(session, args.project, args.live_job, seconds)
        candidate = growth(session, args.project, args.candidate_job, seconds)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    bounds = Bounds(least_comparable=args.least_comparable, least_agreement=args.least_agreement)
    found = objections(row, live, candidate, bounds)
    print(json.dumps({"compared": told(row), "objections": found}))
    return int(bool(found))


def _bigquery(project: str) -> Ask:
    client = Endpoints.from_environment().tables(project)

    def ask(sql: str) -> Sequence[Mapping[str, Any]]:
        from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415

        try:
            return [dict(row.items()) for row in client.query_and_wait(sql)]
        except GoogleAPIError as error:
            raise UsageError(f"BigQuery does not answer: {error}") from error

    return ask


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0], allow_abbrev=False)
    parser.add_argument("--project", required=True, help="whose jobs and datasets they are")
    parser.add_argument(
        "--live", required=True, metavar="DATASET", help="what the release that runs writes to"
    )
    parser.add_argument("--candidate", required=True, metavar="DATASET", help="what the candidate writes to")
    parser.add_argument("--live-job", required=True, metavar="NAME", help="the job that runs")
    parser.add_argument("--candidate-job", required=True, metavar="NAME", help="the candidate's job")
    parser.add_argument(
        "--since", required=True, type=_time, metavar="TIME", help="when the candidate had started, UTC"
    )
    parser.add_argument(
        "--written-after",
        type=int,
        default=120,
        metavar="SECONDS",
        help="how long rows may take to be written (default: %(default)s)",
    )
    for name, value in (
        ("--least-comparable", Bounds.least_comparable),
        ("--least-agreement", Bounds.least_agreement),
    ):
        parser.add_argument(name, type=type(value), default=value, help="(default: %(default)s)")
    return parser


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


if __name__ == "__main__":
    sys.exit(main())
