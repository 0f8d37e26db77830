"""What a look at a good plan can find: parts that cannot do what they say, or have no effect, or that nothing uses."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from models.plan.findings import Finding
from models.plan.structure import Place

Severity = Literal["error", "warning", "note"]

CODES: Mapping[str, Severity] = {
    "unreadable": "error",
    "refused": "error",
    "rule-never-met": "error",
    "action-unreachable": "error",
    "treatment-unreachable": "error",
    "trigger-never-met": "error",
    "never-open": "error",
    "fallback-unreachable": "error",
    "bundle-impossible": "error",
    "quiet-always": "error",
    "capacity-impossible": "error",
    "rule-always-met": "warning",
    "rule-shadowed": "warning",
    "trigger-covered": "warning",
    "trigger-empty": "warning",
    "placement-unasked": "warning",
    "feature-never-counts": "warning",
    "action-over": "warning",
    "action-stopped": "warning",
    "action-worthless": "warning",
    "stop-without-effect": "warning",
    "weight-never-met": "warning",
    "weight-always-met": "warning",
    "weight-cancelled": "warning",
    "limit-without-effect": "warning",
    "limit-shadowed": "warning",
    "limit-forbids": "warning",
    "service-held-back": "warning",
    "suppression-without-effect": "warning",
    "suppression-shadowed": "warning",
    "quiet-without-effect": "warning",
    "volume-without-effect": "warning",
    "volume-shadowed": "warning",
    "influence-without-effect": "warning",
    "arm-without-effect": "warning",
    "nobody-left": "warning",
    "forgets-too-soon": "warning",
    "unused": "warning",
    "known-only": "note",
    "unread": "note",
    "undecided": "note",
}
"""How serious each kind of finding is. error: a part cannot do what it says; warning: it has no effect; note: nothing
looks at it."""


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """One finding: how serious, of which kind, where, what, and what to do about it."""

    severity: Severity
    code: str
    file: str
    line: int
    column: int
    path: str
    message: str
    remedy: str

    @classmethod
    def at(cls, code: str, place: Place, message: str, remedy: str) -> "Remark":
        """A finding of the kind `code` at a place of the plan."""
        return cls.of(place.finding(message, remedy), code)

    @classmethod
    def of(cls, finding: Finding, code: str = "refused") -> "Remark":
        """What loading has found, or a finding of another kind."""
        mark = finding.mark
        return cls(
            severity=CODES[code],
            code=code,
            file=mark.file,
            line=mark.line,
            column=mark.column,
            path=finding.path,
            message=finding.message,
            remedy=finding.remedy,
        )

    def __str__(self) -> str:
        where = f" {self.path}:" if self.path else ""
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.severity}:{where} {self.message}; {self.remedy} [{self.code}]"
