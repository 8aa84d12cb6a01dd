"""`@gang_profile`: what each node of a gang, or a single task, uses over time, as a card."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, ClassVar

from metaflow.decorators import StepDecorator
from metaflow.metaflow_current import current
from metaflow.plugins.cards.card_decorator import CardDecorator
from metaflow.unbounded_foreach import UBF_TASK

from ..gang import attributes as checks
from ..gang import stages
from ..gang.decorator import GangDecorator
from ..gang.link.rendezvous import is_remote
from ..gang.machine.gpus import share_out, visible_gpus
from ..gang.node import GangNode
from .gpus import Gpus
from .meter import Meter
from .queueing import MADE, durations, made_at
from .recorder import Recorder, Report
from .timeline import Timeline

_CARD = "gang_profile"
_TOPIC = "profile"


class GangProfileDecorator(StepDecorator):
    """
    Records what each node uses, and draws it on a card of the control task.

    CPU, memory and disk of the node's own processes, the machine's network, and each GPU (through
    NVML, where `nvidia-ml-py` is installed): a line a node, with the gang's forming, user code and
    teardown marked. Ranks, and Ray's actors and workers, have lines of their own. A table tells
    what took how long. A task that is no gang's gets a card of its own. The card's id is
    `gang_profile`; it is there for failed tasks too. It costs about half a percent of a core.

    Parameters
    ----------
    interval : float, default 1
        Seconds between two looks. On a machine with very many processes they are further apart.
    """

    name = "gang_profile"
    defaults: dict[str, Any] = {"interval": 1}  # noqa: RUF012
    checks: ClassVar[dict[str, checks.Check]] = {"interval": checks.seconds}

    def step_init(
        self,
        flow: Any,
        graph: Any,
        step_name: str,
        decorators: list[Any],
        environment: Any,
        flow_datastore: Any,
        logger: Any,
    ) -> None:
        """Give the step a card; Metaflow initializes what is added here as well."""
        where = f"@{self.name} on step *{step_name}* of flow *{flow.name}*"
        self._checked = checks.check_all(self.attributes, self.checks, (), where)
        self._step_decorators = decorators
        self._made_at: dict[str, float] = {}
        # Before the task itself notes a time.
        self._made = made_at(flow_datastore, step_name)
        # As if it stood in the flow: otherwise Metaflow hands it to each task once more.
        self._card = CardDecorator({"type": "blank", "id": _CARD}, statically_defined=True)
        decorators.append(self._card)
        _count_cards(step_name, decorators)

    def runtime_task_created(
        self,
        task_datastore: Any,
        task_id: Any,
        split_index: Any,
        input_paths: Any,
        is_cloned: bool,
        ubf_context: Any,
    ) -> None:
        """Note when the runtime has made a task: it may wait from here on."""
        self._made_at[str(task_id)] = time.time()

    def runtime_step_cli(
        self, cli_args: Any, retry_count: int, max_user_code_retries: int, ubf_context: Any
    ) -> None:
        """Let a task on this machine know that time; an attempt after the first begins now."""
        made = self._made_at.get(str(cli_args.task.task_id), time.time())
        cli_args.env[MADE] = str(time.time() if retry_count else made)

    def task_pre_step(
        self,
        step_name: str,
        task_datastore: Any,
        metadata: Any,
        run_id: Any,
        task_id: Any,
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
        ubf_context: Any,
        inputs: Any,
    ) -> None:
        """Begin to look; what is seen waits until the gang has met."""
        gangs = [d for d in self._step_decorators if isinstance(d, GangDecorator)]
        self._is_worker = bool(gangs) and ubf_context == UBF_TASK
        if self._is_worker and self._card in self._step_decorators:
            self._step_decorators.remove(self._card)  # control has it
            _count_cards(step_name, self._step_decorators)
        nodes = getattr(getattr(flow, "_parallel_ubf_iter", None), "num_parallel", None) or 1
        where = f"@{self.name} on step *{step_name}* of flow *{flow.name}*"
        shared = bool(gangs) and not is_remote(where)
        # Locally the nodes of a gang share this machine, and so its GPUs.
        shares = nodes if shared else 1
        self._local = shares > 1
        self._timeline = Timeline()
        self._timeline.expect(nodes if gangs else 1)
        self._warned = False
        index = int(os.environ["MF_PARALLEL_NODE_INDEX"]) if shared and self._is_worker else 0
        groups = gangs[0].checked["groups"] if shared else None
        wishes = groups.wishes("gpu") if groups else [None] * shares
        gpus = share_out(visible_gpus(), wishes)[index]
        about = durations(None if self._is_worker else self._made)
        self._recorder = Recorder(
            lambda: Meter(Gpus(gpus), self._local, about), self._checked["interval"], self._warn
        )
        if gangs:
            stages.watch(self._watch)
        else:
            self._recorder.deliver(lambda report: self._timeline.take(0, report))
        self._recorder.start()

    def task_post_step(self, *args: Any) -> None:
        """Stop looking; draw the card."""
        self._end()

    def task_exception(self, *args: Any) -> None:
        """Stop looking; draw the card."""
        self._end()

    def task_finished(
        self,
        step_name: str,
        flow: Any,
        graph: Any,
        is_task_ok: bool,
        retry_count: int,
        max_user_code_retries: int,
    ) -> None:
        """Render the card, in Metaflow's stead: it leaves out failed tasks, and renders twice."""
        card = self._card
        if card not in self._step_decorators:
            return
        try:
            self._step_decorators.remove(card)
            creator: Any = card.card_creator
            creator.create(
                mode="render",
                final=True,
                card_uuid=card._card_uuid,
                user_set_card_id=_CARD,
                runtime_card=False,
                decorator_attributes=card.attributes,
                card_options=card.card_options,
                logger=card._logger,
            )
            card._cleanup(step_name)
        except Exception as error:
            self._warn(error)

    def _watch(self, stage: str, node: GangNode) -> None:
        try:
            if stage != "meeting":
                self._timeline.mark(stage)
            else:
                if not self._is_worker:
                    node.board.hear(_TOPIC, self._take)
                self._recorder.deliver(lambda report: node.board.tell(_TOPIC, report))
            if stage == "ended":
                self._recorder.stop()
        except Exception as error:
            self._warn(error)

    def _take(self, node: int, report: Report) -> None:
        try:
            self._timeline.take(node, report)
        except Exception as error:
            self._warn(error)

    def _end(self) -> None:
        try:
            self._recorder.stop()
            self._timeline.end()
            if not self._is_worker:
                from .card import components

                title = f"{current.step_name}, task {current.task_id}"
                found = components(self._timeline, title, local=self._local)
                current.card[_CARD].extend(found)  # type: ignore[attr-defined]
        except Exception as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            print(f"@{self.name}: no profile, or part of one: {error!r}", file=sys.stderr)


def _count_cards(step_name: str, decorators: list[Any]) -> None:
    # Cards count those of their step when the first is initialized, and wait for the last.
    cards = [deco for deco in decorators if isinstance(deco, CardDecorator)]
    CardDecorator._set_card_counts_per_step(step_name, len(cards))
