"""`nextbeam`: decide, explain, ask, simulate and import from the shell."""

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.cli_audit import add_audit
from pipelines.cli_dead_letters import add_dead_letters
from pipelines.cli_deploy import add_deploy
from pipelines.cli_export import add_export
from pipelines.cli_heartbeat import add_heartbeat
from pipelines.cli_live import add_live
from pipelines.cli_plan import add_plan
from pipelines.cli_provision import add_provision
from pipelines.cli_report import add_report
from pipelines.commands import Command, add_command
from pipelines.flags import Config, add_arguments
from pipelines.lean import leave, quick_imports, suits
from pipelines.locate import UsageError, find_plan, out_folder, run_folder
from pipelines.refusals import refused
from pipelines.stopping import terminable

if TYPE_CHECKING:
    from pipelines.commands import Commands

RUN_EXAMPLE = """example:
  nextbeam run --signals day/signals.jsonl --outcomes day/outcomes.jsonl --plan uk_bank --out out/day

Any option of Beam can be appended, e.g. --direct_running_mode=multi_processing --direct_num_workers=2.
Outputs are Parquet under DIR/{decisions,feedback,sessions,dead_letters}, partitioned by date, and DIR/summary.json.
A second run into the same folder replaces the first."""

QUERY_EXAMPLE = """example:
  nextbeam query "SELECT o.action, COUNT(*) n FROM decisions, UNNEST(offers) o GROUP BY 1 ORDER BY 2 DESC" --out out/day

The tables are decisions, feedback, sessions, dead_letters and plan_limits; docs/analysts.md lists the views over them,
e.g. cap_breaches, revenue and calibration. The SQL is BigQuery's and runs there as it is."""


SIMULATE_EXAMPLE = """example:
  nextbeam simulate --customers 2000 --days 7 --out out/week

DIR gets signals.jsonl, outcomes.jsonl, manifest.json and truth/: what no pipeline can see, e.g. how likely each
customer was to accept. Files of these names are replaced."""

IMPORT_EXAMPLE = """example:
  nextbeam import events.csv --mapping snowplow_web --out signals.jsonl

Outcomes that the mapping makes go to a file beside SIGNALS; rows that can be neither go to another, each with its
reason. Exit 1: none of the rows could be used."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is done, 1 is done with a finding, 2 is a question we could not answer."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # its own keeps what it had
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    args.own_process = argv is None
    if args.own_process:
        _say_all()
    if rest and args.command is not _run and not vars(args).get("takes_flags"):
        parser.error(f"unknown option {rest[0]!r}; `nextbeam {args.name} --help` lists what there is")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        command: Command = args.command
        return command(args, rest)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = "; the outputs of an earlier run are as they were" if args.command in (_run, _demo) else ""
        print(f"stopped{kept}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if (said := refused(error)) is None:
            raise
        print(f"error: {said}", file=sys.stderr)
        return 2


def _say_all() -> None:
    """What the terminal's encoding has no character for is escaped: an answer is never lost for a quotation mark."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


class _Version(argparse.Action):
    """`--version`, looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415

        print(f"nextbeam {version('nextbeam')}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nextbeam",
        description="Next best actions for the customers of a bank: decided, explained, accounted for.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the release and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="name")
    _add_run(commands)
    add_audit(commands)
    _add_query(commands)
    add_report(commands)
    _add_simulate(commands)
    _add_import(commands)
    _add_train(commands)
    add_plan(commands)
    add_export(commands)
    add_live(commands)
    add_dead_letters(commands)
    add_provision(commands)
    add_heartbeat(commands)
    add_deploy(commands)
    _add_demo(commands)
    return parser


def _add_run(commands: "Commands") -> None:
    parser = add_command(
        commands, "run", _run, "decide everything in some files of signals and outcomes", RUN_EXAMPLE
    )
    add_arguments(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary on the terminal")


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    config = Config.of(args, rest)
    places = [*config.signals, *config.outcomes, config.plan, config.out]
    with quick_imports(lean=args.own_process and suits(places, rest)) as lean:
        from pipelines.launch import launch  # noqa: PLC0415  (Beam takes a second to import)
        from pipelines.options import beam_options  # noqa: PLC0415

    options = beam_options(rest)
    if args.quiet:
        with terminable():
            summary = launch(config, options)
    else:
        from pipelines.progress import shown  # noqa: PLC0415
        from pipelines.report import show  # noqa: PLC0415

        with terminable(), shown([*config.signals, *config.outcomes], quiet=False):
            summary = launch(config, options)
        show(summary, config.out)
    if not summary.accounted:
        print(f"error: the accounts do not balance; see {config.out / 'summary.json'}", file=sys.stderr)
    code = 0 if summary.accounted else 1
    if lean:
        leave(code)
    return code


def _add_query(commands: "Commands") -> None:
    parser = add_command(
        commands, "query", _query, "run BigQuery SQL over the outputs of a run", QUERY_EXAMPLE
    )
    parser.add_argument("sql", metavar="SQL", help="one SELECT; `-` reads it from standard input")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--format",
        choices=("table", "csv", "json"),
        default="table",
        help="how to print (default: %(default)s)",
    )


def _query(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.querying import query  # noqa: PLC0415
    from pipelines.report import print_answer  # noqa: PLC0415

    sql = sys.stdin.read() if args.sql == "-" else args.sql
    print_answer(query(sql, run_folder(args.out)), args.format)
    return 0


def _add_simulate(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "simulate",
        _simulate,
        "write a synthetic bank: customers, their days, their answers",
        SIMULATE_EXAMPLE,
    )
    _add_simulation(parser, customers=1000, days=1)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--plan", default="uk_bank", help="the plan that decides in the loop (default: %(default)s)"
    )


def _add_simulation(parser: argparse.ArgumentParser, *, customers: int, days: int) -> None:
    parser.add_argument(
        "--customers",
        type=int,
        default=customers,
        metavar="N",
        help="how many customers (default: %(default)s)",
    )
    parser.add_argument(
        "--days", type=int, default=days, metavar="D", help="how many days (default: %(default)s)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=7,
        metavar="S",
        help="the same seed gives the same bytes (default: %(default)s)",
    )


def _simulate(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.simulating import simulate, told  # noqa: PLC0415

    plan, out = find_plan(args.plan), out_folder(args.out)
    with terminable():
        manifest = simulate(plan, out, customers=args.customers, days=args.days, seed=args.seed)
    print("\n".join(told(manifest)))
    print(f"in {args.out}; decide it with:")
    print(
        f"  nextbeam run --signals {args.out}/signals.jsonl --outcomes {args.out}/outcomes.jsonl"
        f" --plan {args.plan} --out {args.out}/run"
    )
    return 0


def _add_import(commands: "Commands") -> None:
    text = "turn a table of events into signals, by a mapping"
    parser = add_command(commands, "import", _import, text, IMPORT_EXAMPLE)
    parser.add_argument("source", metavar="FILE", help="CSV, JSON lines or Parquet, as the mapping says")
    parser.add_argument(
        "--mapping", required=True, metavar="MAPPING", help="a YAML file, or a shipped mapping"
    )
    parser.add_argument("--out", required=True, metavar="SIGNALS", help="file to write: .jsonl or .parquet")


def _import(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.importing import import_from_shell  # noqa: PLC0415

    return import_from_shell(args.mapping, args.source, args.out)


def _add_train(commands: "Commands") -> None:
    parser = add_command(commands, "train", _train, "train, check and compile the propensity model of a plan")
    from pipelines.train import add_arguments as add_training  # noqa: PLC0415

    add_training(parser)


def _train(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.train import train  # noqa: PLC0415

    return train(args)


def _add_demo(commands: "Commands") -> None:
    parser = add_command(
        commands, "demo", _demo, "simulate a day of a bank, decide it and show what came of it"
    )
    _add_simulation(parser, customers=1000, days=1)
    parser.add_argument(
        "--out", default="out/demo", metavar="DIR", help="folder to write to (default: %(default)s)"
    )


def _demo(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.demo import demo  # noqa: PLC0415

    with terminable():
        return demo(out_folder(args.out), customers=args.customers, days=args.days, seed=args.seed)


if __name__ == "__main__":
    sys.exit(main())
