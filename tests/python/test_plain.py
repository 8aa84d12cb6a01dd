"""What an R session takes over from Python, and what it leaves as it is."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metaflow_extensions.gangway.r.plain import exact


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        (True, True),
        (None, None),
        (2**31, 2.0**31),
        (-(2**31), -(2.0**31)),  # R's NA, if it stayed an integer
        (2**53, 2.0**53),
        ([2**40, 1], [2.0**40, 1.0]),
        ([1, 2.5], [1.0, 2.5]),
        ([True, 1], [True, 1]),
        ({"a": [2**40]}, {"a": [2.0**40]}),
        ((1, "a"), [1, "a"]),
        (b"ab", bytearray(b"ab")),
        (namedtuple("Point", "x y")(1, 2), {"x": 1, "y": 2}),
    ],
)
def test_equal_values(value: Any, expected: Any) -> None:
    ok, converted = exact(value)
    assert ok
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize("value", [2**53 + 1, -(2**70), [1, 2**70], {1: "one"}, {"": 1}, "a\0b"])
def test_what_r_cannot_hold_stays(value: Any) -> None:
    ok, same = exact(value)
    assert not ok
    assert same is value


numbers = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False)


@given(numbers | st.lists(numbers))
def test_numbers_never_change(value: Any) -> None:
    _, converted = exact(value)
    assert converted == value
