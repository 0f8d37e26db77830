"""Whether a running job can be updated from one release to another, and back; and what of it could not."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from pipelines.deploy.fingerprint import Fingerprint, Step
from pipelines.locate import UsageError


class Severity(StrEnum):
    """How bad it is."""

    BREAK = "BREAK"
    """Dataflow refuses the update, or something that was kept is lost."""
    WARN = "WARN"
    """It can be done, and somebody should know."""
    INFO = "INFO"


class Change(msgspec.Struct, frozen=True):
    """One difference."""

    severity: Severity
    step: str
    what: str

    def __str__(self) -> str:
        return f"{self.severity:5} {self.step}: {self.what}"


def changes(old: Fingerprint, new: Fingerprint, mapping: Mapping[str, str] | None = None) -> list[Change]:
    """What an update of a job of the old release to the new one would meet; worst first.

    Args:
      old: What runs.
      new: What is to run.
      mapping: Dataflow's `--transform_name_mapping`: old name of a step, or of what it is in, to the new one.

    Raises:
      UsageError: The mapping names a step that is not there.
    """
    _refuse_unknown(mapping or {}, old, new)
    renamed = {name: _renamed(name, mapping or {}) for name in old.steps}
    found = [*_formats(old, new)]
    for name, step in old.steps.items():
        now = new.steps.get(renamed[name])
        found += [_gone(name, step)] if now is None else _changed(renamed[name], step, now)
    for name in sorted(new.steps.keys() - set(renamed.values())):
        keyed = new.steps[name].keyed
        found.append(Change(Severity.WARN if keyed else Severity.INFO, name, _NEW_KEYED if keyed else "new"))
    if old.beam != new.beam:
        found.append(Change(Severity.WARN, "Beam", f"{old.beam} to {new.beam}; update the SDK on its own"))
    return sorted(found, key=lambda change: list(Severity).index(change.severity))


_NEW_KEYED = "new, and keeps something: it starts with nothing"


def breaks(found: Sequence[Change]) -> bool:
    """Whether the update cannot be done."""
    return any(change.severity is Severity.BREAK for change in found)


def reversed_mapping(mapping: Mapping[str, str]) -> dict[str, str]:
    """The mapping of the way back.

    Raises:
      UsageError: Two names became one, so there is none.
    """
    back = {new: old for old, new in mapping.items()}
    if len(back) < len(mapping):
        raise UsageError("--mapping: two steps become one; Dataflow takes no such update")
    return back


def refuse_namesakes(old: Fingerprint, new: Fingerprint) -> None:
    """Refuse two that call themselves by one name: what runs under it could be either.

    Raises:
      UsageError: They are of one release, and differ.
    """
    same = msgspec.structs.replace(
        old, breaking=new.breaking
    )  # why it breaks is said by hand, and may be later
    if old.release == new.release and same != new:
        raise UsageError(
            f"both are of release {old.release}, and differ: a release that may run stays as it is; give the new one "
            "a version of its own"
        )


def _refuse_unknown(mapping: Mapping[str, str], old: Fingerprint, new: Fingerprint) -> None:
    for side, names, steps in (("old", mapping.keys(), old.steps), ("new", mapping.values(), new.steps)):
        for name in sorted(names):
            if not any(step == name or step.startswith(f"{name}/") for step in steps):
                raise UsageError(f"--mapping: the {side} release has no step {name!r}")


def _renamed(name: str, mapping: Mapping[str, str]) -> str:
    """The new name of a step, by the longest name in the mapping that it is, or is within."""
    for known in sorted(mapping, key=len, reverse=True):
        if name == known or name.startswith(f"{known}/"):
            return mapping[known] + name[len(known) :]
    return name


def _gone(name: str, step: Step) -> Change:
    if step.keyed:
        return Change(
            Severity.BREAK, name, "gone, and with it what it keeps; a step that is renamed needs a mapping"
        )
    return Change(Severity.INFO, name, "gone")


def _changed(name: str, old: Step, new: Step) -> Iterator[Change]:
    if old.kind != new.kind:
        severity = Severity.BREAK if old.keyed or new.keyed else Severity.WARN
        yield Change(severity, name, f"was {old.kind}, is {new.kind}")
    yield from _cells(name, "state", old.state, new.state)
    yield from _cells(name, "timer", old.timers, new.timers)
    for at in sorted(old.inputs.keys() | new.inputs.keys()):
        was, now = old.inputs.get(at, "none"), new.inputs.get(at, "none")
        if was != now:
            yield Change(Severity.BREAK, name, f"input: coder {was} is now {now}")
    yield from _windows(name, old, new)
    if old.side_inputs != new.side_inputs:
        yield Change(Severity.BREAK, name, f"side inputs {old.side_inputs} are now {new.side_inputs}")
    if old.at != new.at:
        text = f"{old.at!r} is now {new.at!r}; what the old one holds stays there"
        yield Change(Severity.WARN, name, text)


def _cells(name: str, kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for cell in sorted(old.keys() | new.keys()):
        if cell not in new:
            yield Change(Severity.BREAK, name, f"{kind} {cell!r} is gone, and what it holds")
        elif cell not in old:
            yield Change(Severity.WARN, name, f"{kind} {cell!r} is new: it starts with nothing")
        elif old[cell] != new[cell]:
            yield Change(Severity.BREAK, name, f"{kind} {cell!r}: {old[cell]} is now {new[cell]}")


def _windows(name: str, old: Step, new: Step) -> Iterator[Change]:
    for at in sorted(old.windows.keys() & new.windows.keys()):
        was, now = old.windows[at], new.windows[at]
        if (was.kind, was.coder) != (now.kind, now.coder):
            yield Change(Severity.BREAK, name, f"window {was.kind} is now {now.kind}")
        elif was.firing != now.firing:
            yield Change(Severity.WARN, name, f"fires otherwise: {was.firing!r} is now {now.firing!r}")


def _formats(old: Fingerprint, new: Fingerprint) -> Iterator[Change]:
    for name in sorted(old.formats.keys() | new.formats.keys()):
        was, now = old.formats.get(name), new.formats.get(name)
        if was is None:
            yield Change(Severity.WARN, f"format {name}", "new: what is kept from now on is of it")
        elif now is None:
            text = f"version {was.written} is kept, and nothing reads it any more"
            yield Change(Severity.BREAK, f"format {name}", text)
        elif not now.reads(was):
            text = f"version {was.written} is kept, and this reads {now.reads_from} to {now.written}"
            yield Change(Severity.BREAK, f"format {name}", text)
        elif was.written != now.written:
            yield Change(Severity.WARN, f"format {name}", f"version {was.written} is now {now.written}")
