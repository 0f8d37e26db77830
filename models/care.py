"""Duty of care: the circumstances in which marketing stops or is softened, and consent, in every plan.

A circumstance is a truth value in the customer's profile. It holds while it is true; while it is false or not
known it does not. A value that is neither true nor false can only come from damage, and then it holds. Consent is
the other way round: only true is consent.
"""

from collections.abc import Iterator

from models.plan.conditions import AllOf, AnyOf, Condition, Known, Not, Truth
from models.plan.facts import care_facts, consent_facts
from models.plan.fields import Field
from models.plan.spec import PlanSpec
from models.rule_chains import EngagementRule
from schemas import MessageClass, Stage

_WHYS = {
    "vulnerable": "We do not send you marketing while you may need extra support from us.",
    "bereaved": "We do not send you marketing at a time of bereavement.",
    "financial_difficulty": "We do not send you marketing while money is difficult for you.",
    "complaint": "We do not send you marketing while we are looking into your complaint.",
}


def applies(spec: PlanSpec) -> bool:
    """Whether the plan has not waived it; a waiver without a word of reason is none."""
    return not any(map(str.isalpha, spec.care.waived))


def care_rules(spec: PlanSpec) -> Iterator[tuple[EngagementRule, Condition]]:
    """The rules that marketing must meet, of the circumstances that stop it, in a fixed order.

    They are eligibility: whether the bank may, not whether it should. So they are tried before what an author finds
    applicable or suitable, and an experiment that leaves such rules out cannot leave these out.
    """
    for name, care in care_facts(spec).items():
        if applies(spec) and care.then == "stop":
            rule = EngagementRule(Stage.ELIGIBILITY, rule_id(name), _WHYS[name], f"not customer.{care.fact}")
            yield rule, _clear(care.fact)


def unsoftened(spec: PlanSpec) -> Condition | None:
    """What is certain exactly while no circumstance softens marketing; None if the plan softens nothing."""
    facts = [care.fact for care in care_facts(spec).values() if care.then == "soften"]
    return AllOf(tuple(_clear(fact) for fact in facts)) if facts and applies(spec) else None


def consent_rules(spec: PlanSpec) -> Iterator[tuple[str, str, EngagementRule]]:
    """Channel, fact and rule of each channel in which marketing needs consent."""
    for channel, fact in consent_facts(spec).items() if applies(spec) else ():
        why = f"You have not agreed to marketing by {channel}."
        yield channel, fact, EngagementRule(Stage.ELIGIBILITY, consent_id(channel), why, f"customer.{fact}")


def rule_id(circumstance: str) -> str:
    """The id of the rule of a circumstance, by its name in the plan."""
    return f"care-{circumstance.replace('_', '-')}"


def consent_id(channel: str) -> str:
    """The id of the rule about consent in a channel."""
    return f"care-consent-{channel}"


def marketing(spec: PlanSpec) -> frozenset[int]:
    """Indices of the actions that duty of care is about."""
    return frozenset(
        index for index, action in enumerate(spec.actions) if action.message_class is MessageClass.MARKETING
    )


def _clear(fact: str) -> Condition:
    """The fact is missing or false. `typed`: a value of another type is looked at as it is, not taken for missing."""
    field = Field(f"customer.{fact}", "boolean", "customer", f"customer.get({fact!r})", typed=True)
    return AnyOf((Not(Known(field)), Not(Truth(field))))
