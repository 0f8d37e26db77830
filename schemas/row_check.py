"""Whether a record can be written down at all: asked before the sinks, as one that is refused a row may try for ever.

A contract's columns are derived from it, so a record that keeps its contract fits its table. Structs are not checked
when code of ours makes them; here they are, by what checks what comes in: written as JSON, read back, compared.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec


@cache
def record_check(contract: type[msgspec.Struct]) -> Callable[[Any], str | None]:
    """The function that says what is wrong with a record of this contract, as rule and path; None: nothing.

    No value is repeated in the answer: it may be personal.
    """
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(contract).decode

    def fault(record: Any) -> str | None:
        if type(record) is not contract:
            return f"{type(record).__name__} is no {contract.__name__}"
        try:
            same = decode(encode(record)) == record
        except msgspec.ValidationError as error:
            return str(error)
        except UnicodeEncodeError:
            return "text that UTF-8 cannot write"
        except OverflowError:
            return "an integer beyond 64 bits"
        return None if same else "a number that is not finite"

    return fault
