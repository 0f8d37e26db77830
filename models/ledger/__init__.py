"""The contact ledger: what may be said, what was, and what became of it."""

from models.ledger.events import LedgerEvent
from models.ledger.fold import LedgerFold
from models.ledger.household import HouseholdFold, by_household, key_of
from models.ledger.state import Kin, LedgerState

__all__ = ["HouseholdFold", "Kin", "LedgerEvent", "LedgerFold", "LedgerState", "by_household", "key_of"]
