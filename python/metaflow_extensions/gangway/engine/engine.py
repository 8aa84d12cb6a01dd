"""R in this process, with the functions of ``runtime/`` loaded: what tasks and Ray's workers share.

Imports no Metaflow: Ray's workers run R without it, and it would cost each of them 0.2 s.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..rds.scan import problem_of
from ..rds.trailer import add_trailer, trailer
from ..signals.interrupt import r_evaluation, take_sigint_back
from ..signals.threads import block_signals
from ..values import asking
from ..values.asking import RRefusal
from ..values.robject import RObject
from . import embed, fork
from .answers import PLAIN, REFUSED, R, answering, tagged
from .calls import Calls
from .convert import encoded, to_python, to_r
from .stream import RStream
from .vectors import bytes_to_raw, raw_to_bytes

_RUNTIME = Path(__file__).resolve().parents[1] / "runtime"
# They define functions, so that their order does not matter.
_SOURCES = [
    path for room in ("shared", "task", "worker") for path in sorted((_RUNTIME / room).glob("*.R"))
]


Describe = Callable[[bytes, int, dict[str, Any]], dict[str, Any]]


class _Functions(dict[str, Any]):
    """Functions of the runtime by name, looked up once."""

    def __init__(self, runtime: Any) -> None:
        super().__init__()
        self._runtime = runtime

    def __missing__(self, name: str) -> Any:
        self[name] = self._runtime[name]
        return self[name]


class REngine:
    """R inside this process. Use `REngine.current` of the class that is wanted.

    Raises
    ------
    RStartException
        Where R cannot be started.
    """

    _current: REngine | None = None

    def __init__(self) -> None:
        self._ri = embed.start()
        self._callbacks: list[Any] = []
        self._runtime = self._load_runtime()
        self._functions = _Functions(self._runtime)
        self._by_name = Calls(self._runtime)
        self._held: RObject | None = None
        self._stream: RStream | None = None
        self.provide({})
        for function in (fork.call_with_gil, fork.fork):
            closure = self._ri.rternalize(function)
            self._callbacks.append(closure)
            self._runtime[function.__name__] = closure
        self._by_name.call("guard_parallel", *fork.after_fork())
        self._by_name.call("guard_reticulate")

    @classmethod
    def current(cls) -> Any:
        """Return this process's engine, started at the first call."""
        if REngine._current is None:
            REngine._current = asking.running = cls()
        return REngine._current

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function of the runtime with plain values and return R's value (a ``Sexp``).

        Signals interrupt R, and are handled when it has returned.
        """
        embed.clear_interrupt_flag()
        with r_evaluation(embed.set_interrupt_flag):
            try:
                return self.evaluate(name, *arguments)
            finally:
                embed.clear_interrupt_flag()

    def evaluate(self, name: str, *arguments: Any) -> Any:
        """Do the same as `call`, but leave signals until R has returned."""
        converted = [to_r(a, self._ri) for a in arguments]
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            return self._by_name.call(name, *converted)
        finally:
            embed.flush()

    def element(self, value: RObject, index: int | str) -> Any:
        """Element ``index`` (from 0, or its name) of an R object, as R's ``[[`` gives it.

        R keeps the object until another one is asked for, or `release` is called: Metaflow counts
        the elements of a foreach one by one.

        Raises
        ------
        RRefusal
            R has no such element.
        """
        self._hold(value)
        return self._ask("held_element", index if isinstance(index, str) else float(index + 1))

    def count(self, value: RObject, what: str) -> int:
        """How many elements R finds in an object; `what` begins the error if it has none to give.

        Raises
        ------
        ArtifactException
            R has no elements of it, as of a function.
        """
        self._hold(value)
        answer = self.plain(self.call("held_count"))
        if isinstance(answer, str):
            from ..exceptions import ArtifactException  # Metaflow's, which Ray's workers do without

            raise ArtifactException(
                f"{what}: R has no elements of {value!r} ({answer}). Make a list of what each task "
                "needs."
            )
        return int(answer)

    def length(self, value: RObject) -> int | None:
        """R's ``length()`` of an object; None of an S4 object that is no container."""
        self._hold(value)
        length = self._ask("held_length")
        return None if length is None else int(length)

    def _hold(self, value: RObject) -> None:
        if value is not self._held:
            value.check()
            self._held = None
            self._ask("hold", value.data, value.info["restore"])
            self._held = value

    def _ask(self, name: str, *arguments: Any) -> Any:
        answer = self.call(name, *arguments)
        if answer[0][0] == REFUSED:
            raise RRefusal(*answer[1])
        return self.decode(answer)

    def release(self) -> None:
        """Let R forget the object that `element` was asked about."""
        if self._held is not None:
            self._held = None
            self.call("release")

    def encode(self, value: Any) -> Any:
        """Make what runtime's ``decode()`` understands."""
        if isinstance(value, RObject):
            value.check()
            restore = self._ri.StrSexpVector(value.info["restore"])
            return tagged(self._ri, R, bytes_to_raw(value.data), restore)
        return tagged(self._ri, *encoded(value, self.encode, self._ri))

    def decode(self, answer: Sequence[Any], describe: Describe | None = None) -> Any:
        """Return the Python value of what runtime's ``encode()`` made.

        Parameters
        ----------
        answer : sequence
            What it made.
        describe : callable, optional
            Says what the description has more, of the serialization, its size and the description.
        """
        kind, payload, *data = answer
        if kind[0] != R:
            return self.plain(payload)
        info = self._description(payload)
        if data:
            written = raw_to_bytes(data[0])
            info.update(describe(written, len(written), info) if describe else {})
            return RObject(add_trailer(written, info))
        stream = self._taken_stream()
        info.update(describe(stream.peek(), stream.size, info) if describe else {})
        return RObject(stream.end(trailer(stream.size, info)))

    def problem(self, most: Any, *data: Any) -> str:
        """Why readers would refuse what runtime's ``write_out()`` has written, or an empty string.

        Of what is larger than `most` (bytes) nothing is said.
        """
        written = raw_to_bytes(data[0]) if data else self._taken_stream().end()
        return problem_of(written, len(written)) if len(written) <= most[0] else ""

    def plain(self, sexp: Any) -> Any:
        """R's scalars, vectors and lists as plain Python values."""
        return to_python(sexp, self._ri)

    def provide(self, functions: dict[str, Callable[..., Any]]) -> None:
        """Let the runtime call these functions, and the engine's own, as ``py$name()``."""
        functions = {
            **functions,
            "guard_finalizers": _guard_finalizers,
            "block_signals": lambda block: block_signals(block[0]),
            "take_sigint_back": take_sigint_back,
            "open_stream": self._open_stream,
            "stream_size": lambda: self._stream.size if self._stream else 0,
        }
        closures = self._ri.ListSexpVector([self._for_r(f) for f in functions.values()])
        closures.names = self._ri.StrSexpVector(list(functions))
        self._runtime["py"] = self._by_name.call("all_kept_from_forks", closures)

    def is_plain_start(self) -> bool:
        """Whether R is as after any start, with nothing of the user's in it."""
        return not embed.has_user_profile() and bool(self.plain(self.evaluate("is_plain_start")))

    def renew(self) -> None:
        """Go on in a fork of this process that is not a child of R code, but all there is."""
        embed.begin_anew()
        self.evaluate("begin_anew")

    def define(self, name: str, function: Callable[..., Any]) -> None:
        """Let the runtime call a function as ``name()``, which is quicker than `provide`.

        Parameters
        ----------
        name : str
            What R calls it.
        function : callable
            Takes R's values as they are, and gives one, or None.
        """
        ri, nothing = self._ri, tagged(self._ri, PLAIN, self._ri.NULL)

        def quick(*arguments: Any) -> Any:
            value = function(*arguments)
            return nothing if value is None else tagged(ri, PLAIN, value)

        self._runtime[name] = self._by_name.call("kept_from_forks", self._closure(quick))

    def _open_stream(self) -> str:
        if self._stream is not None:
            self._stream.end()  # R has failed on it
        self._stream = RStream()
        return self._stream.path

    def _taken_stream(self) -> RStream:
        stream, self._stream = self._stream, None
        assert stream is not None, "write_out() opens one for what it does not return"
        return stream

    def _description(self, sexp: Any) -> dict[str, Any]:
        """Read what runtime's ``describe()`` says: one vector, for rpy2 is slow with a list."""
        type_, version, length, dim, restore, opaque, *classes = sexp
        return {
            "class": classes,
            "type": type_,
            "length": int(length),
            "dim": [int(n) for n in dim.split()] or None,
            "r": version,
            "restore": restore.split(),
            **({"opaque": True} if opaque else {}),
        }

    def _load_runtime(self) -> Any:
        base = self._ri.baseenv
        runtime = base["new.env"](parent=base["baseenv"]())
        for source in _SOURCES:
            base["sys.source"](str(source), envir=runtime, **{"keep.source": False})
        # When the package is loaded its methods replace these, which R tells for another package's.
        base["attr<-"](runtime, "name", "gangway")
        attached = base["attach"](self._ri.NULL, name="gangway:task", **{"warn.conflicts": False})
        for name in runtime["exported"]:
            attached[name] = runtime[name]
        return runtime

    def _for_r(self, function: Callable[..., Any]) -> Any:
        return self._closure(lambda *arguments: self.encode(function(*arguments)))

    def _closure(self, function: Callable[..., Any]) -> Any:
        """R's function for a Python function that gives an answer."""
        closure = self._ri.rternalize(answering(self._ri, function))
        self._callbacks.append(closure)  # rpy2 frees the Python side with this reference
        return closure


def _guard_finalizers(library: Any) -> None:
    from .reticulate import guard_finalizers

    guard_finalizers(library[0])
