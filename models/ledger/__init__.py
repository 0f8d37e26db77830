"""The contact ledger: what may be said, what was, and what became of it."""

from models.ledger.events import LedgerEvent
from models.ledger.fold import LedgerFold
from models.ledger.state import LedgerState

__all__ = ["LedgerEvent", "LedgerFold", "LedgerState"]
