"""What waits for a worker, who works, what ran last and when it is due again, and what failed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery.schedules import maybe_schedule
from django.conf import settings

from portal.access.guard import permissions_of
from portal.core import clock, queue
from portal.core.errors import NotFound
from portal.core.models import Outcome, TaskRun, Worker
from portal.users.actor import Actor

FAILURES_FOR = timedelta(days=7)
MOST_FAILURES = 20
MOST_RUNS = 200
LATE_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Job:
    """One task of the schedule: how its last run went, and when the next is due. Late is one whose time passed unused."""

    name: str
    last: TaskRun | None
    due_at: datetime | None
    is_late: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that failed or was never ended; `well_at` is when the same task has run well since."""

    run: TaskRun
    well_at: datetime | None


@dataclass(frozen=True, slots=True)
class Picture:
    """The work in the background at this moment. `waiting` is None where the broker does not answer."""

    waiting: int | None
    workers: list[Worker]
    running: list[TaskRun]
    jobs: list[Job]
    failures: list[Failure]

    @property
    def alive(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.is_alive]

    @property
    def late(self) -> list[Job]:
        return [job for job in self.jobs if job.is_late]

    @property
    def is_moving(self) -> bool:
        """Whether a page should look again soon."""
        return bool(self.waiting or self.running)


def picture_seen_by(actor: Actor) -> Picture:
    """The whole picture, for who may see the platform somewhere; NotFound for others."""
    if not actor.is_system and "view_platform" not in permissions_of(actor):
        raise NotFound
    runs = _runs()
    last, well = _newest(runs), _newest(run for run in runs if run.outcome == Outcome.DONE)
    return Picture(
        waiting=queue.depth(),
        workers=list(Worker.objects.order_by("-seen_at", "name")),
        running=[run for run in runs if run.outcome == Outcome.RUNNING and not run.is_lost],
        jobs=[_job(entry, last.get(entry["task"])) for entry in scheduled()],
        failures=[Failure(run, _since(run, well.get(run.name))) for run in runs if _is_failure(run)][:MOST_FAILURES],
    )


def scheduled() -> list[dict[str, Any]]:
    """What beat sends by itself, one entry for each task, by name."""
    entries = {entry["task"]: entry for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    return [entries[name] for name in sorted(entries)]


def _runs() -> list[TaskRun]:
    """In one query, newest first: the last run of each task and outcome, and whatever runs or failed of late."""
    newest = TaskRun.objects.order_by("name", "outcome", "-started_at").distinct("name", "outcome")
    of_late = TaskRun.objects.exclude(outcome=Outcome.DONE).filter(started_at__gt=clock.now() - FAILURES_FOR)
    runs = newest.union(of_late.order_by("-started_at")[:MOST_RUNS])
    return sorted(runs, key=lambda run: run.started_at, reverse=True)


def _newest(runs: Iterable[TaskRun]) -> dict[str, TaskRun]:
    """The first of each task."""
    found: dict[str, TaskRun] = {}
    for run in runs:
        found.setdefault(run.name, run)
    return found


def _is_failure(run: TaskRun) -> bool:
    """Whether it failed, or was never ended, not too long ago."""
    failed = run.outcome == Outcome.FAILED or (run.outcome == Outcome.RUNNING and run.is_lost)
    return failed and run.started_at > clock.now() - FAILURES_FOR


def _since(run: TaskRun, well: TaskRun | None) -> datetime | None:
    return well.ended_at if well and well.started_at > run.started_at else None


def _job(entry: dict[str, Any], last: TaskRun | None) -> Job:
    if last is None:
        return Job(entry["task"], None, None, is_late=False)
    due_at = _due(entry["schedule"], last.started_at)
    return Job(entry["task"], last, due_at, is_late=due_at < clock.now() - LATE_AFTER)


def _due(schedule: Any, began: datetime) -> datetime:
    """The time after a run that began then; a plain number counts seconds, anything else knows by itself."""
    if isinstance(schedule, int | float):
        return began + timedelta(seconds=schedule)
    plan: Any = maybe_schedule(schedule)
    return clock.now() + timedelta(seconds=plan.remaining_estimate(began).total_seconds())
