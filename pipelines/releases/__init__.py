"""What Cloud Build asks of a release that is on trial: compare it, watch it."""
