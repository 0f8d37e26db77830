"""What is known of a customer: profile, sessions, and what the windows add up to."""

from models.context.fold import ContextFold
from models.context.state import ContextState

__all__ = ["ContextFold", "ContextState"]
