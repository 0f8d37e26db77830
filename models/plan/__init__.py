"""The decision plan: written as YAML, checked whole, compiled once."""
