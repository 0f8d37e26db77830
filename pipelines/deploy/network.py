"""The network of this process, off: what is built without a cloud shows that it needs none."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn
from unittest import mock

import grpc.aio  # it opens channels, too  # noqa: F401
from grpc._cython import cygrpc

_ASKS = ("connect", "connect_ex", "sendto", "sendmsg")
_HERE = ("localhost:", "127.0.0.1:", "[::1]:")


class NetworkUsedError(RuntimeError):
    """Something wanted to reach another machine while the network was off."""


@contextmanager
def no_network(*, services_here: bool = False) -> Iterator[None]:
    """Within, nothing in this process connects: neither Python's sockets nor gRPC, which has its own.

    A channel of gRPC that was opened before stays open.

    Args:
      services_here: gRPC may reach this machine, where Beam runs its service for Java.
    """

    def refuse(*to: Any, **_: Any) -> NoReturn:
        raise NetworkUsedError(f"the network is off, and {to[-1]!r} was asked for")

    with ExitStack() as off:
        for name in _ASKS:
            off.enter_context(mock.patch.object(socket.socket, name, refuse))
        off.enter_context(mock.patch.object(socket, "getaddrinfo", refuse))
        for name in ("Channel", "AioChannel"):
            channel = _channel(getattr(cygrpc, name), services_here=services_here)
            off.enter_context(mock.patch.object(cygrpc, name, channel))
        yield


def _channel(real: Any, *, services_here: bool) -> Any:
    """In the place of gRPC's own channel, below whatever opens one."""

    def opened(target: bytes, *more: Any, **named: Any) -> Any:
        if services_here and target.decode().startswith(_HERE):
            return real(target, *more, **named)
        raise NetworkUsedError(f"the network is off, and {target.decode()!r} was asked for")

    return opened
