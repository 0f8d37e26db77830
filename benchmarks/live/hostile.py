"""Messages that no decoder may take, and none may stumble over."""

import json
from collections.abc import Sequence
from itertools import cycle
from typing import Any

from pipelines.live.wire import Message

Record = dict[str, Any]


def hostile(good: bytes) -> list[tuple[str, Message]]:
    """One of each kind, made from a good payload, with a name. Every one is to become a dead letter."""
    record: Record = json.loads(good)

    def given(**changes: object) -> bytes:
        return json.dumps(record | changes).encode()

    def raw(field: str, text: bytes) -> bytes:
        return json.dumps({**record, field: "@"}).encode().replace(b'"@"', text)

    payloads = {
        "nothing": b" ",
        "NUL bytes": b"\0" * 40,
        "random bytes": bytes(range(128, 256)),
        "a thousand arrays": raw("attributes", b"[" * 1_000 + b"]" * 1_000),
        "a hundred thousand brackets, open": b"[" * 60_000,
        "nested objects": raw("attributes", b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
        "larger than allowed": given(trace="x" * 70_000),
        "a megabyte": given(trace="x" * 1_000_000),
        "NUL in text": given(customer_id="ana\0"),
        "byte order mark": b"\xef\xbb\xbf" + good,
        "UTF-16": good.decode().encode("utf-16"),
        "half a surrogate pair": raw("customer_id", rb'"\ud800"'),
        "key twice": good[:-1] + b',"customer_id":"somebody else"}',
        "overlong UTF-8": good.replace(b'"customer_id"', b'"customer_id\xc0\xaf"'),
        "a billion": raw("attributes", b'{"n":1e999999999}'),
        "ten thousand digits": raw("attributes", b'{"n":' + b"9" * 10_000 + b"}"),
        "minus": raw("attributes", b'{"n":-}'),
        "NaN": raw("attributes", b'{"n":NaN}'),
        "no such time": given(occurred_at="2026-02-30T25:61:61Z"),
        "the year 2099": given(signal_id="from-2099", occurred_at="2099-12-31T23:59:59Z"),
        "the year 10000": given(occurred_at="10000-01-01T00:00:00Z"),
        "the year 1601": given(occurred_at="1601-01-01T00:00:00Z"),
        "an object for an id": given(signal_id={"$gt": ""}),
        "an empty id": given(customer_id=""),
        "SQL for a channel": given(channel="web'; DROP TABLE decisions; --"),
        "a path for a brand": given(brand="../../../etc/passwd"),
        "a template for a type": given(type="{{7*7}}${7*7}"),
        "an empty array": b"[]",
        "null": b"null",
        "two objects": good + good,
        "cut off": good[: len(good) // 2],
        "XML": b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>',
        "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.",
    }
    attributes = {
        "traceparent": "x" * 1_024,
        "schema": "\u202egnihton",
        "k" * 256: "v" * 1_024,
        "a \U0001f600 key": "\x01",
    }
    return [
        (name, (payload, attributes if number % 2 else {}))
        for number, (name, payload) in enumerate(payloads.items())
    ]


class Mixed:
    """Adds hostile messages to good ones: as many as make up a share of all.

    Args:
      share: Of all messages, less than 1.
    """

    def __init__(self, share: float) -> None:
        self.sent: list[str] = []
        self._owed, self._each = 0.0, share / (1 - share)
        self._kinds: cycle[tuple[str, Message]] | None = None

    def __call__(self, messages: Sequence[Message]) -> list[Message]:
        """The good ones, with attributes that mean nothing, and the bad ones that are due among them."""
        if self._kinds is None:
            self._kinds = cycle(hostile(messages[0][0]))
        mixed: list[Message] = []
        for message in messages:
            mixed.append((message[0], {"traceparent": "z" * 1_024, "noise": "n" * 1_024}))
            self._owed += self._each
            while self._owed >= 1:
                self._owed -= 1
                name, bad = next(self._kinds)
                self.sent.append(name)
                mixed.append(bad)
        return mixed
