"""Conditions in English.

What is not known meets no condition, and neither does its opposite. So `not customer.vulnerable` is said as what it
asks: that the fact is known to be false. The words follow the code: a negation goes down to the single comparisons.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from models.plan.conditions import (
    AllOf,
    Always,
    Among,
    AnyOf,
    Arithmetic,
    Compare,
    Condition,
    Constant,
    Holds,
    Known,
    Not,
    Operand,
    Ref,
    Truth,
    Value,
)
from models.plan.english_words import listed, number, quoted
from models.plan.fields import Field

_INVERSE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_MIRROR = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SIGNS = {"<": "less than", "<=": "at most", ">": "more than", ">=": "at least"}
_SUMS = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}

_NOUNS = {
    "request.channel": "the channel that asks",
    "request.brand": "the brand that asks",
    "request.page": "the page that asks",
    "request.direction": "the direction of the request",
    "request.trigger": "the trigger",
    "request.hour": "the hour of the day",
    "request.weekday": "the day of the week (Monday is 0)",
    "session.events": "the number of events in this session",
    "session.number": "the number of this session",
    "session.age_s": "the age of this session in seconds",
    "signal.type": "the signal's type",
    "outcome.kind": "the outcome",
    "outcome.action": "the action of the outcome",
    "outcome.channel": "the channel of the outcome",
    "outcome.value": "the value of the outcome",
}
_OWNERS = {
    "customer": "the customer's",
    "signal.attributes": "the signal's",
    "signal": "the signal's",
    "request.attributes": "the asking event's",
}


def english(condition: Condition) -> str:
    """What must certainly be so for the condition to be met, as the end of a sentence."""
    return _said(condition, True, inside="")


def noun(field: str) -> str:
    """What the field of this name holds: `the customer's age`, `the feature "views_7d"`."""
    if field in _NOUNS:
        return _NOUNS[field]
    prefix, _, name = field.rpartition(".")
    if prefix == "feature":
        return f"the feature {quoted(name)}"
    return f"{_OWNERS.get(prefix, f'{prefix}.')} {name.replace('_', ' ')}"


def _plural(subject: str) -> bool:
    """Whether a fact is spoken of in the plural: `the signal's attempts`, `the signal's days left`."""
    *_, word = subject.removesuffix(" left").split(" ")
    owned = subject.startswith(tuple(_OWNERS.values())) and subject.count("'s ") == 1
    return owned and word.endswith("s") and not word.endswith(("ss", "us", "is", "'s"))


class _Phrase(NamedTuple):
    """What is said of a subject, so that neighbours about the same subject become one."""

    subject: str
    verb: str
    values: tuple[str, ...]
    word: str
    """What joins several values."""

    def __str__(self) -> str:
        verb = re.sub(r"^is\b|(?<=and )is\b", "are", self.verb) if _plural(self.subject) else self.verb
        return f"{self.subject} {verb} {listed(self.values, self.word)}"


def _said(condition: Condition, wanted: bool, inside: str) -> str:
    """The words for `condition` being certainly `wanted`; `inside` is the word that joins it to others."""
    match condition:
        case Always(value=value):
            return "always" if value is wanted else "never"
        case Not(part=part):
            return _said(part, not wanted, inside)
        case AllOf(parts=parts) | AnyOf(parts=parts):
            return _joined(parts, wanted, "and" if isinstance(condition, AllOf) is wanted else "or", inside)
        case Truth(field=field):
            return _flag(field, wanted)
        case Known(field=field):
            return _known(field, wanted)
    return str(_phrase(condition, wanted))


def _joined(parts: Sequence[Condition], wanted: bool, word: str, inside: str) -> str:
    said = list(_merged(_flat(parts, wanted, word), word))
    if len(said) == 1:
        return said[0]
    plain = not any(f" {each} " in text for text in said for each in ("and", "or"))
    text = listed(said, word) if plain else f", {word} ".join(said)
    return f"({text})" if inside and inside != word else text


def _flat(parts: Sequence[Condition], wanted: bool, word: str) -> Iterator[tuple[Condition, bool]]:
    """The parts, and those of parts that are joined by the same word."""
    for part in parts:
        match part:
            case Not(part=inner):
                yield from _flat([inner], not wanted, word)
            case AllOf(parts=inner) | AnyOf(parts=inner) if (
                "and" if isinstance(part, AllOf) is wanted else "or"
            ) == word:
                yield from _flat(inner, wanted, word)
            case _:
                yield part, wanted


def _merged(parts: Iterator[tuple[Condition, bool]], word: str) -> Iterator[str]:
    """Each part; neighbours that say something of the same subject say it once: `is at least 18 and at most 80`."""
    before: _Phrase | None = None
    for part, wanted in parts:
        phrase = _phrase(part, wanted) if isinstance(part, Compare | Among | Holds) else None
        if before and phrase and (both := _together(before, phrase, word)):
            before = both
            continue
        if before:
            yield str(before)
        before = phrase
        if not phrase:
            yield _said(part, wanted, word)
    if before:
        yield str(before)


def _together(one: _Phrase, other: _Phrase, word: str) -> _Phrase | None:
    """Both in one, if that says the same."""
    if one[:2] != other[:2] or _joiner(one, word) != _joiner(other, word) or not _joiner(one, word):
        return None
    return one._replace(values=one.values + other.values, word=_joiner(one, word))


def _joiner(phrase: _Phrase, word: str) -> str:
    """What joins the values of phrases that are joined by `word`; empty: they cannot be told in one."""
    bounds = all(value.startswith(tuple(_SIGNS.values())) for value in phrase.values)
    match phrase.verb, word:
        case "is", "and":
            return "and" if bounds else ""
        case "include", _:
            return word if phrase.word == word or len(phrase.values) == 1 else ""
        case "are known and do not include", "and":
            return "or"
        case "is", "or":
            return "or"
    return ""


def _phrase(condition: Compare | Among | Holds, wanted: bool) -> _Phrase:
    match condition:
        case Compare():
            return _comparison(*_subject_first(condition, wanted))
        case Among(item=item, values=values):
            return _membership(item, values, wanted)
        case Holds(field=field, item=item):
            if field.name == "request.placements":
                return _Phrase(_operand(item), "is", (f"{'' if wanted else 'not '}asked to be filled",), "")
            verb = "include" if wanted else "are known and do not include"
            return _Phrase(noun(field.name), verb, (_operand(item),), "or")


def _comparison(sign: str, left: Operand, right: Operand) -> _Phrase:
    match left:
        case Ref(field=field) if field.name == "signal.type" and sign in {"==", "!="}:
            return _Phrase("it", "is" if sign == "==" else "is not", (f"{_a(_operand(right))} signal",), "or")
    if sign == "!=":
        return _Phrase(_operand(left), "is known and is not", (_operand(right),), "")
    return _Phrase(_operand(left), "is", (f"{_SIGNS.get(sign, '')} {_operand(right)}".strip(),), "or")


def _membership(item: Operand, values: Sequence[Value], wanted: bool) -> _Phrase:
    order = list(item.field.one_of) if isinstance(item, Ref) else []
    said = [_constant(value) for value in sorted(values, key=lambda value: _position(order, value))]
    if isinstance(item, Ref) and item.field.name == "signal.type":
        return _Phrase("it", "is" if wanted else "is not", (f"{_a(listed(said, 'or'))} signal",), "or")
    if not wanted and len(said) > 1:
        return _Phrase(_operand(item), "is known and is neither", tuple(said), "nor")
    return _Phrase(_operand(item), "is" if wanted else "is known and is not", tuple(said), "or")


def _position(order: Sequence[str], value: Value) -> int:
    return order.index(str(value)) if value in order else 0


def _a(text: str) -> str:
    return f"an {text}" if text[1:2] in "aeiou" else f"a {text}"


def _subject_first(condition: Compare, wanted: bool) -> tuple[str, Operand, Operand]:
    sign = condition.sign if wanted else _INVERSE[condition.sign]
    if isinstance(condition.left, Constant):
        return _MIRROR[sign], condition.right, condition.left
    return sign, condition.left, condition.right


def _flag(field: Field, wanted: bool) -> str:
    prefix, _, name = field.name.rpartition(".")
    return (
        f"{_OWNERS.get(prefix, f'{prefix}.')} {quoted(name.replace('_', ' '))} flag is {str(wanted).lower()}"
    )


def _known(field: Field, wanted: bool) -> str:
    if field.name == "request.trigger":
        return "a trigger asked" if wanted else "no trigger asked"
    subject = noun(field.name)
    verb = "are" if _plural(subject) else "is"
    return f"{subject} {verb} {'' if wanted else 'not '}known"


def _operand(operand: Operand, inside: bool = False) -> str:
    match operand:
        case Constant(value=value):
            return _constant(value)
        case Ref(field=field):
            return noun(field.name)
        case Arithmetic(sign="-", left=Constant(value=0.0), right=right):
            return f"minus {_operand(right, inside=True)}"
        case Arithmetic(sign=sign, left=left, right=right):
            text = f"{_operand(left, inside=True)} {_SUMS[sign]} {_operand(right, inside=True)}"
            return f"({text})" if inside else text


def _constant(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return quoted(value) if isinstance(value, str) else number(value)
