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


def depth() -> int | None:
    """How many messages wait at the broker for a worker; None where it does not answer."""
    broker: Any = current_app.connection_for_read()
    with broker:
        try:
            with broker.channel() as channel:
                return int(channel.queue_declare(queue=current_app.conf.task_default_queue, passive=True).message_count)
        except broker.channel_errors:
            return 0  # nobody has sent anything yet, so the queue is not there
        except (OperationalError, *broker.connection_errors):
            logger.warning("the broker does not answer; its depth is not known")
            return None


def _send(task: str, args: list[Any]) -> None:
    try:
        current_app.send_task(task, args=args, retry=False)
    except OperationalError:
        logger.warning("the broker does not answer; %s waits for the sweeper", task)
