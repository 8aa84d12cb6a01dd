"""The MPI decorator, where Metaflow looks for it."""

from metaflow_extensions.gangway.mpi.decorator import MpiDecorator

__all__ = ["MpiDecorator"]
