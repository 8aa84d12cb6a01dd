"""Tasks, actors and placement groups of Ray's that wait because no node could ever take them.

Ray itself says so through its autoscaler, which a gang has not: it would wait without a word.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Amounts = dict[str, float]

_MB = 1024 * 1024
_ADVICE = (
    "Ask for less (num_cpus=, num_gpus=, resources= of the task, cpus=, gpus= in R), or have each "
    "node offer more (cpu= of the step's @resources, @batch or @kubernetes; num_cpus= of "
    "@ray_parallel)."
)


@dataclass(frozen=True)
class Group:
    """A placement group that waits.

    Parameters
    ----------
    bundles : list of dict
        What each of its bundles asks for.
    strategy : str
        ``"PACK"``, ``"SPREAD"``, ``"STRICT_PACK"`` or ``"STRICT_SPREAD"``.
    """

    bundles: list[Amounts]
    strategy: str


def unplaceable(
    requests: Iterable[Amounts], groups: Iterable[Group], nodes: dict[str, Amounts]
) -> list[str]:
    """Say of what waits why it will wait for ever, each kind once.

    Parameters
    ----------
    requests : iterable of dict
        What tasks and actors ask for.
    groups : iterable of Group
        The placement groups.
    nodes : dict
        What each node has, busy or not, by the node's name.
    """
    found = [_of_request(request, nodes) for request in requests]
    found += [_of_group(group, nodes) for group in groups]
    return list(dict.fromkeys(filter(None, found)))


def _of_request(asked: Amounts, nodes: dict[str, Amounts]) -> str:
    if any(_fits(asked, has) for has in nodes.values()):
        return ""
    why = f"{_text(asked)}, which no node has: {_most(asked, nodes)}"
    return f"A task or actor of Ray's waits for {why}. {_ADVICE}"


def _of_group(group: Group, nodes: dict[str, Amounts]) -> str:
    together = _sum(group.bundles)
    named = f"A placement group of Ray's ({group.strategy})"
    for bundle in group.bundles:
        if not any(_fits(bundle, has) for has in nodes.values()):
            why = f"a bundle of {_text(bundle)}, which no node has: {_most(bundle, nodes)}"
            return f"{named} waits for {why}. {_ADVICE}"
    if group.strategy == "STRICT_PACK" and not any(_fits(together, has) for has in nodes.values()):
        why = f"{_text(together)} on one node, which none has: {_most(together, nodes)}"
    elif group.strategy == "STRICT_SPREAD" and len(group.bundles) > len(nodes):
        why = f"{len(group.bundles)} nodes, and the cluster has {len(nodes)}"
    elif not _fits(together, has := _sum(nodes.values())):
        of_these = {name: has.get(name, 0) for name in together}
        why = f"{_text(together)}, and all nodes together have {_text(of_these)}"
    else:
        return ""
    return f"{named} waits for {why}. {_ADVICE}"


def _fits(asked: Amounts, has: Amounts) -> bool:
    return all(has.get(name, 0) >= amount for name, amount in asked.items())


def _most(asked: Amounts, nodes: dict[str, Amounts]) -> str:
    """Name the node that has most of what is asked."""

    def part(name: str) -> float:
        has = nodes[name]
        return sum(min(1, has.get(what, 0) / amount) for what, amount in asked.items() if amount)

    if not nodes:
        return "no node is up"
    best = max(sorted(nodes), key=part)
    return f"{best} has most of it, {_text({name: nodes[best].get(name, 0) for name in asked})}"


def _sum(parts: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0) + amount
    return total


def _text(amounts: Amounts) -> str:
    return ", ".join(_amount(name, amounts[name]) for name in sorted(amounts)) or "nothing"


def _amount(name: str, amount: float) -> str:
    if name in ("memory", "object_store_memory"):
        return f"{name} {amount / _MB:.0f} MB"
    return f"{name} {amount:g}"
