"""The rooms of the Python core: no import runs up, and there is no circle of imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "python/metaflow_extensions/gangway"
NAME = "metaflow_extensions.gangway"
# From the bottom; rooms of one floor do not know each other.
FLOORS = (
    "did_you_mean peers times",
    "exceptions rds signals",
    "mf warm",
    "values gang.machine gang.link",
    "run gang.output",
    "gang aws",
    "gang.programs",
    "engine ray torchrun deepspeed mpi tensorflow gang_profile",
    "ray_r",
    "r",
    "plugins toplevel",
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}


def modules() -> dict[str, Path]:
    parts = {path: path.relative_to(CORE).with_suffix("").parts for path in CORE.rglob("*.py")}
    return {".".join(p).removesuffix(".__init__"): path for path, p in parts.items()}


def imports(module: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules that a module imports, also later, but not for annotations alone."""
    tree = ast.parse(path.read_text())
    typing = {
        inside
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inside in ast.walk(node)
    }
    package = [*NAME.split("."), *module.split(".")][: None if path.stem == "__init__" else -1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in typing:
            base = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            for name in node.names:
                found = f"{base}.{name.name}".removeprefix(NAME + ".")
                found = found if found in known else base.removeprefix(NAME + ".")
                if found in known:
                    yield found


def room(module: str) -> str:
    parts = module.split(".")
    return next(r for n in (2, 1) if (r := ".".join(parts[:n])) in FLOOR)


def test_no_import_runs_up() -> None:
    known = modules()
    wrong = [
        f"{module} imports {other}"
        for module, path in known.items()
        for other in imports(module, path, known)
        if room(other) != room(module) and FLOOR[room(other)] >= FLOOR[room(module)]
    ]
    assert wrong == []


def test_there_is_no_circle_of_imports() -> None:
    known = modules()
    left = {module: set(imports(module, path, known)) for module, path in known.items()}
    assert sum(map(len, left.values())) > 300
    # What imports none of the rest, or is imported by none, is in no circle.
    while free := {
        module
        for module, others in left.items()
        if not others & left.keys() or not any(module in of for of in left.values())
    }:
        left = {module: others for module, others in left.items() if module not in free}
    assert left == {}


def test_the_package_has_the_shared_r_code_and_no_other() -> None:
    links = {path.name: path.resolve() for path in (ROOT / "R").iterdir() if path.is_symlink()}
    shared = {path.name: path for path in (CORE / "runtime/shared").iterdir()}
    assert links == shared and shared


# Where a later release of another project is met: what it does not document is used nowhere else.
DOORS = {
    "engine.": r"\brpy2\.rinterface",
    "ray.private": r"\b_raylet\b|internal_kv|_private\b|ray\.(scripts|core)\b|gcs_server_port",
    "mf.": r"\._(current_step|datastore|foreach_stack|cached_input|graph|flow_state|storage_impl)\b"
    r"|_control_mapper_tasks|_update_env|_vendor|\._suffixes\b|(?<!self)\._blob_cache|_local_multinode",
}


def test_what_is_not_documented_has_one_door() -> None:
    for door, names in DOORS.items():
        code = {m: ast.unparse(ast.parse(path.read_text())) for m, path in modules().items()}
        users = {m for m, text in code.items() if re.search(names, _without_docstrings(text))}
        assert users and [user for user in sorted(users) if not user.startswith(door)] == []


def _without_docstrings(code: str) -> str:
    return re.sub(r'"""[\s\S]*?"""', "", code)


SIGNALS = r"signal\.signal\(|os\.kill(pg)?\(|\.send_signal\(|pthread_kill|raise_signal|SIGKILL\)"


def test_who_handles_or_sends_signals_is_in_the_table() -> None:
    from metaflow_extensions.gangway import signals

    table = str(signals.__doc__)
    for module, path in modules().items():
        if re.search(SIGNALS, path.read_text()):
            file = f"``{module.replace('.', '/')}.py``"
            assert f"`{module.removeprefix('signals.')}" in table or file in table, module
