"""What it costs to seal events and to verify them, beside inserting the same events and reading and hashing them alone.

    python -m benchmarks sealing

BENCHMARK_EVENTS says how many, a million unless told.
"""

import hashlib
import os
import sys
import time
from collections.abc import Callable

import django
import psutil

django.setup()

from django.db import connection as database  # noqa: E402
from django.db import transaction  # noqa: E402

from portal.events.models import Event, Position  # noqa: E402
from portal.events.sealing import seal  # noqa: E402
from portal.events.verifying import verify  # noqa: E402
from tests import cast  # noqa: E402
from tests.events.log import write  # noqa: E402

EVENTS = int(os.environ.get("BENCHMARK_EVENTS", "1000000"))
BAR_PER_SECOND = 5000
BAR_SECONDS = 30 * EVENTS / 1_000_000
STEP = 10_000
FILL = """
    INSERT INTO events_event (id, {names})
    SELECT uuidv7(), {names} FROM events_event, generate_series(1, %s) WHERE id = %s
"""


def main() -> int:
    world = cast.build()
    [like] = write(world, before="web", note="what an event usually says, and a little more", address="10.1.2.3")
    insert, _took = timed(lambda: fill(like))
    with database.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE events_event")
    sealing, sealed_in = timed(lambda: seal(batches=sys.maxsize))
    hashing, _took = timed(hash_alone)
    verifying, verified_in = timed(check)
    print(f"{EVENTS:,} events; processor time of the program and of its database together")
    print(
        f"sealed    {EVENTS / sealing:8,.0f}/s   bar {BAR_PER_SECOND:,}/s   inserted {EVENTS / insert:,.0f}/s   "
        f"ratio {sealing / insert:.2f}   by the clock {EVENTS / sealed_in:,.0f}/s"
    )
    print(
        f"verified  {verifying:8.1f} s   bar {BAR_SECONDS:.0f} s   read and hashed alone {hashing:.1f} s   "
        f"ratio {verifying / hashing:.2f}   by the clock {verified_in:.1f} s"
    )
    return int(EVENTS / sealing < BAR_PER_SECOND or verifying > BAR_SECONDS)


def fill(like: Event) -> None:
    """So many events like one, in transactions of ten thousand."""
    names = ", ".join(str(field.column) for field in Event._meta.concrete_fields if field.column not in ("id", "xid"))
    with database.cursor() as cursor:
        for _step in range(EVENTS // STEP):
            cursor.execute(FILL.format(names=names), [STEP, like.pk])


def hash_alone() -> None:
    """The least that any check of the log does: take every row out of the database and hash it."""
    with transaction.atomic(), database.chunked_cursor() as cursor:
        cursor.execute("SELECT to_jsonb(e)::text FROM events_event e")
        for (text,) in cursor:
            hashlib.sha256(text.encode()).digest()


def check() -> None:
    report = verify()
    assert report.broken is None
    assert report.events == Position.objects.count() == Event.objects.count()


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of processor time, and by the clock."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
    began, spent = time.perf_counter(), processor_time(backend)
    work()
    return processor_time(backend) - spent, time.perf_counter() - began


def processor_time(backend: psutil.Process) -> float:
    theirs = backend.cpu_times()
    return time.process_time() + theirs.user + theirs.system


if __name__ == "__main__":
    sys.exit(main())
