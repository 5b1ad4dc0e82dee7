"""Enqueue a task by its name once the transaction has committed: what is rolled back is never worked on."""

import logging
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def after_commit(task: str, *args: Any) -> None:
    """Send `task` (its registered name) with plain ids. A broker that is down loses nothing: a sweeper finds what is due."""
    plain = [arg if isinstance(arg, int | str | None) else str(arg) for arg in args]
    transaction.on_commit(partial(_send, task, plain))


def _send(task: str, args: list[Any]) -> None:
    try:
        current_app.send_task(task, args=args, retry=False)
    except OperationalError:
        logger.warning("the broker does not answer; %s waits for the sweeper", task)
