"""`LedgerFold.step` in the kernel, for decisions in which neither volumes, bundles nor a household have a say."""

from typing import TYPE_CHECKING

from models.folds import Counted
from models.kernel import find
from models.ledger.allocation import Allocation, Terms
from models.ledger.attribution import OpenDecision, OpenOffer
from models.ledger.bids import Bid
from models.ledger.spots import KERNEL
from models.ledger.state import Entry, LedgerState
from models.ledger.verdicts import no_action

if TYPE_CHECKING:
    from models.kernel.ledger import Deciding
    from models.ledger.deciding import Decider
    from models.ledger.forgetting import Forgetting
    from models.ledger.records import Recorder

_TYPES = (LedgerState, OpenDecision, OpenOffer, Entry, Allocation)


def compiled_decision(
    decider: "Decider",
    forgetting: "Forgetting",
    recorder: "Recorder",
    digest: str,
) -> "Deciding | None":
    """Decisions of the kernel: each is None where the fold has to make it.

    Args:
      decider: The Python form, whose parts are compiled.
      forgetting: What is kept, and for how long.
      recorder: Writes the decisions.
      digest: The plan's.

    Returns:
      None where there is no kernel, or where volume constraints always have a say.
    """
    kernel, plan, limits = find("ledger", KERNEL), decider.allocator, decider.limits
    if kernel is None or plan.rounds is None or limits.table is None or decider.volumes is not None:
        return None
    suppressions, influences, bids = decider.suppressions, decider.influences, decider.bidding
    windows, remembered = forgetting.windows, (forgetting.remembered, forgetting.remember)
    found: Deciding = kernel.Deciding(
        table=limits.table,
        rounds=plan.rounds,
        bidding=kernel.Bidding(bids.ids, bids.explored, bids.mandatory, Bid, Terms),
        times=(decider.late, limits.longest, *remembered, windows.shortest, windows.longest),
        numbers=(decider.keep, decider.keep_ids, plan.first_suppression, plan.first_limit),
        policy=(
            plan.bundles.involved,
            suppressions.active,
            suppressions.pruned,
            suppressions.needed_until,
            suppressions.lasting,
            decider.gates,
        ),
        influences=(influences.boosts, influences.pruned, influences.needed_until, influences.lasting),
        recorder=(recorder.decision, plan.fitting, no_action, digest),
        contacts=(
            limits.row,
            limits.exempts,
            windows.silence,
            windows.open,
            windows.any_silence,
            forgetting.settled,
        ),
        counted=(Counted.DUPLICATE, Counted.DECIDED),
        types=_TYPES,
    )
    return found
