"""Dead letters after the fact: told apart, chosen, and judged for another try."""

from models.dead_letters.choosing import Choice
from models.dead_letters.judging import Judge, Keep, Send, Target, Verdict
from models.dead_letters.letters import Found, found, letter_id

__all__ = ["Choice", "Found", "Judge", "Keep", "Send", "Target", "Verdict", "found", "letter_id"]
