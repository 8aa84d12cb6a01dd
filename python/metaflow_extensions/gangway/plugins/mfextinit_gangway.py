"""The names that Metaflow discovers; paths are relative to this package."""

from importlib.util import find_spec as _find_spec

STEP_DECORATORS_DESC = [
    ("gang_profile", "..gang_profile.decorator.GangProfileDecorator"),
    ("ray_parallel", "..ray.decorator.RayParallelDecorator"),
]

# Names that metaflow-ray, metaflow-torchrun and so on gave their decorators belong to them where
# they are installed.
_SHARED_NAMES = {
    "ray": ("metaflow_ray", "..ray.decorator.MetaflowRayDecorator"),
    "deepspeed": ("deepspeed", "..deepspeed.decorator.DeepspeedDecorator"),
    "mpi": ("mpi", "..mpi.decorator.MpiDecorator"),
    "tensorflow": ("tensorflow", "..tensorflow.decorator.TensorflowDecorator"),
    "torchrun": ("torchrun", "..torchrun.decorator.TorchrunDecorator"),
}


def _is_installed(extension: str) -> bool:
    try:
        return _find_spec(f"metaflow_extensions.{extension}") is not None
    except ModuleNotFoundError:
        return False


STEP_DECORATORS_DESC += [d for ext, d in _SHARED_NAMES.items() if not _is_installed(ext)]

ARTIFACT_SERIALIZERS_DESC = [("r", "..r.serializer.RSerializer")]
