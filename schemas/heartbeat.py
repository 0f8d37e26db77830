"""Heartbeat: the answer to a synthetic signal, which shows that all is well on the whole way."""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.common import Count, Id, Time, Trace


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the keyed step says to a heartbeat. It knows no customer, decides nothing and is in no table."""

    heartbeat_id: Annotated[Id, Meta(description="The id of the synthetic signal.")]
    sender: Annotated[Id, Meta(description="Whose heartbeat it is; each has a state of its own.")]
    sent_at: Annotated[Time, Meta(description="When it was published; without a topic, when it was sent.")]
    sequence: Annotated[
        Count, Meta(description="How many of this sender's came: it grows as long as state lives.")
    ]
    plan_digest: Annotated[str, Meta(description="Digest of the plan that decides.")]
    trace: Trace | None = None
