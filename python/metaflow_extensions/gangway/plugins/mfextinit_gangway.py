"""The names that Metaflow discovers; paths are relative to this package."""

from ..peers import is_installed as _is_installed

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


STEP_DECORATORS_DESC += [d for ext, d in _SHARED_NAMES.items() if not _is_installed(ext)]

# What their users import from metaflow.plugins.
__mf_promote_submodules__ = [] if _is_installed("deepspeed") else ["deepspeed_libs"]

ARTIFACT_SERIALIZERS_DESC = [("r", "..r.serializer.RSerializer")]
