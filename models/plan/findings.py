"""What is wrong with a plan: said once for every fault, with its place and its remedy."""

from dataclasses import dataclass
from typing import NamedTuple


class Mark(NamedTuple):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a plan."""

    mark: Mark
    path: str
    """Where in the plan, e.g. `actions[personal-loan].eligibility[adult].when`; empty: the file itself."""
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f" {self.path}:" if self.path else ""
        return f"{self.mark.file}:{self.mark.line}:{self.mark.column}:{where} {self.message}; {self.remedy}"


class PlanError(ValueError):
    """A plan that cannot be used. Its text is one line per finding, in the order of the files."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings

    def __reduce__(self) -> tuple[type["PlanError"], tuple[tuple[Finding, ...]]]:
        return type(self), (self.findings,)


class UnreadableError(PlanError):
    """There is no plan to find fault with: a file is missing, or is no YAML."""
