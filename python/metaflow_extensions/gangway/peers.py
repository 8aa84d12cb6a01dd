"""Whether one of the packages is here whose names gangway has as well: they are its own then."""

from importlib.util import find_spec


def is_installed(extension: str) -> bool:
    """Whether an extension of Metaflow is installed, by its name, as ``"torchrun"``."""
    try:
        return find_spec(f"metaflow_extensions.{extension}") is not None
    except ModuleNotFoundError:
        return False
