"""The TensorFlow decorator, where Metaflow looks for it."""

from metaflow_extensions.gangway.tensorflow.decorator import TensorflowDecorator

__all__ = ["TensorflowDecorator"]
