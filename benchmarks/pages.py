"""Every list page for every role: SQL statements and CPU with a thousand and with ten thousand orders and resources.

python -m benchmarks pages
"""

import logging
import os
import statistics
import sys
import time
from typing import Any

import django

django.setup()

from django.db import connection as database  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_test_environment  # noqa: E402
from django.urls import reverse  # noqa: E402

from portal.web.nav import NAV  # noqa: E402
from tests import cast  # noqa: E402
from tests.crowd import fill, projects  # noqa: E402
from tests.market import Market, open_market  # noqa: E402

FEW, MANY = 1_000, 10_000
MOST_SQL = 12
MOST_RATIO = 3.0
ROUNDS = 7
ROLES = ("alice", "bob", "carol", "dave", "erin")


def main() -> int:
    setup_test_environment()
    logging.disable(logging.WARNING)  # a role that may not open a page gets its 404
    market = open_market(cast.build(), int(os.environ["BENCHMARK_AWS_PORT"]))
    places = projects(market.world, 40)
    clients = {name: signed_in(name, market) for name in ROLES}
    fill(market.world, market.server, market.aws, count=FEW, places=places)
    few = measured(clients)
    add(market, places)
    many = measured(clients)
    worst, dearest = 0, 0.0
    print(
        f"{'page':14}{'role':8}{'SQL':>5}{'SQL':>5}{'ms CPU':>10}{'ms CPU':>10}{'ratio':>8}   with {FEW:,} and {MANY:,} rows"
    )
    for (page, role), (sql, cpu) in many.items():
        sql_few, cpu_few = few[page, role]
        ratio = cpu / cpu_few
        worst, dearest = max(worst, sql), max(dearest, ratio)
        print(f"{page:14}{role:8}{sql_few:5}{sql:5}{cpu_few * 1000:10.1f}{cpu * 1000:10.1f}{ratio:8.2f}")
    print(f"most SQL {worst}   bar {MOST_SQL};   worst ratio {dearest:.2f}   bar {MOST_RATIO}")
    return int(worst > MOST_SQL or dearest > MOST_RATIO)


def signed_in(name: str, market: Market) -> Client:
    client = Client()
    answer = client.post(reverse("signin"), {"username": market.world.people[name].username, "password": cast.PASSWORD})
    assert answer.status_code == 302, "nobody is measured who did not sign in"
    return client


def add(market: Market, places: list[Any]) -> None:
    """Up to ten thousand."""
    fill(market.world, market.server, market.aws, count=MANY - FEW, places=places, first=FEW)
    with database.cursor() as cursor:
        cursor.execute("ANALYZE")


def measured(clients: dict[str, Client]) -> dict[tuple[str, str], tuple[int, float]]:
    """(page, role) -> statements, and the median of CPU seconds of this process."""
    found = {}
    for page in [place.url_name for place in NAV] + ["notices"]:
        for role, client in clients.items():
            with CaptureQueriesContext(database) as queries:
                answer = client.get(reverse(page))
            if answer.status_code == 200:
                found[page, role] = len(queries), statistics.median(cpu_of(client, page) for _ in range(ROUNDS))
    return found


def cpu_of(client: Client, page: str) -> float:
    before = time.process_time()
    client.get(reverse(page))
    return time.process_time() - before


if __name__ == "__main__":
    sys.exit(main())
