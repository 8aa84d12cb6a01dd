"""The public names, which Metaflow offers as its own: ``from metaflow import RObject``.

Metaflow adds the decorators by itself (`plugins/`). ``import metaflow`` loads all of this anyway,
for the decorators and the serializer. `TorchrunSingleNodeMultiGPU` is metaflow-torchrun's where
that is installed.
"""

from ..exceptions import (
    ArtifactException,
    CardException,
    ConfigException,
    DeploymentException,
    GangAttributeException,
    GangFormationException,
    GangLostException,
    GangRuntimeException,
    GangwayException,
    ImageException,
    LaunchException,
    LibraryNotFoundException,
    PortTakenException,
    PythonStepException,
    RayDashboardException,
    RayNotFoundException,
    RException,
    RStartException,
    ScriptNotFoundException,
    StepExitException,
)
from ..gang.checkpoints import GangCheckpoints
from ..peers import is_installed
from ..r.robject import RObject

# What Metaflow adds to its version, as "2.19.39+gangway(0.1.0)".
__mf_extensions__ = "gangway"
__version__ = "0.1.0"

__all__ = [
    "ArtifactException",
    "CardException",
    "ConfigException",
    "DeploymentException",
    "GangAttributeException",
    "GangCheckpoints",
    "GangFormationException",
    "GangLostException",
    "GangRuntimeException",
    "GangwayException",
    "ImageException",
    "LaunchException",
    "LibraryNotFoundException",
    "PortTakenException",
    "PythonStepException",
    "RException",
    "RObject",
    "RStartException",
    "RayDashboardException",
    "RayNotFoundException",
    "ScriptNotFoundException",
    "StepExitException",
]

if not is_installed("torchrun"):
    from ..torchrun.executor import TorchrunSingleNodeMultiGPU

    __all__ += ["TorchrunSingleNodeMultiGPU"]
del is_installed  # Metaflow copies all that is here
