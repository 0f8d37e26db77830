"""One deterministic msgpack coder per contract. The only module of this layer that knows Beam."""

from typing import Any

import msgspec
from apache_beam.coders import typecoders
from apache_beam.coders.coder_impl import CallbackCoderImpl, CoderImpl
from apache_beam.coders.coders import Coder
from apache_beam.typehints import typehints

from schemas import CONTRACTS
from schemas.packing import encoder


class ContractCoder(Coder):
    """Bytes of one contract: msgpack maps by field name, map keys sorted, so equal values are equal bytes.

    Pickled by reference to the contract, so that the graph is the same bytes at every launch, and a worker gets the
    class it knows. Bytes that lack a defaulted field, or have fields this code does not know, decode.
    """

    def __init__(self, contract: type[msgspec.Struct]) -> None:
        self.contract = contract
        self._encode = encoder()
        self._decode = msgspec.msgpack.Decoder(contract).decode

    def encode(self, value: Any) -> bytes:
        """The bytes of one struct."""
        return self._encode(value)

    def decode(self, encoded: bytes) -> Any:
        """The struct of these bytes.

        Raises:
          msgspec.MsgspecError: They are no bytes of this contract.
          ValueError: A time in them is after the year 9999.
        """
        return self._decode(encoded)

    def _create_impl(self) -> CoderImpl:
        # Bound C methods: in a running pipeline no Python frame of ours is entered.
        return CallbackCoderImpl(self._encode, self._decode, self.estimate_size)

    def is_deterministic(self) -> bool:
        """Yes: it may code keys."""
        return True

    def to_type_hint(self) -> type[msgspec.Struct]:
        """The contract."""
        return self.contract

    @classmethod
    def from_type_hint(cls, typehint: Any, registry: Any) -> "ContractCoder":  # type: ignore[override]  # noqa: ARG003
        """The coder of the contract `typehint`."""
        return cls(typehint)

    def __reduce__(self) -> tuple[type["ContractCoder"], tuple[type[msgspec.Struct]]]:
        return ContractCoder, (self.contract,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ContractCoder) and other.contract is self.contract

    def __hash__(self) -> int:
        return hash((ContractCoder, self.contract))

    def __repr__(self) -> str:
        return f"ContractCoder({self.contract.__name__})"


class UnionCoder(Coder):
    """Bytes of one of several contracts: its position in `CONTRACTS`, then its own bytes.

    Without it a collection of `Signal | Outcome` would be pickled.
    """

    def __init__(self) -> None:
        self._encode = encoder()
        self._tags = {contract: bytes([tag]) for tag, contract in enumerate(CONTRACTS)}
        self._decoders = [msgspec.msgpack.Decoder(contract).decode for contract in CONTRACTS]

    def encode(self, value: Any) -> bytes:
        """The bytes of one struct of any contract."""
        return self._tags[value.__class__] + self._encode(value)

    def decode(self, encoded: bytes) -> Any:
        """The struct of these bytes, of the contract it was."""
        return self._decoders[encoded[0]](encoded[1:])

    def is_deterministic(self) -> bool:
        """Yes: it may code keys."""
        return True

    @classmethod
    def from_type_hint(cls, typehint: Any, registry: Any) -> "UnionCoder":  # type: ignore[override]  # noqa: ARG003
        """The coder of a union.

        Raises:
          TypeError: Not all its members are contracts.
        """
        members = typehint.union_types if isinstance(typehint, typehints.UnionConstraint) else [typehint]
        if not set(members).issubset(CONTRACTS):
            raise TypeError(f"{typehint} is no union of contracts")
        return cls()

    def __reduce__(self) -> tuple[type["UnionCoder"], tuple[()]]:
        return UnionCoder, ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnionCoder)

    def __hash__(self) -> int:
        return hash(UnionCoder)


_SIGNAL_OR_OUTCOME = typehints.Union[CONTRACTS[:2]]


def register() -> None:
    """Make Beam use these coders for the contracts. Importing this module did it; again does no harm."""
    for contract in CONTRACTS:
        typecoders.registry.register_coder(contract, ContractCoder)
    if not isinstance(typecoders.registry.get_coder(_SIGNAL_OR_OUTCOME), UnionCoder):
        typecoders.registry.register_fallback_coder(UnionCoder)


register()
