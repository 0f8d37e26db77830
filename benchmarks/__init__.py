"""Measurements, beside other ways to do the same job. Nothing here is needed to run Nextbeam."""
