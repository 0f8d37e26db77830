"""Import mappings: a YAML file that turns the rows of any event table into signals and outcomes."""

from models.mapping.compile import Contract, Reshape
from models.mapping.direct import Direct
from models.mapping.load import (
    ImportMapping,
    MappingFileError,
    load_mapping,
)
from models.mapping.spec import MappingSpec
from models.mapping.values import MappingError, SkippedError

__all__ = [
    "Contract",
    "Direct",
    "ImportMapping",
    "MappingError",
    "MappingFileError",
    "MappingSpec",
    "Reshape",
    "SkippedError",
    "load_mapping",
]
