"""The licences of all that the image installs: read from what is installed here, held to a list of those we accept.

python -m scripts.supply.licences           # write docs/licences.md
python -m scripts.supply.licences --check   # is it up to date, and is everything accepted?
"""

import re
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from types import MappingProxyType

from scripts.supply.locks import ROOT, Pin, of_image, read

DOCUMENT = ROOT / "docs" / "licences.md"

ACCEPTED: Mapping[str, str] = MappingProxyType(
    {
        "0BSD": "no condition",
        "Apache-2.0": "notice; grants patents",
        "BSD-2-Clause": "notice",
        "BSD-3-Clause": "notice",
        "CC0-1.0": "no condition",
        "CNRI-Python": "notice",
        "ISC": "notice",
        "MIT": "notice",
        "MIT-0": "no condition",
        "MIT-CMU": "notice",
        "MPL-2.0": "changes to its own files are to be published; we change none",
        "PSF-2.0": "notice",
        "Zlib": "notice",
    }
)
"""By SPDX identifier, what each asks of those who run it and do not hand it on."""

_SAID = MappingProxyType(
    {
        "3-clause bsd license": "BSD-3-Clause",
        "apache 2.0": "Apache-2.0",
        "apache license, version 2.0": "Apache-2.0",
        "apache software license": "Apache-2.0",
        "bsd 3-clause license": "BSD-3-Clause",
        "mit license": "MIT",
        "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
        "python software foundation license": "PSF-2.0",
    }
)
"""What packages write where they name no SPDX identifier."""

_READ = MappingProxyType(
    {
        "jinja2": "BSD-3-Clause",
        "pyasn1-modules": "BSD-2-Clause",
        "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
        "scipy": "BSD-3-Clause",
        "sqlparse": "BSD-3-Clause",
    }
)
"""Of packages that only say BSD: what the licence file says that comes with them, read by us."""

_WORD = re.compile(r"[A-Za-z0-9.+-]+")
_CHOICE = re.compile(r"[A-Za-z0-9.+-]+( OR [A-Za-z0-9.+-]+)+")


class LicenceError(ValueError):
    """A package whose licence is unknown, or not accepted."""


def expression(said: str | None, text: str | None, classifiers: Iterable[str]) -> str | None:
    """The licence as an SPDX expression, by the first of a package's ways to say it that we understand.

    Args:
      said: `License-Expression`, an SPDX expression by definition.
      text: `License`: a name, an expression, or a whole licence.
      classifiers: Those under `License ::`; several of them mean a choice.
    """
    if said:
        return said
    name = (text or "").strip()
    if name.lower() in _SAID:
        return _SAID[name.lower()]
    if name in ACCEPTED or (_CHOICE.fullmatch(name) and not refused(name)):
        return name
    named = sorted({_SAID.get(each.rpartition(":: ")[2].lower(), "?") for each in classifiers})
    return " OR ".join(named) if named and "?" not in named else None


def refused(licence: str) -> set[str]:
    """The identifiers in an expression that stand in the way: of a choice, all of the best alternative.

    `A OR B` needs one of them accepted, `A AND B` both. Parentheses nest; AND binds tighter, as in SPDX.
    """
    tokens = re.findall(r"\(|\)|[^\s()]+", licence)
    left, rest = _choice(tokens)
    if rest:
        raise LicenceError(f"{licence!r} is no SPDX expression")
    return left


def _choice(tokens: list[str]) -> tuple[set[str], list[str]]:
    best, rest = _all(tokens)
    while rest and rest[0] == "OR":
        other, rest = _all(rest[1:])
        best = min(best, other, key=len)
    return best, rest


def _all(tokens: list[str]) -> tuple[set[str], list[str]]:
    left, rest = _one(tokens)
    while rest and rest[0] == "AND":
        more, rest = _one(rest[1:])
        left = left | more
    return left, rest


def _one(tokens: list[str]) -> tuple[set[str], list[str]]:
    if tokens and tokens[0] == "(":
        left, rest = _choice(tokens[1:])
        if rest[:1] != [")"]:
            raise LicenceError("a parenthesis of a licence is not closed")
        return left, rest[1:]
    if not tokens or not _WORD.fullmatch(tokens[0]) or tokens[0] in {"AND", "OR", "WITH"}:
        raise LicenceError("a licence ends where an identifier should stand")
    return ({tokens[0]} - ACCEPTED.keys()), tokens[1:]


def licences(pins: Iterable[Pin]) -> dict[str, str]:
    """Each package's licence, by name.

    Raises:
      LicenceError: With all packages whose licence is unknown or not accepted.
    """
    found = {pin.name: _of(pin) for pin in pins}
    unknown = [f"{name}: says no licence that we know" for name, licence in found.items() if licence is None]
    known = {name: licence for name, licence in found.items() if licence is not None}
    unknown += [f"{name}: {licence} is not accepted" for name, licence in known.items() if refused(licence)]
    if unknown:
        raise LicenceError("\n".join(unknown))
    return known


def _of(pin: Pin) -> str | None:
    try:
        about = distribution(pin.name)
    except PackageNotFoundError:
        raise LicenceError(f"{pin.name} is not installed here; `make setup`") from None
    if about.version != pin.version:
        raise LicenceError(f"{pin.name} {about.version} is installed, locked is {pin.version}; `make setup`")
    said = {
        name: about.metadata.get_all(name) or [] for name in ("License-Expression", "License", "Classifier")
    }
    classifiers = [each for each in said["Classifier"] if each.startswith("License ::")]
    first = next(iter(said["License-Expression"]), None), next(iter(said["License"]), None)
    return expression(*first, classifiers) or _READ.get(pin.name)


def document(pins: Iterable[Pin], known: Mapping[str, str]) -> str:
    """docs/licences.md."""
    used = {word for licence in known.values() for word in _WORD.findall(licence)}
    rows = [
        f"| {pin.name} | {pin.version} | {known[pin.name]} |"
        for pin in sorted(pins, key=lambda pin: pin.name)
    ]
    asked = [f"| {name} | {asks} |" for name, asks in sorted(ACCEPTED.items()) if name in used]
    return "\n".join(
        [
            "# Licences of what the image installs",
            "",
            "Written by `python -m scripts.supply.licences` from the packages of requirements.lock. A test keeps it up",
            "to date, and fails on a package whose licence is unknown or not among those accepted in that module.",
            "",
            "| licence | asks of us |",
            "| --- | --- |",
            *asked,
            "",
            "| package | version | licence |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main(argv: list[str]) -> int:
    """Write or check the document; 1: it is out of date, or a licence is not accepted."""
    pins = of_image(read())
    try:
        text = document(pins, licences(pins))
    except LicenceError as error:
        print(error, file=sys.stderr)
        return 1
    if "--check" not in argv:
        DOCUMENT.write_text(text, "utf-8")
    elif not DOCUMENT.is_file() or DOCUMENT.read_text("utf-8") != text:
        print("docs/licences.md is out of date; run `python -m scripts.supply.licences`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
