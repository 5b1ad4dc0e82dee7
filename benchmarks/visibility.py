"""The visible-to filter on a hundred thousand resources against the same query without it.

python -m benchmarks visibility
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.db import connection as database  # noqa: E402

from portal.provisioning.models import Resource  # noqa: E402
from portal.provisioning.queries import PARTS  # noqa: E402
from tests import cast  # noqa: E402
from tests.cast import give  # noqa: E402
from tests.crowd import fill_resources, projects  # noqa: E402
from tests.market import open_market  # noqa: E402

RESOURCES = 100_000
BAR = 2.0
ROUNDS = 25


def main() -> int:
    market = open_market(cast.build(), int(os.environ["BENCHMARK_AWS_PORT"]))
    places = projects(market.world, 400)
    fill_resources(market.world, market.server, market.aws, count=RESOURCES, places=places)
    give(market.world.alice, "viewer", market.world.retail)
    with database.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    bare = Resource.objects.filter(project__isnull=False).select_related(*PARTS).order_by("-created_at", "-id")
    print(f"{RESOURCES:,} resources in {len(places)} projects, the median of {ROUNDS} rounds that took turns, ms")
    over = False
    for name in ("alice", "erin"):
        for what, read in (("first page", lambda rows: list(rows[:50])), ("count", lambda rows: rows.count())):
            ours, plain = compare(
                lambda read=read, name=name: read(visible(market, name)), lambda read=read: read(bare.all())
            )
            over |= ours / plain > BAR
            print(f"{name:8}{what:12} visible {ours:8.2f}   unfiltered {plain:8.2f}   ratio {ours / plain:5.2f}   bar {BAR}")
    return int(over)


def visible(market: Any, name: str) -> Any:
    """As a page asks it: access resolved anew, then the list."""
    rows = Resource.objects.visible_to(market.world.actor(name)).filter(project__isnull=False)
    return rows.select_related(*PARTS).order_by("-created_at", "-id")


def compare(ours: Callable[[], Any], bare: Callable[[], Any]) -> tuple[float, float]:
    """Medians in milliseconds, taking turns so that a busy machine is busy for both."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for work, took in zip((ours, bare), spent, strict=True):
            before = time.perf_counter()
            work()
            took.append((time.perf_counter() - before) * 1000)
    return statistics.median(spent[0]), statistics.median(spent[1])


if __name__ == "__main__":
    sys.exit(main())
