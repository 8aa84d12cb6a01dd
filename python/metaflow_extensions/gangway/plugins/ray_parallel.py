"""The Ray decorators, where Metaflow looks for them."""

from metaflow_extensions.gangway.ray.decorator import MetaflowRayDecorator, RayParallelDecorator

__all__ = ["MetaflowRayDecorator", "RayParallelDecorator"]
