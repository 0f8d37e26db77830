"""Ports for servers on this machine: one that is free, or the given one if it is."""

import random
import socket
from contextlib import suppress
from pathlib import Path

from pipelines.local.processes import ServerError

HOST = "127.0.0.1"
_FIRST, _LAST = 20_000, 32_000
"""Below what Linux hands out to outgoing connections: no client can sit on a port that a server is to come back to."""
_TRIES = 200
_LISTENS = "0A"


def claim_port(port: int | None, *, what: str, flag: str) -> int:
    """The given port, checked to be free, or a free one.

    Args:
      port: A number, or None to have one chosen.
      what: Who wants it, for the message.
      flag: How the user gives another one.

    Raises:
      ServerError: The given port is taken, or none is free.
    """
    if port is not None:
        if not 0 < port < 65_536:
            raise ServerError(
                f"{flag}: {port} is no port; give one of 1 to 65535, or none to have one chosen"
            )
        if not _free(port):
            raise ServerError(
                f"{what}: port {port} is taken{_holder(port)}; stop what listens there, "
                f"give another one by {flag}, or none to have one chosen"
            )
        return port
    for chosen in random.SystemRandom().sample(range(_FIRST, _LAST), _TRIES):
        if _free(chosen):
            return chosen
    raise ServerError(f"{what}: none of {_TRIES} ports tried between {_FIRST} and {_LAST} is free")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection of theirs that has just ended does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    """` by process N (name)`, as far as Linux lets us see it."""
    try:
        tables = [Path(f"/proc/net/{name}").read_text("ascii") for name in ("tcp", "tcp6")]
        inodes = {
            fields[9]
            for line in "".join(tables).splitlines()
            if (fields := line.split())[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port
        }
        sockets = {f"socket:[{inode}]" for inode in inodes}
        for process in Path("/proc").glob("[0-9]*"):
            if sockets and sockets & _open(process):
                return f" by process {process.name} ({(process / 'comm').read_text('utf-8').strip()})"
    except OSError:
        pass
    return ""


def _open(process: Path) -> set[str]:
    """What a process has open, as far as it is ours to see."""
    found = set()
    with suppress(OSError):
        for link in (process / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                found.add(str(link.readlink()))
    return found
