"""Descriptions of builds, checked beyond their schema."""
