"""Where Metaflow finds the names for its own top level: ``from metaflow import RObject``."""

toplevel = "names"
