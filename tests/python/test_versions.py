"""The versions of python/pyproject.toml and DESCRIPTION, and what has to repeat them."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from metaflow_extensions.gangway.engine.embed import OLDEST_R
from metaflow_extensions.gangway.ray.decorator import MIN_RAY

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
bounds, requirements = map(importlib.import_module, ("bounds", "requirements"))


def parts(requirement: str) -> tuple[str, str]:
    """A package, and the versions that are asked for."""
    found = re.match(r"([A-Za-z0-9-]+)(?:\[.*?\])?([^;]*)", requirement)
    assert found, requirement
    return found[1], found[2].strip()


def constraint(beginning: str, condition: str) -> tuple[str, str]:
    """The version of a package that R's side limits, and the version of R's side from which on."""
    found = [c for c in OURS["constraints"] if c.startswith(beginning) and f"; {condition} " in c]
    assert len(found) == 1
    version, limit = re.findall(r"\d[\d.]*", found[0].removeprefix(beginning))
    return version, limit


PYPROJECT = requirements.tomllib.loads(requirements.PATH.read_text())
PROJECT = PYPROJECT["project"]
OURS = PYPROJECT["tool"]["gangway"]
EXTRAS = PROJECT["optional-dependencies"]
WANTED = dict(map(parts, [*PROJECT["dependencies"], *EXTRAS["ray"], *EXTRAS["r"]]))
OLDEST = {name: re.findall(r">=([0-9.]+)", versions)[0] for name, versions in WANTED.items()}
PYTHON = PROJECT["requires-python"].removeprefix(">=")
R = re.findall(r"^Depends: R \(>= (.*)\)$", (ROOT / "DESCRIPTION").read_text(), re.MULTILINE)[0]
NEW_RPY2, R_OF_NEW_RPY2 = constraint("rpy2-rinterface>=", "R >=")
_, RETICULATE = constraint("numpy<", "reticulate <")

# How texts speak of them. Another wording is not found: use one of these.
SAID = {
    r"Python (?:\(>= )?(\d[\d.]*\d)(?:\)| or later| or newer)": PYTHON,
    r"any Python from (\d[\d.]*\d)": PYTHON,
    r"^python_version = \"(.*)\"": PYTHON,
    r"^target-version = \"py(.*)\"": PYTHON.replace(".", ""),
    r"\bpython: \[\"(.*?)\"": PYTHON,
    r"(?<!;\s)\bR (?:>= |\(>= )(\d[\d.]*\d)|\bR (\d[\d.]*\d) or later(?!, or an older rpy2)": R,
    r"\bR (\d[\d.]*\d) or later, or an older rpy2": R_OF_NEW_RPY2,
    r"\br: \"(\d\.\d)\"": R,
    r"\bRay (?:>= )?(\d[\d.]*\d) or later|^(?:#' )?(2[\d.]*\d) or later": OLDEST["ray"],
    r"ray(?:\[[a-z,]+\])?>=([\d.]+)": OLDEST["ray"],
    r"[Mm]etaflow ?>= ?(\d[\d.]*\d)": OLDEST["metaflow"],
    r"reticulate (?:is |that is )?(?:older than|before) (\d[\d.]*\d)": RETICULATE,
    r"\b(\d[\d.]*\d) (?:up to R|below R)": OLDEST["rpy2-rinterface"],
    r"\b(\d[\d.]*\d)(?: or later)? from (?:R|there)|^# From (\d[\d.]*\d) on": NEW_RPY2,
}


def texts() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a checkout")
    left_out = ("tests/", "NEWS.md", "renv.lock", "docker/requirements.txt")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and not name.startswith(left_out):
            yield name, path.read_text(errors="replace")


def test_all_texts_speak_of_the_same_versions() -> None:
    wrong, unused = [], set(SAID)
    for name, text in texts():
        for said, version in SAID.items():
            pattern = said.replace(" ", r"\s+")  # lines are broken anywhere
            for found in re.finditer(pattern, text, re.MULTILINE):
                unused.discard(said)
                if next(filter(None, found.groups())) != version:
                    wrong.append(f"{name}: {found[0]} (it is {version})")
    assert wrong == []
    assert unused == set()


def test_the_core_has_the_same_minimums() -> None:
    assert ".".join(map(str, OLDEST_R)) == R
    assert ".".join(map(str, MIN_RAY)) == OLDEST["ray"]


def test_r_has_the_same_requirements() -> None:
    code = (ROOT / "R/python-versions.R").read_text()
    assert re.findall(r'oldest_python <- "(.*)"', code) == [PYTHON]
    listed = re.findall(r"python_packages <- c\((.*?)\n\)", code, re.DOTALL)[0]
    packages = dict(re.findall(r'([a-z0-9-]+)"? = "(.*?)"', listed))
    assert {name: v for name, v in packages.items() if name in WANTED} == WANTED
    assert {name for name in packages if name not in WANTED} == {"numpy", "pandas"}
    assert re.findall(r'^  "(.*; .*?)",?$', code, re.MULTILINE) == OURS["constraints"]


def test_a_conda_environment_has_the_same_requirements() -> None:
    code = (ROOT / "R/graph-conda.R").read_text()
    listed = re.findall(r"packages_of_core <- list\((.*)\)", code)[0]
    packages = dict(re.findall(r'(\w+) = "(.*?)"', listed))
    # conda-forge has rpy2 whole, whose number need not be that of its part.
    lower, upper = packages["rpy2"].split(",")
    assert upper == WANTED["rpy2-rinterface"].split(",")[1]
    assert lower.rpartition(".")[0] == WANTED["rpy2-rinterface"].split(",")[0].rpartition(".")[0]
    assert packages["psutil"] == WANTED["psutil"]


def test_the_image_has_the_same_requirements() -> None:
    lines = (ROOT / "docker/requirements.in").read_text().splitlines()
    image = dict(parts(line) for line in lines if line and not line.startswith("#"))
    rpy2, upper = "rpy2-rinterface", WANTED["rpy2-rinterface"].split(",")[1]
    assert {name: image[name] for name in WANTED if name != rpy2} == {
        name: versions for name, versions in WANTED.items() if name != rpy2
    }
    last = (ROOT / "docker/rpy2.in").read_text().splitlines()[-1]
    assert last == f"{rpy2}>={NEW_RPY2},{upper}"


def test_what_is_bounded_is_so_wherever_it_is_wanted() -> None:
    lists = [*PYPROJECT["dependency-groups"].values(), *EXTRAS.values(), PROJECT["dependencies"]]
    wanted = [parts(line) for lines in lists for line in lines]
    for name in OURS["bounded"]:
        assert {versions for other, versions in wanted if other == name} == {WANTED[name]}
        assert ",<" in WANTED[name]


def test_the_newest_releases_are_asked_for_without_these_bounds() -> None:
    names = OURS["bounded"]
    assert requirements.newest("ray[train]>=2.52,<2.61", "releases", names) == "ray[train]>=2.52"
    assert requirements.newest("metaflow>=2.19,<2.20", "pre-releases", names) == (
        "metaflow>=2.19.dev0"
    )
    assert requirements.newest("kubernetes<36", "releases", names) == "kubernetes<36"


def test_constraints_depend_on_the_version_of_r_and_reticulate() -> None:
    debian_12 = requirements.constraints(PYPROJECT, {"R": "4.2.2", "reticulate": "1.28"})
    assert debian_12 == ["rpy2-rinterface<3.6.6", "numpy<2", "pyarrow<26"]
    newer = requirements.constraints(PYPROJECT, {"R": "4.5.0", "reticulate": "1.38.0"})
    assert newer == ["rpy2-rinterface>=3.6.6"]


def test_a_bound_is_raised_in_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in bounds.FILES:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text((ROOT / file).read_text())
    monkeypatch.setattr(bounds, "ROOT", tmp_path)
    changed = {
        name: [file for file in bounds.FILES if bounds.raise_bound(file, name, "99.1")]
        for name in OURS["bounded"]
    }
    python, r, image, rpy2 = bounds.FILES
    assert changed == {
        "metaflow": [python, r, image],
        "ray": [python, r, image],
        "rpy2-rinterface": [python, r, rpy2],
    }
    for file in bounds.FILES:
        text = (tmp_path / file).read_text()
        assert "<99.1" in text and not re.search(r"(metaflow|ray|rinterface).*,<(?!99)", text)
        assert not bounds.raise_bound(file, "ray", "2.1")
