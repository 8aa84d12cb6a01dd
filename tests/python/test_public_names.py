"""What Python code imports from metaflow: the public names, without R and at no cost."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

from metaflow_extensions.gangway import exceptions
from metaflow_extensions.gangway.r.robject import RObject
from metaflow_extensions.gangway.toplevel import names

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
    assert {name: getattr(names, name) for name in names.__all__} == raised | {"RObject": RObject}
    # Metaflow copies all that the module holds.
    assert {n for n in vars(names) if not n.startswith("__")} == set(names.__all__)
