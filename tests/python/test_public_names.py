"""What Python code imports from metaflow: the public names, without R and at no cost."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

from metaflow_extensions.gangway import exceptions
from metaflow_extensions.gangway.gang.checkpoints import GangCheckpoints
from metaflow_extensions.gangway.r.robject import RObject
from metaflow_extensions.gangway.toplevel import names
from metaflow_extensions.gangway.torchrun.executor import TorchrunSingleNodeMultiGPU

LOOK = """
import json, sys
import metaflow
from metaflow import RException, RObject, gang_profile, ray_parallel
print(json.dumps({"names": sorted(vars(metaflow)), "modules": sorted(sys.modules)}))
"""


def test_metaflow_offers_the_names_and_starts_no_r() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert set(names.__all__) <= set(seen["names"])
    heavy = {"rpy2", "ray", "numpy", "pandas", "metaflow_extensions.gangway.engine"}
    assert heavy & set(seen["modules"]) == set()


def test_every_exception_is_offered_and_nothing_else() -> None:
    raised = {
        name: value
        for name, value in vars(exceptions).items()
        if inspect.isclass(value) and value.__module__ == exceptions.__name__
    }
    more = {
        "GangCheckpoints": GangCheckpoints,
        "RObject": RObject,
        "TorchrunSingleNodeMultiGPU": TorchrunSingleNodeMultiGPU,
    }
    assert {name: getattr(names, name) for name in names.__all__} == raised | more
    # Metaflow copies all that the module holds.
    assert {n for n in vars(names) if not n.startswith("__")} == set(names.__all__)


# What the five packages' documents and examples import.
PEERS = """
import json
from metaflow import TorchrunSingleNodeMultiGPU, deepspeed, metaflow_ray, mpi, tensorflow, torchrun
from metaflow.plugins.deepspeed_libs.executor import DeepspeedExecutor
print(json.dumps([x.__module__ for x in (TorchrunSingleNodeMultiGPU, DeepspeedExecutor)]))
"""


def test_the_names_of_the_five_packages_are_there() -> None:
    assert modules_of_peers() == [
        "metaflow_extensions.gangway.torchrun.executor",
        "metaflow_extensions.gangway.deepspeed.executor",
    ]


def test_names_belong_to_the_packages_that_are_installed(tmp_path: Path) -> None:
    plugins = tmp_path / "metaflow_extensions" / "deepspeed" / "plugins"
    toplevel = tmp_path / "metaflow_extensions" / "torchrun" / "toplevel"
    for folder in (plugins / "deepspeed_libs", toplevel):
        folder.mkdir(parents=True)
    (plugins / "mfextinit_deepspeed.py").write_text(
        "STEP_DECORATORS_DESC = [('deepspeed', '.deepspeed_libs.executor.Deco')]\n"
        "__mf_promote_submodules__ = ['deepspeed_libs']\n"
    )
    (plugins / "deepspeed_libs" / "executor.py").write_text(
        "from metaflow.decorators import StepDecorator\n"
        "class Deco(StepDecorator): name = 'deepspeed'\n"
        "class DeepspeedExecutor: pass\n"
    )
    (toplevel / "mfextinit_torchrun.py").write_text("toplevel = 'names'\n")
    (toplevel / "names.py").write_text("class TorchrunSingleNodeMultiGPU: pass\n")
    code = PEERS.replace(", torchrun\n", "\n")  # the stand-in has no such decorator
    assert modules_of_peers(code, tmp_path) == [
        "metaflow_extensions.torchrun.toplevel.names",
        "metaflow_extensions.deepspeed.plugins.deepspeed_libs.executor",
    ]


def modules_of_peers(code: str = PEERS, beside: Path | None = None) -> list[str]:
    path = [str(beside)] if beside else []
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))
