"""Where Metaflow finds the serializer of R objects."""

from ..r.serializer import RSerializer

__all__ = ["RSerializer"]
