"""A whole plan in plain English, for those who answer for it: the same plan is always told in the same words."""

from collections.abc import Iterator

from models.plan.english_actions import told_action, told_care, told_catalogue, told_policies, told_stops
from models.plan.english_arbitration import told_arbitration, told_model, told_trials
from models.plan.english_contact import told_contact
from models.plan.english_narrowing import narrowed
from models.plan.english_signals import (
    Told,
    teller,
    told_features,
    told_places,
    told_sessions,
    told_triggers,
    told_vocabulary,
)
from models.plan.english_words import counted, heading, names, paragraph, sentence, title
from models.plan.load import Loaded
from models.plan.spec import ActionSpec, PlanSpec
from schemas.common import MessageClass

__all__ = ["tell_action", "tell_plan"]


def tell_plan(loaded: Loaded) -> str:
    """The plan in English: lines of 100 characters at most, that end with a line break."""
    spec = loaded.spec
    told = teller(spec)
    return _text(_sections(loaded, told))


def tell_action(loaded: Loaded, action_id: str) -> str:
    """One action in English: what it is, and all of the plan that is about it.

    Raises:
      KeyError: The plan has no such action.
    """
    spec = loaded.spec
    action = next((each for each in spec.actions if each.id == action_id), None)
    if action is None:
        raise KeyError(action_id)
    return _text(_about(narrowed(spec, action), action, teller(spec)))


def _about(spec: PlanSpec, action: ActionSpec, told: Told) -> Iterator[str]:
    group = spec.groups[action.group]
    issue = spec.issues[group.issue].name or group.issue
    yield from title(f"{action.name or action.id}, in {group.name or action.group}, {issue}")
    yield from told_action(spec, action, told)
    yield from told_places(spec)
    yield from told_triggers(spec, told)
    yield from told_policies(spec, told)
    if action.message_class is MessageClass.MARKETING:
        yield from told_care(spec)
    yield from told_stops(spec)
    if action.message_class in spec.contact.exempt:
        yield from heading("How often")
        yield from paragraph(f"A {action.message_class.value} message neither counts nor is held back.")
    else:
        yield from told_contact(spec, told)
    yield from told_arbitration(spec, told)


def _text(lines: Iterator[str]) -> str:
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _sections(loaded: Loaded, told: Told) -> Iterator[str]:
    spec = loaded.spec
    yield from _opening(loaded)
    yield from told_places(spec)
    yield from told_triggers(spec, told)
    yield from told_sessions(spec)
    yield from told_vocabulary(spec)
    yield from told_features(spec, told)
    yield from told_catalogue(spec, told)
    yield from told_policies(spec, told)
    yield from told_care(spec)
    yield from told_stops(spec)
    yield from told_contact(spec, told)
    yield from told_arbitration(spec, told)
    yield from told_trials(spec)
    yield from told_model(spec)


def _opening(loaded: Loaded) -> Iterator[str]:
    spec = loaded.spec
    yield from title(f"{spec.name}, version {spec.version}")
    if spec.description:
        yield from paragraph(sentence(spec.description))
        yield ""
    yield from paragraph(_facts(spec))
    yield from paragraph(
        f"This plan is known by its digest {loaded.digest}, which stands in each of its decisions."
    )
    yield ""
    yield from paragraph(
        "How to read it: a condition holds only if it is certainly true. What is not known of a customer meets no "
        "condition, and no opposite of one: where it says that a flag is false, it must be known to be false. So no "
        "consent on record is no consent, and a rule that cannot be decided removes the action. What holds until a "
        "date or time ends as that begins."
    )


def _facts(spec: PlanSpec) -> str:
    brands = f"{counted(len(spec.brands), 'brand')} ({names(spec.brands)})"
    parts = f"{counted(len(spec.channels), 'channel')}, {counted(len(spec.actions), 'action')}"
    return f"{brands}, {parts}. Amounts are {spec.currency}; clocks show the time in {spec.time_zone}."
