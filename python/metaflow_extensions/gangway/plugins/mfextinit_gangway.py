"""The names that Metaflow discovers; paths are relative to this package."""

from importlib.util import find_spec as _find_spec

STEP_DECORATORS_DESC = [("ray_parallel", ".ray_parallel.RayParallelDecorator")]

# @metaflow_ray is the second name of @ray_parallel, and belongs to the package metaflow-ray where
# that is installed.
try:
    _theirs = _find_spec("metaflow_extensions.ray")
except ModuleNotFoundError:
    _theirs = None
if _theirs is None:
    STEP_DECORATORS_DESC.append(("metaflow_ray", ".ray_parallel.MetaflowRayDecorator"))

ARTIFACT_SERIALIZERS_DESC = [("r", ".r_serializer.RSerializer")]
