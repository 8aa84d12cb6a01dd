"""Both languages know the same words, and the formats have the bytes of docs/wire-formats.md."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import metaflow  # noqa: F401  (before an extension's module)
import pytest
from metaflow_extensions.gangway.engine import answers
from metaflow_extensions.gangway.r import client, foreach_index
from metaflow_extensions.gangway.ray_r import immediate, primitives, wire
from metaflow_extensions.gangway.rds import trailer
from metaflow_extensions.gangway.values import describe, robject

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "python/metaflow_extensions/gangway"
INFO = {"class": ["numeric"], "type": "double", "length": 1, "dim": None, "r": "4.2.2"}
STREAM = b"B\n\3\0\0\0rest"


def r_function(path: str, name: str) -> str:
    """The code of an R function, which ends with the first brace that begins a line."""
    code = (ROOT / path).read_text() if path.startswith("R/") else (CORE / path).read_text()
    found = re.search(rf"^{name} <- [\s\S]*?^\}}", code, re.MULTILINE)
    assert found, f"{name} of {path}"
    return found[0]


def cases(code: str) -> set[str]:
    """The names of the branches of a switch()."""
    body = code[code.index("switch(") :]
    indent = re.search(r"\n( +)", body)
    assert indent
    branches = re.findall(rf"^{indent[1]}((?:[\w.]+ = (?:, )?)+)", body, re.MULTILINE)
    return set(re.findall(r"[\w.]+", " ".join(branches)))


def words(module: Any) -> set[str]:
    """The strings of a module of one word."""
    return set(re.findall(r'"([a-z.]+)[ "]', Path(module.__file__).read_text()))


def test_the_tags_of_answers_are_the_same_in_both_languages() -> None:
    values = "runtime/task/values.R"
    python = {answers.PLAIN, answers.R, answers.PARTS, answers.ERROR}
    assert cases(r_function(values, "decode")) == python
    written = "".join(r_function(values, name) for name in ("encode", "asked"))
    tags = set(re.findall(r'list\("(\w+)"', written))
    assert tags == {answers.PLAIN, answers.R, answers.REFUSED}


def test_r_knows_how_tasks_end() -> None:
    code = (CORE / "runtime/shared/ray-core.R").read_text()
    found = re.search(r"^task_ends <- c\((.*)\)$", code, re.MULTILINE)
    assert found
    names = re.findall(r'"(\w+)"', found[1])
    numbers = {"small": wire.OK_SMALL, "large": wire.OK_LARGE}
    numbers |= {"r_error": wire.R_ERROR, "failed": wire.FAILED}
    assert {name: number for number, name in enumerate(names)} == numbers
    assert cases(r_function("runtime/shared/ray-core.R", "outcomes")) == set(names)


def test_r_knows_what_is_to_be_restored() -> None:
    known = cases(r_function("runtime/shared/restore.R", "restore_value"))
    assert known == {"element", "data.table", "data.tables", "bundle", "marshal"}
    of_python = {"element"} & words(foreach_index), {"data.table"} & words(describe)
    assert of_python == ({"element"}, {"data.table"})
    assert {"bundle", "marshal"} <= words(robject)


def test_the_client_reads_what_is_fetched() -> None:
    read = r_function("R/client-artifact.R", "read_fetched")
    read += (ROOT / "R/client-run-values.R").read_text()
    compared = set(re.findall(r'== "(\w+)"|!= "(\w+)"', read))
    assert {one or other for one, other in compared} >= {"py", "r", "missing", "differs"}
    assert words(client) >= {"py", "r", "parts", "missing", "differs"}


def test_workers_know_actors_by_what_python_calls_them() -> None:
    code = r_function("runtime/worker/ray-worker.R", "fill_slots")
    assert 'startsWith(name, "actor ")' in code and "substring(name, 7L)" in code
    assert 'f"actor {number}"' in (CORE / "ray_r/worker.py").read_text()


def test_r_asks_for_functions_that_python_has() -> None:
    code = "".join(path.read_text() for path in (CORE / "runtime").rglob("ray-*.R"))
    asked = set(re.findall(r"\bdriver(?:\(\))?\$(\w+)\(", code))
    others = {"read_value", "put_numbers"}  # which tasks and sessions have each of their own
    assert asked - others <= set(primitives.PRIMITIVES)


def test_an_artifact_ends_with_its_description_its_length_and_the_mark() -> None:
    stored = trailer.add_trailer(STREAM, {**INFO, "restore": []})
    text = (
        b'{"version":1,"class":["numeric"],"type":"double","length":1,"dim":null,"r":"4.2.2",'
        b'"restore":[],"bytes":10}'
    )
    assert stored == STREAM + text + len(text).to_bytes(4, "little") + b"gangwayR"
    assert trailer.read_trailer(stored) == json.loads(text)
    assert trailer.ENCODING == "r-serialize-v3"


def test_copies_of_elements_stand_before_the_description() -> None:
    places = {**INFO, "restore": [], "elements": {"copies": [10, 13]}}
    stored = STREAM + b"abc" + trailer.trailer(len(STREAM), places)
    info = trailer.read_trailer(stored)
    assert (info["version"], info["bytes"]) == (2, 10)


def test_a_later_version_is_refused_by_name() -> None:
    text = json.dumps({"version": trailer.VERSION + 1}).encode()
    stored = STREAM + text + len(text).to_bytes(4, "little") + trailer.MAGIC
    with pytest.raises(trailer.FormatError, match=r"a later gangway wrote it .*: update"):
        trailer.read_trailer(stored)


def test_readers_know_all_types_that_python_writes() -> None:
    assert set(describe._TYPES.values()) <= set(trailer._TYPES)


def test_a_small_task_is_one_string() -> None:
    key, job, args = bytes(range(32)), b"job", b"arguments"
    (whole,) = wire.message(job, key, args)
    assert whole == key + b"\3\0\0\0" + job + args
    read = wire.read_message((whole, ["name"], "object"), lambda reference: None)
    assert (read[0], read[1](), *read[2:]) == (key, job, args, (["name"], "object"))


def test_a_large_task_is_three_items() -> None:
    key, args = bytes(range(32)), bytes(wire.LARGE)
    given = wire.message(["reference"], key, args)
    assert given[:2] == (key, ["reference"])
    read = wire.read_message((*given, "more"), lambda reference: wire.Blob(b"job"))
    assert (read[0], bytes(read[1]()), read[2], read[3]) == (key, b"job", args, ("more",))


def test_a_value_begins_with_the_length_of_what_was_said() -> None:
    for size in (9, wire.LARGE):
        written = b"\4\0\0\0" + b"said" + bytes(size)
        packed = wire.pack_value(written)
        head, front, value = wire.unpack_value(packed)
        assert (head, front, bytes(value)) == (written[:8], b"", bytes(size))
        assert isinstance(packed, wire.Blob) == (size == wire.LARGE)
    assert re.search(
        rf"^no_conditions <- raw\({len(wire.SILENT)}L\)",
        (CORE / "runtime/shared/ray-core.R").read_text(),
        re.MULTILINE,
    )


def test_a_blob_takes_its_head_and_front_along() -> None:
    again = pickle.loads(pickle.dumps(wire.Blob(b"data", b"head", b"front"), protocol=5))
    assert (bytes(again.data), again.head, again.front) == (b"data", b"head", b"front")


def test_a_submission_is_two_integers_and_the_arguments() -> None:
    data = (7).to_bytes(4, "little") + (2).to_bytes(4, "little") + b"arguments"
    assert wire.read_submission(data) == (7, 2, b"arguments")


def test_a_failure_is_its_kind_a_newline_and_text() -> None:
    assert wire.failure("died", "é\nb") == b"died\n\xc3\xa9\nb"
    assert 'regexpr("\\n", text' in r_function("runtime/shared/ray-core.R", "failure_text")


def test_the_words_of_a_parcel_are_read_as_they_are_written() -> None:
    written = r_function("runtime/shared/parcel.R", "write_parcel")
    read = r_function("runtime/shared/parcel.R", "open_parcel")
    for word in ('"gangway"', '"global"', '"base"', '"search:"'):
        assert word in written and word in read


def test_immediate_conditions_have_a_prefix_of_their_own() -> None:
    assert immediate._PREFIX == b"gangway-immediate/"
