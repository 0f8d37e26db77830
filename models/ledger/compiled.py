"""`LedgerFold.step` in the kernel, for decisions in which neither volumes, bundles nor a household have a say."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from models.folds import Counted
from models.kernel import find
from models.ledger.allocation import Allocation, Terms
from models.ledger.attribution import OpenDecision, OpenOffer
from models.ledger.bids import Bid
from models.ledger.spots import KERNEL
from models.ledger.state import Entry, LedgerState
from models.ledger.verdicts import no_action
from models.times import Micros

if TYPE_CHECKING:
    from models.kernel.ledger import Deciding
    from models.ledger.attribution import ResponseWindows
    from models.ledger.deciding import Decider
    from models.ledger.records import Recorder

_TYPES = (LedgerState, OpenDecision, OpenOffer, Entry, Allocation)


def compiled_decision(
    decider: "Decider",
    windows: "ResponseWindows",
    recorder: "Recorder",
    digest: str,
    remembered: tuple[Micros, Micros],
    settle: Callable[[LedgerState], LedgerState],
) -> "Deciding | None":
    """Decisions of the kernel: each is None where the fold has to make it.

    Args:
      decider: The Python form, whose parts are compiled.
      windows: How long offers can be answered.
      recorder: Writes the decisions.
      digest: The plan's.
      remembered: How long contacts are, and how long those are that no limit needs.
      settle: A state without what nothing can depend on any more.

    Returns:
      None where there is no kernel, or where volume constraints always have a say.
    """
    kernel, plan, limits = find("ledger", KERNEL), decider.allocator, decider.limits
    if kernel is None or plan.rounds is None or limits.table is None or decider.volumes is not None:
        return None
    suppressions, influences, bids = decider.suppressions, decider.influences, decider.bidding
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
        contacts=(limits.row, limits.exempts, windows.silence, windows.open, windows.any_silence, settle),
        counted=(Counted.DUPLICATE, Counted.DECIDED),
        types=_TYPES,
    )
    return found
