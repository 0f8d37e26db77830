"""The decision model as pure code: no Beam, no clock, no I/O but loaders that take a path."""
