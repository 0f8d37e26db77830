"""Verdicts: what became of each candidate, in the words of the funnel; and why nothing was offered, if nothing was."""

from collections.abc import Mapping, Sequence

from models.ledger.allocation import SAID, Allocator, Verdict, mask_union
from models.ledger.refusals import AnyScreen
from schemas.common import Stage

_OFFERED, _OUTRANKED, _NO_TREATMENT = SAID

_NO_ACTION = {
    Stage.TREATMENT_AVAILABILITY: "not_permitted_here",
    Stage.TREATMENT_EMERGENCY_EXCLUSION: "not_permitted_here",
    Stage.TREATMENT_ELIGIBILITY: "not_permitted_here",
    Stage.CHANNEL_AVAILABILITY: "not_permitted_here",
    Stage.ACTION_SUPPRESSIONS: "contact_policy",
    Stage.TREATMENT_SUPPRESSIONS: "contact_policy",
    Stage.CONTACT_LIMITS: "contact_policy",
    Stage.CHANNEL_LIMITS: "contact_policy",
    Stage.VOLUME_CONSTRAINTS: "volume_constraints",
    Stage.BUNDLING: "incomplete_bundle",
}
"""What stopped the best candidate that fits, in a word; others are not_permitted_here."""


class Judge:
    """Knows how one allocation went. Sets of actions are the bits of an integer."""

    def __init__(
        self,
        plan: Allocator,
        asked: Mapping[str, str],
        refused: Mapping[str, AnyScreen],
        allowed: Mapping[str, int],
        stopped: Mapping[int, int],
    ) -> None:
        """After the last slot.

        Args:
          plan: The compiled plan.
          asked: The placements asked for, each with its channel.
          refused: By placement and candidate: the first rule that refused it before anything was offered.
          allowed: By placement: the candidates that fit there and were not refused.
          stopped: By candidate whose turn came: the rule that stopped it then.
        """
        self._plan = plan
        self._asked = asked
        self._refused = refused
        self._allowed = mask_union(allowed.values())
        self._stopped = stopped

    def verdicts(self, order: Sequence[int], offered: int) -> list[Verdict]:
        """What became of each candidate, in their order."""
        anywhere = mask_union([screen.bits() for screen in self._refused.values()])
        by_priority = not self._stopped and not self._plan.bundles.tied
        found = []
        for action in order:
            if offered >> action & 1:
                verdict = _OFFERED
            elif self._allowed >> action & 1:
                verdict = _OUTRANKED if by_priority else self._passed_over(action)
            elif not anywhere >> action & 1:
                verdict = _NO_TREATMENT
            else:
                verdict = self._refusal(action)
            found.append(verdict)
        return found

    def _passed_over(self, action: int) -> Verdict:
        """Why a candidate that was refused nowhere was not offered."""
        stop = self._stopped.get(action)
        if stop is None and action in self._plan.bundles.tied:
            stop = self._plan.first_bundle + self._plan.bundles.tied[action]
        return _OUTRANKED if stop is None else self._plan.rules[stop]

    def _refusal(self, action: int) -> Verdict:
        """Why a candidate could be offered nowhere: the rule at the first placement that it fits.

        One that fits none is without a treatment, unless it is refused in all of the channels: that says more.
        """
        fitting = [name for name in self._asked if self._plan.fits[name] >> action & 1]
        rules = [self._refused[name].get(action) for name in fitting or self._asked]
        known = [rule for rule in rules if rule is not None]
        return self._plan.rules[known[0]] if known and len(known) == len(rules) else _NO_TREATMENT


def no_action(fitting: int, order: Sequence[int], verdicts: Sequence[Verdict]) -> str:
    """Why nothing was offered, though there were candidates: what became of the best of those that fit anywhere."""
    for action, (stage, _) in zip(order, verdicts, strict=True):
        if fitting >> action & 1:
            return _NO_ACTION.get(stage, "not_permitted_here")
    return "no_treatment_for_placements"
