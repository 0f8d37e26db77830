"""Which tests should find the faults of a file."""

_CHANGES = "contact_plan_changes"
_LEDGER = ("ledger", "household", "attribution", _CHANGES)
_DECODING = ("kernel_decoding", "decoding", "decoding_properties")
TESTS = {
    "models/ledger/limits.py": ("contact_limits", "household"),
    "models/ledger/counts.py": ("contact_limits", "household"),
    "models/ledger/tallies.py": ("contact_limits", "household", _CHANGES),
    "models/ledger/suppressions.py": ("suppressions",),
    "models/ledger/attribution.py": ("attribution",),
    "models/ledger/fold.py": _LEDGER,
    "models/ledger/answering.py": _LEDGER,
    "models/ledger/forgetting.py": _LEDGER,
    "models/ledger/book.py": ("contact_limits", *_LEDGER),
    "models/ledger/deciding.py": ("contact_limits", *_LEDGER),
    "models/ledger/refusals.py": ("contact_limits", *_LEDGER),
    "models/ledger/offering.py": ("contact_limits", "ledger"),
    "models/ledger/household.py": ("household",),
    "models/ledger/influences.py": ("influences",),
    "models/ledger/rounds.py": ("ledger",),
    "models/gates.py": ("availability", "care", "quiet_hours"),
    "models/care.py": ("care",),
    "models/quiet_hours.py": ("quiet_hours",),
    "models/context/fold.py": ("told_late", "context"),
    "models/exploration/hurdles.py": ("hurdles",),
    "models/volumes/book.py": ("volumes", "volume_exempt", "volume_decisions"),
    "models/volumes/quotes.py": ("volumes", "volume_decisions"),
    "models/volumes/windows.py": ("volume_windows", "volumes"),
    "models/volumes/pacing.py": ("volumes", "volume_exempt", "volume_decisions"),
    "models/collector.py": ("collector",),
    "models/stored.py": ("stored",),
    "models/features/shapes.py": ("shapes",),
    "models/decoding/quick.py": ("decoding", "kernel_decoding"),
    "models/mapping/direct.py": ("kernel_decoding",),
    "transforms/compressed.py": ("compressed",),
    "transforms/gathering.py": ("gathered",),
    "models/kernel/context_ending.pxi": ("kernel_context",),
    "models/kernel/decoding.pyx": _DECODING,
    "models/kernel/decoding_facts.pxi": _DECODING,
    "models/kernel/ledger_bidding.pxi": ("kernel_folding",),
    "models/kernel/ledger_drawing.pxi": ("kernel_folding",),
    "schemas/kernel/packing.pyx": ("kernel_packing",),
    "schemas/kernel/packing_bytes.pxi": ("kernel_packing",),
    "schemas/kernel/packing_shapes.pxi": ("kernel_packing",),
    "schemas/kernel/unpacking_fields.pxi": ("kernel_unpacking",),
}
"""What is tried first, by file."""

WITH_KERNEL = {
    "models/decoding/quick.py",
    "models/mapping/direct.py",
}
"""Python that is nothing without the compiled form."""
