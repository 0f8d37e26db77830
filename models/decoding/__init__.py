"""Strict decoding: what is not certainly a signal or an outcome is refused, with a reason."""

from models.decoding.decoder import Decoded, Decoder, Skipped
from models.decoding.letters import dead_letter
from models.decoding.rejection import Rejection

__all__ = ["Decoded", "Decoder", "Rejection", "Skipped", "dead_letter"]
