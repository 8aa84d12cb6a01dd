"""What a generated flow declares its parameters and configurations with."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from metaflow._vendor import click
from metaflow.parameters import flow_context
from metaflow_extensions.gangway.exceptions import ConfigException
from metaflow_extensions.gangway.mf.parameter_types import FileParameter
from metaflow_extensions.gangway.r.parameters import (
    DataFrameType,
    DateType,
    TimeType,
    config_expr,
    read_config,
)

UTC = dt.timezone.utc


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-29", dt.datetime(2026, 11, 29, tzinfo=UTC)),
        ("2026-11-29 08:30", dt.datetime(2026, 11, 29, 8, 30, tzinfo=UTC)),
        ("2026-11-29T08:30:15.25+01:00", dt.datetime(2026, 11, 29, 7, 30, 15, 250000, tzinfo=UTC)),
        ("2026-11-29T08:30Z", dt.datetime(2026, 11, 29, 8, 30, tzinfo=UTC)),
        ("2026-11-29 08:30 -0530", dt.datetime(2026, 11, 29, 14, 0, tzinfo=UTC)),
    ],
)
def test_times_are_moments_and_schedulers_get_their_text(text: str, value: dt.datetime) -> None:
    later = TimeType.convert(text, None, None)
    assert TimeType.convert(later, None, None) is later
    assert later() == value
    assert later(return_str=True) == text


@pytest.mark.parametrize(
    "text", ["2026-02-30", "2026-11-29T25:00", "2026-11-29T08", "\u0662026", 5]
)
def test_what_is_no_date_or_time_is_refused(text: Any) -> None:
    for kind in (DateType, TimeType):
        with pytest.raises(click.BadParameter, match=r"is not a (date|time) such as"):
            kind.convert(text, None, None)
    assert DateType.convert("2028-02-29", None, None)() == dt.date(2028, 2, 29)


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        ('{"a": [1, 2], "b": ["x", null]}', {"a": [1, 2], "b": ["x", None]}),
        ({"a": [1, 2.5]}, {"a": [1.0, 2.5]}),
        ('[{"a": true, "b": 1}, {"b": 2}]', {"a": [True, None], "b": [1, 2]}),
        ('{"a": [null], "_types": {"a": "double"}, "_row": ["r"]}', {"a": [None]}),
        ('{"d": ["2026-01-02"], "_types": {"d": "Date"}}', {"d": [dt.date(2026, 1, 2)]}),
        ('{"f": ["u", null], "_types": {"f": ["v", "u"]}}', {"f": ["u", None]}),
        ("{}", {}),
    ],
)
def test_data_frames_are_r_objects(value: Any, columns: dict[str, Any]) -> None:
    later = DataFrameType.convert(value, None, None)
    assert later().info["class"] == ["data.frame"]
    assert (later().to_builtins() or {}) == columns
    assert later(return_str=True) == (value if isinstance(value, str) else json.dumps(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "is not JSON"),
        ('{"a": 1}', "a data frame is columns"),
        ("[1]", "or rows"),
        ('{"a": [1, "x"]}', "'a' .* not of one type"),
        ('{"a": [[1]]}', "not of one type"),
        ('{"a": [1], "b": [1, 2]}', "column 'a' .* 1 values, not 2"),
        ('{"a": ["x"], "_types": {"a": "integer"}}', "of another type"),
        ('{"a": ["x"], "_types": {"a": ["y"]}}', "'x' is none of its levels"),
        ('{"a": ["x"], "_types": {"a": "sf"}}', "the types are logical"),
        ('{"a": [1], "_types": ["double"]}', "types by column"),
        ('{"a": [1], "_row": [true]}', "names of rows"),
    ],
)
def test_what_is_no_data_frame_is_refused(text: str, message: str) -> None:
    with pytest.raises(click.BadParameter, match=message):
        DataFrameType.convert(text, None, None)


def test_a_text_file_is_utf8(tmp_path: Path) -> None:
    context = SimpleNamespace(
        obj=SimpleNamespace(
            flow=SimpleNamespace(name="F"), echo=print, datastore_impl=SimpleNamespace(TYPE="local")
        )
    )
    (tmp_path / "a").write_bytes(b"\xff")
    (tmp_path / "b").write_bytes(b"a\0")
    text, binary = FileParameter("t"), FileParameter("b", is_text=False)
    for parameter in (text, binary):
        parameter.init()
    for name in ("a", "b"):
        path = str(tmp_path / name)
        with pytest.raises(click.BadParameter, match="no text in UTF-8"):
            text.kwargs["type"].convert(path, text, context)
        binary.kwargs["type"].convert(path, binary, context)
    with pytest.raises(click.BadParameter, match="could not open"):
        binary.kwargs["type"].convert(str(tmp_path), binary, context)


def test_configurations_are_json_or_yaml() -> None:
    assert read_config('{"a": [1]}') == {"a": [1]}
    yaml = read_config("a: 2026-11-29\nb: yes\n1: {c: [1, 2.5, null]}\n")
    assert yaml == {"a": "2026-11-29", "b": True, "1": {"c": [1, 2.5, None]}}
    for text, message in {
        "a: [1": "begins with 'a: \\[1' is neither JSON nor YAML",
        "- 1": "names and values",
        "": "names and values",
        "a: !!binary aGk=": "JSON has not",
    }.items():
        with pytest.raises(ConfigException, match=message):
            read_config(text)


def test_expressions_of_a_configuration() -> None:
    class Flow:
        _flow_state: dict[Any, Any] = {}  # noqa: RUF012

    from metaflow.flowspec import FlowStateItems

    configs = {"cfg": ({"a": {"b": "x"}, "n": 2}, False)}
    Flow._flow_state[FlowStateItems.CONFIGS] = configs
    with flow_context(Flow):
        assert config_expr("cfg.n * 2")() == 4
        assert config_expr("cfg.a.b")() == "x"
        assert config_expr("cfg.a.b", many=True)() == ["x"]
        for wrong in ("cfg.c", "cfg.a.", "confg.a"):
            with pytest.raises(ConfigException, match=r"has no value.*cfg holds a, n"):
                config_expr(wrong)()
