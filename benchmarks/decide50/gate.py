"""Are two outputs of decide-50 the same? No number counts unless they are.

python -m benchmarks.decide50.gate REFERENCE OTHER [OTHER ...]

An output is a file of JSON lines, decisions and dead letters in any order, or a folder of such files. Compared of each
decision: the actions of each placement in their ranks, their reasons, what each policy refused, the events of the
session, and priorities; of dead letters the lines they hold. Nothing may be there twice.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

RELATIVE = 1e-5
ABSOLUTE = 1.5e-6
"""Priorities are written with six places, by some; both sides may have rounded."""
_EXAMPLES = 5


class _Offer(msgspec.Struct, gc=False):
    action: str
    priority: float
    reasons: tuple[str, ...]
    rank: int | None = None


class _Placement(msgspec.Struct, gc=False):
    placement: str
    offers: tuple[_Offer, ...]


class _Session(msgspec.Struct, gc=False):
    n: int


class _Line(msgspec.Struct, gc=False):
    """A decision, or a dead letter if `dead_letter` is there."""

    event_id: str = ""
    placements: tuple[_Placement, ...] | None = None
    policy: dict[str, int] | None = None
    session: _Session | None = None
    dead_letter: str | None = None
    raw: str = ""


@dataclass
class Output:
    """What one run put out."""

    decisions: dict[str, _Line] = field(default_factory=dict)
    dead: Counter[str] = field(default_factory=Counter)
    twice: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """What differs between a reference and another output."""

    reference: int
    """Decisions."""
    other: int
    missing: int
    extra: int
    different: Mapping[str, int]
    """Decisions by what is not the same in them: offers, reasons, policy, session, priority."""
    dead_missing: int
    dead_extra: int
    dead: int
    twice: int
    """Decisions that are there again, in either of both."""
    examples: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Nothing differs, and there was something to compare."""
        faults = self.missing + self.extra + self.dead_missing + self.dead_extra + self.twice
        return self.reference > 0 and not faults and not any(self.different.values())

    def __str__(self) -> str:
        different = ", ".join(f"{count:,} {what}" for what, count in self.different.items() if count)
        said = [
            f"{'the same' if self.same else 'DIFFERENT'}: {self.other:,} decisions of {self.reference:,}",
            f"missing {self.missing:,}, extra {self.extra:,}, twice {self.twice:,}, different {different or 0}",
            f"dead letters {self.dead:,}, missing {self.dead_missing:,}, extra {self.dead_extra:,}",
        ]
        return "; ".join(said) + "".join(f"\n  {example}" for example in self.examples)


def compare(reference: Path, other: Path) -> Verdict:
    """Compare two outputs.

    Raises:
      FileNotFoundError: One of them is not there.
      ValueError: A line is neither a decision nor a dead letter, or the reference has no decision, so that
        nothing would be compared.
    """
    return judge(read(reference), read(other), str(reference))


def judge(reference: Output, other: Output, name: str = "the reference") -> Verdict:
    """Compare what was read.

    Raises:
      ValueError: The reference has no decision.
    """
    if not reference.decisions:
        raise ValueError(f"{name} has no decision, so nothing can be compared with it")
    missing = sorted(reference.decisions.keys() - other.decisions.keys())
    extra = sorted(other.decisions.keys() - reference.decisions.keys())
    twice = [*reference.twice, *other.twice]
    dead_missing, dead_extra = reference.dead - other.dead, other.dead - reference.dead
    examples = [f"missing: {each}" for each in missing[:_EXAMPLES]]
    examples += [f"extra: {each}" for each in extra[:_EXAMPLES]]
    examples += [f"twice: {each}" for each in twice[:_EXAMPLES]]
    examples += [f"dead letter missing: {each[:120]}" for each in list(dead_missing)[:_EXAMPLES]]
    examples += [f"dead letter extra: {each[:120]}" for each in list(dead_extra)[:_EXAMPLES]]
    different: Counter[str] = Counter()
    for key, expected in reference.decisions.items():
        found = other.decisions.get(key)
        what = _difference(expected, found) if found else None
        if found and what:
            different[what[0]] += 1
            if different[what[0]] <= _EXAMPLES:
                examples.append(f"{what[0]} of {key}: {what[1]}, here {what[2]}")
    return Verdict(
        reference=len(reference.decisions),
        other=len(other.decisions),
        missing=len(missing),
        extra=len(extra),
        different=dict(different),
        dead_missing=dead_missing.total(),
        dead_extra=dead_extra.total(),
        dead=other.dead.total(),
        twice=len(twice),
        examples=tuple(examples),
    )


def _difference(expected: _Line, found: _Line) -> tuple[str, object, object] | None:
    """What first differs between two decisions of one event: its name, and both values."""
    for name, part in (
        ("offers", _offers),
        ("reasons", _reasons),
        ("policy", lambda line: line.policy),
        ("session", lambda line: line.session.n),
    ):
        pair = part(expected), part(found)
        if pair[0] != pair[1]:
            return name, *pair
    for mine, theirs in zip(_priorities(expected), _priorities(found), strict=True):
        # Written so that what is not a number is a difference.
        if not abs(mine - theirs) <= RELATIVE * abs(mine) + ABSOLUTE:
            return "priority", mine, theirs
    return None


def _offers(line: _Line) -> list[tuple[str, list[tuple[int, str]]]]:
    """Actions by rank; where a rank is not said, it is the place."""
    return [
        (
            each.placement,
            [(place if o.rank is None else o.rank, o.action) for place, o in enumerate(each.offers, 1)],
        )
        for each in line.placements or ()
    ]


def _reasons(line: _Line) -> list[tuple[str, ...]]:
    return [offer.reasons for each in line.placements or () for offer in each.offers]


def _priorities(line: _Line) -> list[float]:
    return [offer.priority for each in line.placements or () for offer in each.offers]


def read(path: Path) -> Output:
    """All decisions and dead letters of a file or folder.

    Raises:
      FileNotFoundError: There is no file.
      ValueError: A line is neither.
    """
    decode, output = msgspec.json.Decoder(_Line).decode, Output()
    for name, number, text in _lines(path):
        try:
            line = decode(text)
        except msgspec.DecodeError as error:
            raise ValueError(f"{name}, line {number}: {error}") from error
        if line.dead_letter is not None:
            output.dead[line.raw] += 1
        elif not line.event_id or line.placements is None or line.policy is None or line.session is None:
            raise ValueError(f"{name}, line {number}: neither a decision nor a dead letter")
        elif line.event_id in output.decisions:
            output.twice.append(line.event_id)
        else:
            output.decisions[line.event_id] = line
    return output


def _lines(path: Path) -> Iterator[tuple[Path, int, bytes]]:
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(f"no file in {path}")
    for each in files:
        with each.open("rb") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    yield each, number, text


def main(argv: Sequence[str] | None = None) -> int:
    """Compare and say; 1: some output differs, 2: something cannot be compared."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decide50.gate", description=__doc__)
    parser.add_argument("reference", type=Path, help="output that is right")
    parser.add_argument("other", type=Path, nargs="+", help="outputs to compare with it")
    args = parser.parse_args(argv)
    try:
        reference = read(args.reference)
        verdicts = {path: judge(reference, read(path), str(args.reference)) for path in args.other}
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    for path, verdict in verdicts.items():
        print(f"{path}: {verdict}")
    return int(not all(verdict.same for verdict in verdicts.values()))


if __name__ == "__main__":
    sys.exit(main())
