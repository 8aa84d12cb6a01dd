"""An AWS for tests, on one machine and without Docker (see cloud.py)."""
