"""CandidateSet: every action of the plan on its way through the funnel."""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.request import DecisionRequest


class CandidateSet(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request and what each step so far has said about each action.

    All tuples are aligned with the actions of the plan, by index; each is empty until its step has run.
    """

    request: DecisionRequest
    removed_by: Annotated[
        tuple[int, ...],
        Meta(description="Index of the engagement rule that removed the action; -1 if none did."),
    ] = ()
    propensities: Annotated[
        tuple[float, ...], Meta(description="P(positive | shown); 0 where removed before scoring.")
    ] = ()
    context_weights: Annotated[tuple[float, ...], Meta(description="Factor C of the priority.")] = ()
    priorities: Annotated[tuple[float, ...], Meta(description="P x C x V x L.")] = ()
    order: Annotated[
        tuple[int, ...],
        Meta(description="Action indices that remain, best first: mandatory, priority, action id."),
    ] = ()
    model_digest: Annotated[str, Meta(description="Digest of the model that scored.")] = ""
    evidence: Annotated[
        tuple[float, ...],
        Meta(description="Responses that each propensity rests on; empty where nothing is explored."),
    ] = ()
    model_propensities: Annotated[
        tuple[float, ...],
        Meta(description="As the model gave them, before smoothing and arms; empty: as `propensities`."),
    ] = ()
