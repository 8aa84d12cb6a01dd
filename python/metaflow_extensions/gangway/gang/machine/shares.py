"""A machine shared out among nodes that all run on it, where some ask for more than others."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil


def shares(total: int, wishes: Sequence[float | int | None], least: int = 0) -> list[int]:
    """Return what each node gets of a number of things.

    Parameters
    ----------
    total : int
        How many there are.
    wishes : sequence of number or None
        What each node asks for. It gets that, or less in proportion where there is too little.
        Those that do not say, None, share the rest evenly; what remains goes to the first ones.
    least : int
        What each node gets in any case.
    """
    asked = [0 if wish is None else ceil(wish) for wish in wishes]
    silent = [i for i, wish in enumerate(wishes) if wish is None]
    left = max(0, total - least * len(silent))
    given = asked if sum(asked) <= left else _in_proportion(left, asked)
    rest = max(0, total - sum(given))
    for number, i in enumerate(silent):
        given[i] = rest // len(silent) + (number < rest % len(silent))
    return [max(least, each) for each in given]


def _in_proportion(total: int, asked: Sequence[int]) -> list[int]:
    exact = [total * each / sum(asked) for each in asked]
    given = [int(each) for each in exact]
    by_loss = sorted(range(len(asked)), key=lambda i: (given[i] - exact[i], i))
    for i in by_loss[: total - sum(given)]:
        given[i] += 1
    return given
