"""A task of a foreach reads its element and not the list; a join reads each artifact once."""

from __future__ import annotations

import contextlib
import gzip
import random
import shutil
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")

from metaflow.datastore import FlowDataStore
from metaflow.plugins.datastores.local_storage import LocalStorage
from metaflow.task import ForeachFrame
from metaflow_extensions.gangway.exceptions import ArtifactException
from metaflow_extensions.gangway.mf import fast_gzip, gzip_parts
from metaflow_extensions.gangway.r import foreach
from metaflow_extensions.gangway.r.robject import RObject
from metaflow_extensions.gangway.r.session import RSession

MB = 1 << 20


class Flow:
    """As much of a running flow as the end of a step and a task of a foreach look at."""

    _current_step = "start"

    def __init__(self, datastore: Any = None) -> None:
        self._datastore = datastore
        self._graph = {"start": SimpleNamespace(foreach_param="x")}
        self._foreach_stack: list[Any] = []
        self._cached_input: dict[int, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self._datastore is None or name not in self._datastore:
            raise AttributeError(name)
        return self._datastore[name]


class Store:
    """Metaflow's own store in a folder, with gangway's packing."""

    def __init__(self, root: Path | str, storage: Any = LocalStorage) -> None:
        self.flow = FlowDataStore("PartFlow", None, storage_impl=storage, ds_root=str(root))
        self.read: list[str] = []
        load = self.flow._storage_impl.load_bytes

        def load_bytes(paths: list[str]) -> Any:
            self.read += paths
            self.requests += 1
            return load(paths)

        self.requests = 0
        self.flow._storage_impl.load_bytes = load_bytes

    def task(self, number: int, **artifacts: Any) -> Any:
        writer = self.flow.get_task_datastore("1", "start", str(number), attempt=0, mode="w")
        writer.init_task()
        writer.save_artifacts(iter(artifacts.items()))
        writer.done()
        return self.flow.get_task_datastore("1", "start", str(number))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    fast_gzip.enable()
    return Store(tmp_path / "store")


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes that were unpacked, of each piece and each whole blob."""
    from metaflow.datastore.content_addressed_store import ContentAddressedStore

    counts: list[int] = []
    piece, whole = gzip_parts.Parts._unpack, ContentAddressedStore._unpack_v1
    last = [b""]

    def one(self: Any, i: int) -> bytes:
        data = piece(self, i)
        if data is not last[0]:
            counts.append(len(data))
        last[0] = data
        return data

    def all_of(self: Any, blob: Any) -> bytes:
        data = whole(self, blob)
        counts.append(len(data))
        return data

    monkeypatch.setattr(gzip_parts.Parts, "_unpack", one)
    monkeypatch.setattr(ContentAddressedStore, "_unpack_v1", all_of)
    return counts


def in_r(code: str) -> RObject:
    engine = RSession.current()
    engine._ri.evalr(f"items <- {code}")
    value = engine.decode(engine._runtime["encode"](engine._ri.globalenv["items"]))
    assert isinstance(value, RObject)
    return value


def same(value: Any, expected: str) -> bool:
    """Whether R has something equal for what it is given; environments by their variables."""
    engine = RSession.current()
    engine._ri.globalenv["got"] = engine._runtime["decode"](engine.encode(value))
    engine._ri.evalr(f"wanted <- {expected}")
    return bool(engine._ri.evalr("identical(got, wanted) || isTRUE(all.equal(got, wanted))")[0])


def split(store: Store, value: Any) -> tuple[Any, int]:
    flow = Flow()
    flow.x = value
    foreach.prepare(flow)
    count = sum(1 for _ in flow.x)
    return store.task(1, x=flow.x), count


def task(datastore: Any, count: int, index: int) -> Flow:
    flow = Flow(datastore)
    flow._foreach_stack = [ForeachFrame("each", "x", count, index, None)]
    return flow


# What is large, by what R code takes an element of `items`.
ROW = "items[{i}, , drop = FALSE]"
LARGE = {
    "numbers": ("lapply(1:4, function(i) rnorm(5e5) + i)", "items[[{i}]]"),
    "frames": (
        "lapply(1:4, function(i) data.frame(x = runif(2e5), y = factor('a'), z = i))",
        "items[[{i}]]",
    ),
    "named": (
        "list(a = runif(1e6), b = NULL, c = 'text', d = as.Date('2024-01-01'))",
        "items[[{i}]]",
    ),
    "functions": (
        "list(stats::sd, structure(runif(1e6), k = quote(a + b)), y ~ x, quote(a$b),"
        " getNamespace('stats'))",
        "items[[{i}]]",
    ),
    "nested": (
        "{d <- data.frame(g = 1:4); d$data <- lapply(1:4, function(i) runif(3e5)); d}",
        ROW,
    ),
    "shared": (
        "local({big <- runif(1e5); lapply(1:4, function(i) list(runif(3e5), function() i))})",
        "items[[{i}]]",
    ),
    "classed": ("structure(lapply(1:4, function(i) runif(3e5)), class = 'mine')", "items[[{i}]]"),
    "texts": ("lapply(1:4, function(i) strrep(letters[i], 3e6))", "items[[{i}]]"),
    "many_environments": (
        "lapply(1:2, function(i) lapply(1:3000, function(j) new.env(parent = emptyenv())))",
        "items[[{i}]]",
    ),
    "environment": ("list2env(list(b = runif(3e5), a = 1:3))", "get(c('a', 'b')[{i}], items)"),
    "strings": ("vapply(1:4, function(i) strrep(letters[i], 3e6), '')", "items[[{i}]]"),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_task_reads_its_element(store: Store, unpacked: list[int], kind: str) -> None:
    code, element = LARGE[kind]
    value = in_r(code)
    datastore, count = split(store, value)
    whole = len(datastore["x"].data)
    for i in range(count):
        del unpacked[:]
        flow = task(datastore, count, i)
        got = foreach.element(flow)
        assert same(got, element.format(i=i + 1)), (kind, i)
        size = len(got.data) if isinstance(got, RObject) else 0
        # Whole pieces are unpacked, also that with the description.
        assert sum(unpacked) <= size + 3 * MB and sum(unpacked) < whole + MB, (kind, i, unpacked)
        assert not flow._cached_input and "x" not in vars(flow)
        if whole >= MB:  # else Metaflow may read all
            foreach.settle_inputs(flow)
            assert 0 in flow._cached_input
            assert same(flow._cached_input[0], element.format(i=i + 1)), (kind, i)


def test_from_s3_a_task_asks_for_its_element_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    moto = pytest.importorskip("moto", reason="moto stands for S3")
    import boto3
    from metaflow import S3
    from metaflow.plugins.datastores.s3_storage import S3Storage

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fast_gzip.enable()
    came: list[int] = []
    get = S3.get

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = get(self, *args, **kwargs)
        came.append(len(found.blob))
        return found

    with moto.mock_aws():
        boto3.client("s3").create_bucket(Bucket="parts")
        store = Store("s3://parts/metaflow", S3Storage)
        datastore, count = split(store, in_r("lapply(1:8, function(i) rnorm(5e5) + i)"))
        monkeypatch.setattr(S3, "get", counted)
        for i in (0, 7):
            del came[:]
            assert same(foreach.element(task(datastore, count, i)), f"items[[{i + 1}]]")
            assert sum(came) < 4 * MB + 3 * MB, came  # of 32 MB


@pytest.mark.parametrize("kind", ["numbers", "nested", "shared"])
def test_the_artifact_stays_the_object(store: Store, kind: str) -> None:
    value = in_r(LARGE[kind][0])
    datastore, count = split(store, value)
    stored = datastore["x"]
    assert same(stored, "items") and len(stored) == count == 4
    assert stored.data[: stored.info["bytes"]] == value.data[: value.info["bytes"]]
    assert same(RObject(stored.data), "items") and same(stored[2], LARGE[kind][1].format(i=3))
    # Split once more, in a later step, it stays as it is.
    flow = Flow()
    flow.x = stored
    foreach.prepare(flow)
    assert flow.x.data == stored.data


@pytest.mark.parametrize("kind", LARGE)
def test_python_goes_over_what_it_went_over(store: Store, kind: str) -> None:
    value = in_r(LARGE[kind][0])
    flow = Flow()
    flow.x = value
    foreach.prepare(flow)
    for i, one in enumerate(flow.x):
        assert same(one, LARGE[kind][1].format(i=i + 1))
        assert isinstance(one, RObject) or type(one) in (int, str, type(None))
        about = one.info if isinstance(one, RObject) else {"type": None}
        assert about["type"] != "character" or about["length"] != 1


def test_small_lists_and_what_has_no_index_are_read_whole(store: Store) -> None:
    datastore, count = split(store, in_r("list(1, 'a', c(b = 2))"))
    flow = task(datastore, count, 2)
    assert same(foreach.element(flow), "items[[3]]") and "x" not in vars(flow)
    # As gangway has stored it before: no index, and not in pieces.
    value = in_r(LARGE["numbers"][0])
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(fast_gzip, "SMALLEST", 1 << 40)
        old = store.task(2, x=value)
    assert same(foreach.element(task(old, 4, 3)), "items[[4]]")


def test_a_list_that_was_assigned_anew_is_told(store: Store) -> None:
    datastore, _ = split(store, in_r(LARGE["numbers"][0]))
    with pytest.raises(ArtifactException, match="index 1 of 3, and 'x' has 4 elements now"):
        foreach.element(task(datastore, 3, 1))


def test_damaged_pieces_are_no_elements() -> None:
    data = random.Random(1).randbytes(3 * MB + 5)
    packed = gzip_parts.pack(data, lambda piece: gzip.compress(piece, 1)).getvalue()
    assert gzip.decompress(packed) == data

    def parts(blob: bytes) -> gzip_parts.Parts:
        return gzip_parts.Parts(lambda start, n: blob[start : start + n], len(blob))

    whole = parts(packed)
    draw = random.Random(2)
    for _ in range(50):
        start, stop = sorted(draw.choices(range(len(data) + 1), k=2))
        assert whole.read(start, stop) == data[start:stop]
    assert whole.read(0, whole.size) == data
    for blob in (packed[:-1], packed[1:], b"", gzip.compress(data)):
        with pytest.raises(ValueError):
            parts(blob)
    hurt = bytearray(packed)
    hurt[MB // 2] ^= 1
    assert parts(bytes(hurt)).read(MB, MB + 9) == data[MB : MB + 9]
    with pytest.raises(ValueError):
        parts(bytes(hurt)).read(0, 9)


def test_the_packed_bytes_have_few_pieces_however_many_there_are() -> None:
    packed = gzip_parts.pack(bytes(40_000), lambda piece: gzip.compress(piece, 1))
    assert isinstance(packed, BytesIO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gzip_parts, "PIECE", 1)
        blob = gzip_parts.pack(bytes(40_000), lambda piece: gzip.compress(piece, 1)).getvalue()
    parts = gzip_parts.Parts(lambda start, n: blob[start : start + n], len(blob))
    assert parts.read(39_998, 40_000) == bytes(2) and parts.size == 40_000


def test_a_join_reads_each_artifact_once_in_few_requests(store: Store) -> None:
    engine = RSession.current()
    stores = [store.task(i, y=i % 900, other=[i]) for i in range(1000)]
    flows = [Flow(one) for one in stores]
    handles = [float(engine._handle(flow)) for flow in flows]
    engine._ri.evalr("gather <- function(f, new, h) f(new(h, NULL), 'y')")
    store.read.clear()
    store.requests = 0
    handed = engine._ri.ListSexpVector([engine._ri.FloatSexpVector([h]) for h in handles])
    runtime = engine._runtime
    engine._ri.globalenv["got"] = engine._ri.globalenv["gather"](
        runtime["gather_inputs"], runtime["new_inputs"], handed
    )
    assert engine._ri.evalr("identical(got, as.list(as.integer((0:999) %% 900)))")[0]
    assert len(store.read) == len(set(store.read)) == 900
    assert store.requests <= 12
    assert store.flow.ca_store._blob_cache is None
    assert all(set(vars(flow)) == set(vars(Flow())) for flow in flows)
