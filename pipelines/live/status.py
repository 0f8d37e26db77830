"""How a live bank does, in one line, from the state of its page."""

import json
import shutil
import sys
import time
import urllib.request
from typing import Any

_LIMIT_S = 2.0
_EVERY_S = 10.0
_CLEAR = "\r\x1b[K"


class Status:
    """The line.

    Args:
      url: Where the page's state is.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._state: dict[str, Any] | None = None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._shown_at = time.monotonic()

    def look(self) -> None:
        """Ask the page; if it does not answer, what was known stays."""
        try:
            with self._opener.open(self._url, timeout=_LIMIT_S) as answer:
                self._state = json.load(answer)
        except (OSError, ValueError):
            return

    def told(self) -> str:
        """In one line; empty before the page has answered."""
        state = self._state
        if state is None:
            return ""
        totals, rates, age = state["totals"], state["rates"], state["age"]
        aged = f"age p50 {age[0]:,.0f} ms p99 {age[1]:,.0f} ms" if age else "no decision in the last minute"
        over = sum(limit["over"] or 0 for limit in state["limits"])
        return (
            f"{totals['signals']:,} signals ({rates['signals']:.1f}/s), {totals['decisions']:,} decisions "
            f"({rates['decisions']:.1f}/s), {aged}, {totals['feedback']:,} feedback, "
            f"{totals['dead_letters']:,} dead letters, {over} contacts over a limit"
        )

    def show(self) -> None:
        """On a terminal, always in the same line; else once in a while."""
        line = self.told()
        if sys.stderr.isatty():
            width = max(20, shutil.get_terminal_size().columns - 1)
            print(f"{_CLEAR}{line[:width]}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() > self._shown_at + _EVERY_S:
            self._shown_at = time.monotonic()
            print(line, file=sys.stderr, flush=True)

    def clear(self) -> None:
        """On a terminal, make room for other lines."""
        if sys.stderr.isatty():
            print(_CLEAR, end="", file=sys.stderr, flush=True)
