"""``from metaflow.plugins.deepspeed_libs.executor import DeepspeedExecutor``."""

from ...deepspeed.executor import DeepspeedExecutor

__all__ = ["DeepspeedExecutor"]
