"""Import mappings: a YAML file that turns the rows of any event table into signals and outcomes."""

from models.mapping.compile import Contract, Reshape
from models.mapping.load import (
    SHIPPED,
    ImportMapping,
    MappingFileError,
    MappingFinding,
    find_mapping,
    load_mapping,
)
from models.mapping.spec import MappingSpec
from models.mapping.values import MappingError, SkippedError

__all__ = [
    "SHIPPED",
    "Contract",
    "ImportMapping",
    "MappingError",
    "MappingFileError",
    "MappingFinding",
    "MappingSpec",
    "Reshape",
    "SkippedError",
    "find_mapping",
    "load_mapping",
]
