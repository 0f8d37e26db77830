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
        description=text[0].upper() + text[1:] + ".",
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added.set_defaults(command=command)
    return added
