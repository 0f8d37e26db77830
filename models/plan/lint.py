"""What is wrong with a plan that loads: everything that has no effect, cannot be, or nothing uses.

Loading refuses what has no meaning; this looks for what has none in practice. It takes seconds, so it runs on command.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from models.plan.findings import Mark, PlanError, UnreadableError
from models.plan.lint_capacity import capacity_remarks
from models.plan.lint_contact import contact_remarks
from models.plan.lint_dates import date_remarks
from models.plan.lint_events import event_remarks
from models.plan.lint_exempt import exemption_remarks
from models.plan.lint_findings import CODES, Remark, Severity
from models.plan.lint_forgetting import forgetting_remarks
from models.plan.lint_names import name_remarks
from models.plan.lint_reasoner import Reasoner
from models.plan.lint_rules import rule_remarks
from models.plan.lint_trials import trial_remarks
from models.plan.lint_view import View, some
from models.plan.lint_worth import worth_remarks
from models.plan.load import load_with_places
from models.plan.spec import PlanSpec
from models.plan.structure import Place

__all__ = ["CODES", "Remark", "Severity", "check_plan", "lint"]

_CHECKS: tuple[Callable[[View], Iterator[Remark]], ...] = (
    rule_remarks,
    event_remarks,
    name_remarks,
    date_remarks,
    worth_remarks,
    contact_remarks,
    capacity_remarks,
    exemption_remarks,
    trial_remarks,
    forgetting_remarks,
)


def check_plan(path: Path, today: datetime | None = None) -> tuple[Remark, ...]:
    """Everything that is wrong with the plan at `path`: what loading refuses, else what `lint` finds.

    Args:
      path: A YAML file, or a folder with plan.yaml.
      today: In the plan's time zone, without an offset; None: dates are compared with each other only.
    """
    try:
        loaded, root = load_with_places(path)
    except PlanError as error:
        code = "unreadable" if isinstance(error, UnreadableError) else "refused"
        return tuple(Remark.of(finding, code) for finding in error.findings)
    return lint(loaded.spec, root, today)


def lint(spec: PlanSpec, root: Place, today: datetime | None = None) -> tuple[Remark, ...]:
    """Findings about a good plan, in reading order: its own file first, then the others by name; by line inside."""
    view = View(spec, root, Reasoner(spec), today)
    found = dict.fromkeys(remark for check in _CHECKS for remark in check(view))
    found |= dict.fromkeys(_undecided(view))
    first = root.mark.file
    return tuple(
        sorted(found, key=lambda remark: (remark.file != first, _mark(remark), remark.path, remark.code))
    )


def _undecided(view: View) -> Iterator[Remark]:
    """What the solver could not tell in the steps it has; the other checks have taken it to be possible."""
    names = sorted(view.reasoner.undecided)
    if names:
        message = (
            f"conditions about {some(names)} are too hard to reason about: a fault in them can go unfound"
        )
        remedy = "nothing to do, if they are as meant; simpler arithmetic can be checked"
        yield Remark.at("undecided", view.root, message, remedy)


def _mark(remark: Remark) -> Mark:
    return Mark(remark.file, remark.line, remark.column)
