"""The flags of a run, and their frozen, checked form. No Beam: help must be quick."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.plan.english_words import listed
from models.plan.wording import nearest
from pipelines.locate import (
    CATALOGUES,
    MAPPINGS,
    UsageError,
    find_files,
    find_mapping,
    find_plan,
    out_folder,
    shipped,
)
from pipelines.plan_keys import plan_keys

if TYPE_CHECKING:
    from models.signing import TrustedKey

COMPOSITIONS = ("fused", "chained")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the decisioning pipeline; the CLI and Beam's own parser share them."""
    parser.add_argument(
        "--signals",
        nargs="+",
        metavar="FILE",
        help="signals: JSON lines (.jsonl, also .gz) or Parquet; several files or patterns",
    )
    parser.add_argument(
        "--outcomes",
        nargs="+",
        default=[],
        metavar="FILE",
        help="outcomes of earlier offers, in the same formats",
    )
    parser.add_argument(
        "--plan",
        metavar="PLAN",
        help="the decision plan: a YAML file, a folder with plan.yaml, or a shipped one: "
        + ", ".join(shipped(CATALOGUES)),
    )
    parser.add_argument(
        "--plan_keys",
        metavar="PEM[,PEM]",
        help="public keys of those who may approve plans: files, or base64 on one line; any other plan is refused, "
        "and one that is changed (default: plans need no signature)",
    )
    parser.add_argument(
        "--mapping",
        metavar="MAPPING",
        help="how rows of another format become signals: a YAML file or a shipped one: "
        + ", ".join(shipped(MAPPINGS)),
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder for the outputs; those of an earlier run are replaced"
    )
    parser.add_argument(
        "--composition",
        choices=COMPOSITIONS,
        default="fused",
        help="fused: one keyed step, model inline; chained: five transforms, RunInference (default: %(default)s)",
    )


@dataclass(frozen=True)
class Config:
    """What a run is to do, checked."""

    signals: tuple[str, ...]
    outcomes: tuple[str, ...]
    plan: Path
    out: Path
    mapping: Path | None = None
    composition: str = "fused"
    keys: "tuple[TrustedKey, ...]" = ()
    """Who may approve the plan; none: anybody."""
    refresh_s: None = None
    """A bounded run keeps the plan it started with."""
    ahead_s: None = None
    """Its events were published nowhere, so none is ahead of that."""

    @classmethod
    def of(cls, args: argparse.Namespace, others: Sequence[str] = ()) -> "Config":
        """Check the flags.

        Args:
          args: Those of `add_arguments`.
          others: What else was said: one of ours may be among them, misspelt.

        Raises:
          UsageError: A file is missing or of an unknown kind, or a flag is.
        """
        missing = [f"--{flag}" for flag in ("signals", "plan", "out") if not getattr(args, flag)]
        if missing:
            are = "is" if len(missing) == 1 else "are"
            raise UsageError(
                f"{listed(missing)} {are} missing; {_meant(missing, others)}`nextbeam run --help` shows an example"
            )
        signals = find_files("--signals", args.signals)
        plan = find_plan(args.plan)
        return cls(
            signals=signals,
            outcomes=find_files("--outcomes", args.outcomes or []),
            plan=plan,
            keys=plan_keys(args.plan_keys, str(plan)),
            out=out_folder(args.out),
            mapping=find_mapping(args.mapping) if args.mapping else None,
            composition=args.composition,
        )


def _meant(missing: Sequence[str], others: Sequence[str]) -> str:
    for other in others:
        name = other.partition("=")[0]
        if name.startswith("--") and (close := nearest(name, missing)):
            return f"by {name!r}, did you mean {close}? "
    return ""
