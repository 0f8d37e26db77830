"""In English: where the bank talks, what asks for a decision, sessions, what signals may say, features."""

from collections.abc import Callable, Iterator

from models.ledger.attribution import LABELS
from models.plan.english_expressions import english, noun
from models.plan.english_words import (
    counted,
    each,
    heading,
    item,
    listed,
    names,
    number,
    paragraph,
    quoted,
    sentences,
    span,
)
from models.plan.fields import Scope, fields_of
from models.plan.spec import ChannelSpec, FeatureSpec, FieldSpec, PlanSpec
from models.plan.syntax import parse

Told = Callable[[str, Scope], str]
"""An expression of the plan in English."""


def teller(spec: PlanSpec) -> Told:
    """English for the expressions of one plan."""
    tables = {scope: fields_of(spec, scope) for scope in Scope}
    return lambda text, scope: english(parse(text, tables[scope]))


def told_places(spec: PlanSpec) -> Iterator[str]:
    """Channels and their placements."""
    yield from heading("Channels and placements")
    for name, channel in spec.channels.items():
        yield from item(f"{name}: {_channel(channel)}")
        for place in (key for key, body in spec.placements.items() if body.channel == name):
            yield from _placement(spec, place)
    everywhere = [key for key, body in spec.placements.items() if body.channel is None]
    if everywhere:
        yield from item("in whichever channel the signal comes from:")
        for place in everywhere:
            yield from _placement(spec, place)
    yield ""
    good, bad = (listed([kind.value for kind in LABELS if LABELS[kind] is label]) for label in (True, False))
    yield from paragraph(
        f"Positive outcomes are {good}; negative ones are {bad}. Others say nothing about what a customer wants."
    )


def _channel(channel: ChannelSpec) -> str:
    waits = "silence says nothing"
    if channel.response_window:
        waits = f"an offer waits {span(channel.response_window)} for an answer, then silence is the answer NoResponse"
    lost = "a contact that nothing confirms is given back" if channel.unconfirmed == "release" else ""
    return sentences(channel.direction.value, waits, lost, channel.description)


def _placement(spec: PlanSpec, name: str) -> Iterator[str]:
    placement = spec.placements[name]
    instead = (
        f"when nothing else is offered here, {quoted(placement.fallback)} is" if placement.fallback else ""
    )
    yield from item(
        f"{name}: {counted(placement.slots, 'slot')}. {sentences(placement.description, instead)}", 2
    )


def told_triggers(spec: PlanSpec, told: Told) -> Iterator[str]:
    """What asks for a decision."""
    yield from heading("What asks for a decision")
    asks = "A signal asks when it names the placements to be filled."
    if not spec.triggers:
        yield from paragraph(asks)
        return
    also = "A signal that names none asks when it meets a trigger; the first that it meets is used:"
    yield from paragraph(f"{asks} {also}")
    yield ""
    for position, trigger in enumerate(spec.triggers, 1):
        filled = f"it fills {listed(trigger.placements)}"
        what = f"{trigger.id}, when {told(trigger.when, Scope.TRIGGER)}; {filled}."
        yield from paragraph(f"{position}. {what} {sentences(trigger.description)}", 0, 3)


def told_sessions(spec: PlanSpec) -> Iterator[str]:
    """Sessions, lateness, duplicates."""
    session = spec.session
    yield from heading("Sessions")
    kept = " unless the channel declares its own with a session id" if session.by == "declared" else ""
    yield from item(f"A session ends after {span(session.gap)} of silence{kept}.")
    if session.longest:
        yield from item(
            f"An event more than {span(session.longest)} after the first of its session is refused."
        )
    yield from item(
        f"An event more than {span(session.late)} older than the customer's newest is refused; one that is less "
        "late has the effect that it would have had in time."
    )
    for name, lead in session.lead.items():
        yield from item(f"A session that starts with {quoted(name)} counts as started {span(lead)} earlier.")
    yield from item(
        f"The latest {number(spec.dedupe.keep)} events of a customer are remembered, so that none counts twice."
    )
    if session.forget:
        yield from item(
            f"A customer of whom nothing was heard for {span(session.forget)} is forgotten: facts, id and all."
        )


def told_vocabulary(spec: PlanSpec) -> Iterator[str]:
    """What signals may say, and what is known of customers."""
    vocabulary = spec.vocabulary
    yield from heading("What signals may say")
    yield from paragraph("A signal that says anything else is refused, with its reason.")
    yield ""
    yield from item(f"Types: {', '.join(vocabulary.signal_types)}.")
    if vocabulary.pages:
        needed = " Every signal must name one." if vocabulary.page_required else ""
        yield from item(f"Pages: {', '.join(vocabulary.pages)}.{needed}")
    else:
        yield from item("Pages: any.")
    for name, field in vocabulary.attributes.items():
        yield from item(f"{name}: {_fact(field)}")
    yield from heading("What is known of a customer")
    if not vocabulary.customer:
        yield from paragraph("Nothing but what duty of care needs.")
    for name, field in vocabulary.customer.items():
        yield from item(f"{name}: {_fact(field)}")


_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "strings": "a list",
}


def _fact(field: FieldSpec) -> str:
    what = _TYPES[field.type]
    if field.one_of:
        what = f"{'any' if field.type == 'strings' else 'one'} of {', '.join(field.one_of)}"
    least, most = field.minimum, field.maximum
    if least is not None and most is not None:
        what += f" from {number(least)} to {number(most)}"
    elif least is not None:
        what += f", at least {number(least)}"
    elif most is not None:
        what += f", at most {number(most)}"
    return f"{what}{', required' if field.required else ''}. {sentences(field.description)}"


def told_features(spec: PlanSpec, told: Told) -> Iterator[str]:
    """What behaviour adds up to."""
    if not spec.features:
        return
    yield from heading("Features: what behaviour adds up to")
    for feature in spec.features:
        unit = f" ({feature.unit})" if feature.unit else ""
        alone = "" if feature.model else "For rules only."
        what = sentences(feature.description, _measured(feature, told), _transformed(feature))
        yield from item(f"{feature.name}{unit}: {what} {alone}".rstrip())


def _measured(feature: FeatureSpec, told: Told) -> str:
    return _KINDS[feature.kind](feature, told)


def _events(feature: FeatureSpec, told: Told) -> str:
    which = f"events where {told(feature.where, Scope.EVENT)}" if feature.where else "events"
    return f"{which}{_window(feature)}"


def _window(feature: FeatureSpec) -> str:
    parts = ""
    if feature.window == "session":
        parts = f", among the latest {feature.last} of this session" if feature.last else ", in this session"
    elif feature.window is not None:
        parts = f", in the last {each(feature.window)}"
    if feature.delay:
        parts += f", not counting the latest {each(feature.delay)}"
    return parts + (", without the event that asks" if feature.previous else "")


def _of(feature: FeatureSpec) -> str:
    return noun(feature.of or "")


def _decay(feature: FeatureSpec) -> str:
    speed = f"halving every {each(feature.half_life)}" if feature.half_life else ""
    return speed or f"falling to 1/e (37 percent) every {each(feature.time_constant or '0s')}"


def _balanced(feature: FeatureSpec, told: Told) -> str:
    steps = {"adding": feature.add, "subtracting": feature.subtract, "starting again": feature.reset}
    said = [f"{step} when {told(text, Scope.EVENT)}" for step, text in steps.items() if text]
    return f"running sum of {_of(feature)} in this session: {'; '.join(said)}"


_PARTS = {
    "hour": "the hour of the day",
    "hour_sin": "the time of day as the sine of an angle",
    "hour_cos": "the time of day as the cosine of an angle",
    "weekend": "1 on Saturday and Sunday, else 0",
    "weekday": "the day of the week, Monday being 0",
}

_KINDS: dict[str, Callable[[FeatureSpec, Told], str]] = {
    "count": lambda f, told: f"number of {_events(f, told)}",
    "sum": lambda f, told: f"sum of {_of(f)} over {_events(f, told)}",
    "mean": lambda f, told: f"mean of {_of(f)} over {_events(f, told)}; {_else(f)}",
    "maximum": lambda f, told: f"the largest value of {_of(f)} in {_events(f, told)}; {_else(f)}",
    "distinct": lambda f, told: f"number of different values of {_of(f)} in {_events(f, told)}",
    "ratio": lambda f, told: (
        f"number of {_events(f, told)}, divided by the number of events where {_among(f, told)}; {_else(f)}"
    ),
    "recency": lambda f, told: f"1 at the latest of {_events(f, told)}, {_decay(f)}; {_else(f)}",
    "last": lambda f, told: f"the latest value of {_of(f)} in {_events(f, told)}; {_else(f)}",
    "last_in": lambda f, told: (
        f"1 if the latest value of {_of(f)} in {_events(f, told)}, is one of {noun(f.member_of or '')}, else 0; "
        f"{_else(f)}"
    ),
    "balance": _balanced,
    "session_age": lambda _f, _told: "seconds since this session started",
    "session_number": lambda _f, _told: "1 in the customer's first session, 2 in the second, and so on",
    "time_of_day": lambda f, _told: _PARTS[f.part or "hour"],
    "one_hot": lambda f, _told: f"for each of {names(f.values)}: 1 if {_of(f)} is that, else 0",
    "number": lambda f, _told: f"{_of(f)}; {_unknown(f)}",
    "size": lambda f, _told: f"how many there are in {_of(f)}; {_unknown(f)}",
}


def _among(feature: FeatureSpec, told: Told) -> str:
    return told(feature.among, Scope.EVENT) if feature.among else "anything happened"


def _unknown(feature: FeatureSpec) -> str:
    return f"{number(feature.default)} if not known"


def _else(feature: FeatureSpec) -> str:
    return f"{number(feature.default)} if there is none"


def _transformed(feature: FeatureSpec) -> str:
    """What a model sees of it."""
    how = feature.transform
    steps = []
    if how.clip:
        steps.append(f"kept between {number(how.clip[0])} and {number(how.clip[1])}")
    if how.scale != 1:
        steps.append(f"times {number(how.scale)}")
    if how.log1p:
        steps.append("as the logarithm of 1 plus it")
    return f"the model sees it {', '.join(steps)}" if steps and feature.model else ""
