"""What all commands of `nextbeam` have in common."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # argparse has no public name for it
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

Command = Callable[[argparse.Namespace, list[str]], int]


def add_command(
    commands: "Commands", name: str, command: Command, text: str, epilog: str = ""
) -> argparse.ArgumentParser:
    """A command that `text` tells of in a list and, as a sentence, in its own help; the caller adds its flags."""
    added = commands.add_parser(
        name,
        help=text,
        description=_sentence(text),
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added.set_defaults(command=command)
    return added


def add_group(commands: "Commands", name: str, text: str, dest: str = "name") -> "Commands":
    """A command that has commands of its own, to be added to what this returns; `dest` holds which one it is."""
    added = commands.add_parser(name, help=text, description=_sentence(text), allow_abbrev=False)
    return added.add_subparsers(title="commands", metavar="COMMAND", required=True, dest=dest)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
