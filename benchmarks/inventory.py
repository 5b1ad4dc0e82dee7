"""The sync of five thousand servers against the bare Libcloud listing of the same servers.

python -m benchmarks inventory
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import django

django.setup()

from django.db import connection as database  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from portal.clouds.registry import adapter_for  # noqa: E402
from portal.provisioning import syncing  # noqa: E402
from portal.provisioning.models import Resource  # noqa: E402
from tests import cast  # noqa: E402
from tests.market import REGION, client_of, open_market  # noqa: E402

SERVERS = 5_000
BAR = 1.5
MOST_SQL = 40


def main() -> int:
    market = open_market(cast.build(), int(os.environ["BENCHMARK_AWS_PORT"]))
    client = client_of(market.aws)
    for _ in range(SERVERS // 500):
        client.run_instances(ImageId=market.image, InstanceType="t3.small", MinCount=500, MaxCount=500)
    adapter = adapter_for(market.aws, REGION)
    bare, found = timed(lambda: adapter.list_servers())
    first, first_sql = synced(market.aws.pk)
    again, again_sql = synced(market.aws.pk)
    there = Resource.objects.filter(connection=market.aws).count()
    print(f"{len(found.items):,} servers listed, {there:,} resources; CPU seconds of this process")
    for name, spent, sql in (("first sync", first, first_sql), ("again", again, again_sql)):
        print(
            f"{name:12} sync {spent:7.2f}   listing {bare:7.2f}   ratio {spent / bare:5.2f}   bar {BAR}   SQL {sql}   bar {MOST_SQL}"
        )
    return int(max(first, again) / bare > BAR or max(first_sql, again_sql) > MOST_SQL or there != SERVERS)


def synced(connection_id: UUID) -> tuple[float, int]:
    with CaptureQueriesContext(database) as queries:
        spent, _ = timed(lambda: syncing.sync(connection_id))
    return spent, len(queries)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    before = time.process_time()
    answer = work()
    return time.process_time() - before, answer


if __name__ == "__main__":
    sys.exit(main())
