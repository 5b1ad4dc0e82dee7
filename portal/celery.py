"""The Celery app: tasks of every app, found by name, and what its workers report of themselves."""

import os
import time
from datetime import datetime
from typing import Any
from uuid import UUID

from celery import Celery, signals
from django.apps import apps
from django.db import connection

from portal.core import clock
from portal.core.errors import redacted

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

PULSE_S = 10
_pulse: dict[str, Any] = {}


@signals.worker_init.connect
def report(**_: Any) -> None:
    """From now on this worker writes down its runs and that it lives.

    Connected here and not above, so that Celery closes the database connections of the task before first: then a run and
    its report share one.
    """
    signals.task_prerun.connect(began)
    signals.task_success.connect(done)
    signals.task_failure.connect(failed)
    signals.heartbeat_sent.connect(alive)


def began(task_id: str, task: Any, **_: Any) -> None:
    apps.get_model("core", "TaskRun").begin(UUID(task_id), task.name, task.request.hostname or "")


def done(sender: Any, **_: Any) -> None:
    apps.get_model("core", "TaskRun").end(UUID(sender.request.id), "done")


def failed(task_id: str, exception: BaseException, **_: Any) -> None:
    apps.get_model("core", "TaskRun").end(UUID(task_id), "failed", redacted(exception))


def alive(sender: Any, **_: Any) -> None:
    """A heartbeat of the worker itself, whatever its children do. The connection is closed: none is open at a fork."""
    if time.monotonic() - _pulse.get("at", -PULSE_S) < PULSE_S:
        return
    started: datetime = _pulse.setdefault("started", clock.now())
    _pulse["at"] = time.monotonic()
    apps.get_model("core", "Worker").pulse(sender.eventer.hostname, started)
    connection.close()
