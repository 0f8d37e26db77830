"""What is derived from the contracts: one walk over their types, one module per target format."""
