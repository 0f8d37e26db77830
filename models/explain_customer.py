"""A decision as one could read it to the customer: what we did, why, and why nothing else."""

from collections.abc import Iterator

from models.experiments.arms import NBA
from models.explain_words import BECAUSE, SILENCE, features, lowered, names, plain, told_at, whys
from models.plan.compiled import Plan
from models.plan.english_words import counted, item, listed, paragraph, sentence
from schemas import Decision, Direction, MessageClass, Offer, Stage

_SHOWN = 8
"""So many names are told of those that one reason concerns; the others are counted."""


def explain_to_customer(decision: Decision, plan: Plan) -> str:
    """What was offered and why, and why nothing else was, in whole sentences and without ids or numbers."""
    return "\n".join(_Telling(decision, plan).lines()) + "\n"


class _Telling:
    """One decision, while it is told."""

    def __init__(self, decision: Decision, plan: Plan) -> None:
        self._decision = decision
        self._spec = plan.spec
        self._names = names(plan.spec)
        self._whys = whys(plan)
        self._features = features(plan.spec)
        self._fallbacks = {each.fallback for each in plan.spec.placements.values()}
        self._notices = {
            each.id for each in plan.spec.actions if each.message_class is not MessageClass.MARKETING
        }

    def lines(self) -> Iterator[str]:
        """All of it, in lines."""
        yield from paragraph(self._occasion())
        yield ""
        if self._decision.offers:
            for offer in self._decision.offers:
                yield from self._offered(offer)
        else:
            silence = SILENCE.get(self._decision.no_action or "", "")
            yield from paragraph(f"We offered you nothing. {silence}")
            yield ""
        yield from self._not_offered()
        yield from self._learning()

    def _occasion(self) -> str:
        decision = self._decision
        when = told_at(decision.decided_at, self._spec.time_zone)
        brand = plain(decision.brand).title()
        if decision.direction is Direction.INBOUND:
            return f"On {when} you were in touch with {brand} ({plain(decision.channel)})."
        trigger = next((each for each in self._spec.triggers if each.id == decision.trigger), None)
        why = f" {sentence(trigger.description)}" if trigger is not None and trigger.description else ""
        return f"On {when} {brand} considered whether to get in touch with you.{why}"

    def _offered(self, offer: Offer) -> Iterator[str]:
        where = self._spec.placements[offer.placement].description
        place = f", in this place: {lowered(where)}" if where else ""
        yield from paragraph(f"{offer.rank}. {self._names[offer.action]}{place}.", hang=3)
        said = self._words(offer)
        if said:
            yield from paragraph(f"“{said}”", 3)
        yield from paragraph(" ".join(self._reasons(offer)), 3)
        yield ""

    def _words(self, offer: Offer) -> str:
        action = next(each for each in self._spec.actions if each.id == offer.action)
        return next((each.text for each in action.treatments if each.id == offer.treatment), "")

    def _reasons(self, offer: Offer) -> Iterator[str]:
        yield self._main_reason(offer)
        pointed = [self._about(each.feature) for each in offer.reasons if each.contribution > 0]
        if pointed and not offer.mandatory and not offer.fallback:
            yield f"What spoke for it most: {'; '.join(pointed)}."
        if offer.boost > 1:
            yield "How you answered us lately spoke for it, too."
        if offer.boost < 1:
            yield "How you answered us lately spoke against it, but not enough."
        if offer.price > 0:
            yield "We can only do this for so many customers at a time; it seemed worth it for you."
        if offer.price < 0:
            yield "We had set ourselves to tell more customers about this."
        if offer.sampled is not None:
            yield (
                "Chance had a say in it: now and then we try something that we know little about, to learn "
                "whether it helps."
            )

    def _main_reason(self, offer: Offer) -> str:
        if offer.fallback:
            return "Nothing else was left to show here, so we showed this."
        if offer.bundle is not None and (parent := self._parent(offer.bundle)) not in {None, offer.action}:
            return f"It goes with this: {self._names[parent or '']}."
        if offer.mandatory or offer.message_class is not MessageClass.MARKETING:
            return _duty(offer)
        others = [
            each
            for each in self._decision.ranked
            if each.stage is Stage.ARBITRATION and each.action not in self._notices
        ]
        if not others:
            return "It was the best of what was left for you here."
        rest = "one other thing" if len(others) == 1 else f"{len(others)} other things"
        return f"We thought that it would help you more than {rest} that you could have had."

    def _parent(self, bundle: str) -> str | None:
        return next((each.parent for each in self._spec.bundles if each.id == bundle), None)

    def _about(self, feature: str) -> str:
        return self._features.get(feature, plain(feature))

    def _not_offered(self) -> Iterator[str]:
        found: dict[tuple[int, str], list[str]] = {}
        elsewhere = 0
        for stage, rule, action in self._others():
            if stage is Stage.APPLICABILITY and action in self._notices:
                elsewhere += 1  # nobody wants to hear of everything that did not happen to them
                continue
            why = self._whys.get(rule or "") or BECAUSE.get(stage, "This could not be offered.")
            found.setdefault((list(Stage).index(stage), why), []).append(self._names.get(action, action))
        if found or elsewhere:
            yield "Why not something else?"
        for (_, why), called in sorted(found.items(), key=lambda each: each[0][0]):
            yield from item(f"{self._few(called)}: {why}")
        if elsewhere:
            what = "One message" if elsewhere == 1 else f"{elsewhere} messages"
            yield from item(
                f"{what} about your accounts and about help: meant for other situations than yours."
            )

    def _few(self, called: list[str]) -> str:
        distinct = list(dict.fromkeys(called))
        if len(distinct) <= _SHOWN:
            return listed(distinct)
        return f"{', '.join(distinct[:_SHOWN])} and {counted(len(distinct) - _SHOWN, 'other')}"

    def _others(self) -> Iterator[tuple[Stage, str | None, str]]:
        for removal in self._decision.removed:
            for action in removal.actions:
                yield removal.stage, removal.rule, action
        for candidate in self._decision.ranked:
            unneeded = candidate.stage is Stage.ARBITRATION and candidate.action in self._fallbacks
            if candidate.stage is not Stage.OUTPUT and not unneeded:
                yield candidate.stage, candidate.rule, candidate.action

    def _learning(self) -> Iterator[str]:
        """Say so where the customer is in an experiment that changes what is chosen."""
        arm = next((each for each in self._spec.experiments.arms if each.id == self._decision.arm), None)
        if self._decision.arm == NBA or arm is None or arm.kind in {"plan", "holdout"}:
            return
        yield ""
        yield from paragraph(
            "You are one of a few customers, picked by chance, for whom we choose in another way. "
            "It lets us see whether the way we choose for the others is better."
        )


def _duty(offer: Offer) -> str:
    """Why something was said that is no offer, or that nothing may come before."""
    if offer.message_class is MessageClass.REGULATORY:
        return "The rules ask us to tell you this."
    if offer.mandatory:
        return "This is important, so it comes before everything else."
    return "This is about your accounts with us, not an offer, and we thought that it would help you."
