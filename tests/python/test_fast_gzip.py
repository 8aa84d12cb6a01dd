"""Artifacts that are packed with isal are those that any Metaflow reads, and the other way round.

Each side is a process of its own: one with Metaflow as it is, one in which an R flow was opened.
"""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("isal", reason="without isal Metaflow's own gzip is used")

PYTHON = Path(__file__).resolve().parents[2] / "python"

# Saves blobs in Metaflow's store below a folder, or loads them from several.
STORE = """
import random, sys
from pathlib import Path
import metaflow
from metaflow.datastore.content_addressed_store import ContentAddressedStore
from metaflow.plugins.datastores.local_storage import LocalStorage

BLOBS = [b"", b"small", bytes(3_000_000), random.Random(1).randbytes(3_000_000)]
HEAD
what, folders, *keys = sys.argv[1:]
for folder in folders.split(","):
    store = ContentAddressedStore("blobs", LocalStorage(folder))
    if what == "save":
        for saved in store.save_blobs(iter(BLOBS)):
            print(saved.key)
    else:
        loaded = dict(store.load_blobs(keys))
        assert [loaded[key] for key in keys] == BLOBS, folder
"""

ISAL = "from metaflow_extensions.gangway.r import RBundle\nRBundle('flow.py')\nRBundle('flow.py')"
NO_ISAL = f"sys.modules['isal'] = None\n{ISAL}"
# A later Metaflow whose method takes something else: it is left alone.
OTHER_METAFLOW = f"""
own = ContentAddressedStore._pack_v1
ContentAddressedStore._pack_v1 = lambda self, blob, more=None: own(self, blob)
{ISAL}"""
PLAIN = ""


def store(folder: Path, head: str, *args: str) -> list[str]:
    """Run the script; return the words that it printed."""
    path = {"PYTHONPATH": str(PYTHON)} if head else {}
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", STORE.replace("HEAD", head), *args],
        cwd=folder,
        env={**env, **path, "METAFLOW_HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def packed_here(folder: Path, key: str) -> bool:
    """Whether a gzip file's header has no time: Metaflow's own has one."""
    return (folder / "blobs" / key[:2] / key).read_bytes()[4:8] == bytes(4)


def test_every_process_reads_what_any_other_wrote(tmp_path: Path) -> None:
    writers = {"plain": PLAIN, "isal": ISAL, "no_isal": NO_ISAL, "other": OTHER_METAFLOW}
    for folder, writer in writers.items():
        keys = store(tmp_path, writer, "save", folder)
        ours = writer in (ISAL, NO_ISAL)
        assert [packed_here(tmp_path / folder, k) for k in keys] == [False, False, ours, ours]
    for reader in (PLAIN, ISAL, NO_ISAL):
        store(tmp_path, reader, "load", ",".join(writers), *keys)


def test_a_damaged_blob_is_an_error(tmp_path: Path) -> None:
    keys = store(tmp_path, ISAL, "save", "store")
    file = tmp_path / "store" / "blobs" / keys[3][:2] / keys[3]
    whole = file.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    for damaged in (whole[: len(whole) // 2], bytes(changed)):
        file.write_bytes(damaged)
        with pytest.raises(AssertionError, match="Could not unpack artifact"):
            store(tmp_path, ISAL, "load", "store", *keys)


@pytest.mark.parametrize("compressor", ["isal", "zlib"])
def test_what_does_not_get_smaller_is_put_in_as_it_is(
    monkeypatch: pytest.MonkeyPatch, compressor: str
) -> None:
    import metaflow  # noqa: F401  (before an extension's module)
    from metaflow_extensions.gangway.mf import fast_gzip

    if compressor == "zlib":
        monkeypatch.setitem(sys.modules, "isal", None)
    pack = fast_gzip._pack(None)
    noise, text = random.Random(1).randbytes(1 << 20), b"some words " * 100_000
    sizes = {}
    for name, blob in {"noise": noise, "mixed": noise[: 1 << 19] + text, "text": text}.items():
        packed = pack(None, blob).getvalue()
        assert gzip.decompress(packed) == blob
        sizes[name] = len(packed)
    assert len(noise) < sizes["noise"] < 1.001 * len(noise), "stored, with the heads of blocks"
    assert sizes["mixed"] < 0.6 * len(noise)
    assert sizes["text"] < 0.05 * len(text)


FLOW = """
import random
from metaflow import FlowSpec, step
BUNDLE

class GzipFlow(FlowSpec):
    @step
    def start(self):
        self.x = random.Random(2).randbytes(3_000_000)
        self.next(self.end)

    @step
    def end(self):
        assert self.x == random.Random(2).randbytes(3_000_000)

if __name__ == "__main__":
    GzipFlow()
"""


@pytest.mark.parametrize("is_r", [True, False], ids=["R flow", "Python flow"])
def test_only_tasks_of_r_flows_use_isal(tmp_path: Path, is_r: bool) -> None:
    bundle = "from metaflow_extensions.gangway.r import RBundle\nR = RBundle(__file__)"
    (tmp_path / "flow.py").write_text(FLOW.replace("BUNDLE", bundle if is_r else ""))
    env = {k: v for k, v in os.environ.items() if not k.startswith("METAFLOW_")}
    subprocess.run(
        [sys.executable, "flow.py", "--no-pylint", "run"],
        cwd=tmp_path,
        env={**env, "PYTHONPATH": str(PYTHON), "METAFLOW_USER": "tester"},
        check=True,
        capture_output=True,
    )
    data = tmp_path / ".metaflow" / "GzipFlow" / "data"
    large = [f for f in data.glob("*/*") if f.stat().st_size > 1_000_000]
    assert [f.read_bytes()[4:8] == bytes(4) for f in large] == [is_r]
    # A client that knows nothing of gangway, in the flow's folder.
    code = (
        "import metaflow as m; m.namespace(None); print(len(m.Flow('GzipFlow').latest_run.data.x))"
    )
    env.pop("PYTHONPATH", None)
    read = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={
            **env,
            "METAFLOW_USER": "tester",
            "METAFLOW_CLIENT_CACHE_PATH": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
    )
    assert read.stdout.strip() == "3000000", read.stderr
