"""The torchrun decorator, where Metaflow looks for it."""

from metaflow_extensions.gangway.torchrun.decorator import TorchrunDecorator

__all__ = ["TorchrunDecorator"]
