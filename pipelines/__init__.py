"""Flags, endpoints, and the graph on one page. Nothing here decides anything."""
