"""Faults, injected between real servers, and the promises that must survive them."""
