"""The live page and its stream of states, for browsers on this machine."""

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.pages import render

EVERY_S = 1.0
MOST_READERS = 16
_FRESH_S = 0.8
_FULL = f"retry: 5000\nevent: full\ndata: {MOST_READERS}\n\n"
_TEMPLATES = Path(__file__).parents[1] / "templates"

State = dict[str, Any]


def application(
    state: Callable[[], State], stopped: Callable[[], bool], *, every_s: float = EVERY_S
) -> Starlette:
    """The page at `/`, its state as JSON at `/state`, and one state after the other at `/events`.

    Only requests that name this machine are answered: a page elsewhere that has its own name point here learns nothing.

    Args:
      state: What the page shows now.
      stopped: Whether streams are to end.
      every_s: Seconds between states.
    """
    site = _Site(state, stopped, every_s)
    return Starlette(
        routes=[Route("/", site.page), Route("/state", site.state), Route("/events", site.events)],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"]),
            Middleware(_Guarded),
        ],
    )


class _Site:
    """The three answers. A state is made once for all who ask within the second."""

    def __init__(self, state: Callable[[], State], stopped: Callable[[], bool], every_s: float) -> None:
        self._make, self._stopped, self._every_s = state, stopped, every_s
        self._made_at = 0.0
        self._made: State = {}
        self._readers = 0

    async def page(self, _: Request) -> Response:
        # A page that is opened shows something at once; `<` would end the element that holds it.
        first = msgspec.json.encode(self._state()).replace(b"<", b"\\u003c").decode()
        return HTMLResponse(render("live.html", first=Markup(first), **_parts()))

    async def state(self, _: Request) -> Response:
        return Response(msgspec.json.encode(self._state()), media_type="application/json")

    async def events(self, _: Request) -> Response:
        if self._readers >= MOST_READERS:
            # Not an error of HTTP: a browser would never ask again.
            return PlainTextResponse(_FULL, media_type="text/event-stream")
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[bytes]:
        """States; of the decisions, each only those that the state before did not have: they are most of it."""
        self._readers += 1
        seen = -1
        try:
            while not self._stopped():
                state = self._state()
                fresh = [each for each in state["decisions"] if each["number"] > seen]
                seen = max([seen, *(each["number"] for each in fresh)])
                yield b"data: " + msgspec.json.encode(state | {"decisions": fresh}) + b"\n\n"
                await asyncio.sleep(self._every_s)
        finally:
            self._readers -= 1

    def _state(self) -> State:
        now = time.monotonic()
        if now - self._made_at > min(_FRESH_S, self._every_s / 2):
            self._made, self._made_at = self._make(), now
        return self._made


class _Guarded:
    """Adds the headers that keep a page to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_headers()]
            await send(message)

        await self._app(scope, receive, guarded)


@cache
def _headers() -> list[tuple[bytes, bytes]]:
    parts = _parts()
    policy = (
        f"default-src 'none'; style-src '{parts['style_hash']}'; script-src '{parts['live_hash']}'; "
        "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    named = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-store",
    }
    return [(name.encode(), value.encode()) for name, value in named.items()]


@cache
def _parts() -> dict[str, Any]:
    """Style and script of the page, and by what they are known to be ours."""
    style = "".join((_TEMPLATES / name).read_text("utf-8") for name in ("page.css", "live.css"))
    script = (_TEMPLATES / "live.js").read_text("utf-8")
    return {
        "style": Markup(style),
        "style_hash": _hash(style),
        "live": Markup(script),
        "live_hash": _hash(script),
    }


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
