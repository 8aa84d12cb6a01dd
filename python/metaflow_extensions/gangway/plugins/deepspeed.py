"""The DeepSpeed decorator, where Metaflow looks for it."""

from metaflow_extensions.gangway.deepspeed.decorator import DeepspeedDecorator

__all__ = ["DeepspeedDecorator"]
