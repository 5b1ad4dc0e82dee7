"""Points at which a worker of the tests kills itself with SIGKILL: one file for each, taken by the first who passes it.

A file `NAME.VERB.POINT` in the folder that FAULTS names arms the point for the thing of that name; it holds who dies:
"process" (the one that works on the task, as when memory runs out) or "worker" (its siblings and its parent too, as when
the machine goes). The points of a task, in their order:

    task.begun          the message was taken, nothing is written
    VERB.planned        the step is written, not committed
    VERB.asked          the step is committed, the cloud was not asked
    VERB.said-N         the cloud did what the N-th request or statement asks; nobody else knows
    VERB.answered       the adapter's answer is there, not written
    VERB.noted-STATE    the answer is written (waiting or done), not committed
    VERB.STATE          the answer is committed, nobody was told
    order.noted-done    the order is written done, not committed
    order.done          the order is committed
    task.over           all is done, the message is not acknowledged

VERB is ensure or remove, and poll when a pending answer is asked again.
"""

import os
import signal
from pathlib import Path

FOLDER = Path(os.environ.get("FAULTS", "nowhere"))
ARMED, FIRED = "armed", "fired"
_running: dict[str, str] = {}
_said = 0


def passing(name: str, verb: str, point: str) -> None:
    """Die here, if that is what a test wants of this thing."""
    fault = f"{name}.{verb}.{point}"
    try:
        os.rename(FOLDER / ARMED / fault, FOLDER / FIRED / fault)
    except FileNotFoundError:
        return
    if (FOLDER / FIRED / fault).read_text() == "worker":
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def begin(name: str, verb: str) -> None:
    """From here on this process speaks to a cloud about that thing."""
    global _said
    _running.update(name=name, verb=verb)
    _said = 0


def said() -> None:
    """The cloud has done something and said so."""
    global _said
    _said += 1
    if _running:
        passing(_running["name"], _running["verb"], f"said-{_said}")


def end() -> None:
    _running.clear()


MAKING = ("task.begun", "ensure.planned", "ensure.asked", "ensure.answered", "ensure.noted-done", "ensure.done")
PENDING = ("ensure.noted-waiting", "ensure.waiting", "poll.asked", "poll.said-1", "poll.answered")
REQUESTS = tuple(f"ensure.said-{number}" for number in range(1, 4))
STATEMENTS = tuple(f"ensure.said-{number}" for number in range(1, 17))
TOLD = ("order.noted-done", "order.done", "task.over")
MADE = {"server": (*MAKING, *REQUESTS, *PENDING, *TOLD), "database": (*MAKING, *STATEMENTS, *TOLD)}
REMOVING = ("task.begun", "remove.planned", "remove.asked", "remove.answered", "remove.noted-done", "remove.done")
ENDED = (*REMOVING, *(f"remove.said-{number}" for number in range(1, 4)), *TOLD)
