"""How many votes a second sixteen threads give, on one approval and spread over a hundred; and what the inbox asks the database.

    python -m benchmarks votes

A quorum of many makes one approval take many votes, so that all threads meet at its row: what that costs is the ratio.
"""

import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection as database  # noqa: E402
from django.db import connections  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from portal.approvals import services  # noqa: E402
from portal.approvals.models import Approval, Vote  # noqa: E402
from portal.approvals.queries import inbox_of  # noqa: E402
from tests import cast  # noqa: E402
from tests.approvals.wish import PATH, Wish, WishKind  # noqa: E402
from tests.cast import World, give, person  # noqa: E402

THREADS = 16
VOTES = 320
SPREAD = 100
BAR_SQL = 12


def main() -> int:
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    world = cast.build()
    names = [f"voter{number}" for number in range(VOTES)]
    for name in names:
        world.people[name] = person(name)
        give(world.people[name], "approver", world.retail)
    stage = {"who": {"pick": "role", "role": "approver"}, "mode": "quorum", "needed": VOTES}
    services.publish_policy(
        world.nordwind, "All of them", subject_kind="wish", conditions=[], stages=[stage], actor=world.actor("erin")
    )
    one = votes_a_second(world, [asked(world, "one")], names)
    many = votes_a_second(world, [asked(world, f"many-{number}") for number in range(SPREAD)], names)
    print(f"{VOTES} votes by {THREADS} threads, none refused")
    print(f"on one approval {one:8.0f}/s   on {SPREAD} approvals {many:8.0f}/s   ratio {many / one:5.2f}")
    with CaptureQueriesContext(database) as captured:
        rows = list(inbox_of(world.actor(names[-1]))[:50])
    print(f"the inbox's list of {len(rows)} of {Approval.objects.count()}: {len(captured)} SQL   bar {BAR_SQL} for the page")
    return int(len(captured) > BAR_SQL)


def asked(world: World, name: str) -> Approval:
    wish = WishKind.wishes[name] = Wish(name, world.web)
    return services.ask("wish", wish, actor=world.actor("alice"), scope=wish.scope, title="A wish", key=name)


def votes_a_second(world: World, approvals: list[Approval], names: list[str]) -> float:
    """Each voter votes once, on the approval that is next in turn."""
    before, start = Vote.objects.count(), Barrier(THREADS + 1)
    work = list(zip(names, itertools.cycle(approvals)))

    def vote(number: int) -> None:
        start.wait()
        for name, approval in work[number::THREADS]:
            services.vote(approval, "approve", approval.card_hash, actor=world.actor(name))
        connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(vote, number) for number in range(THREADS)]
        start.wait()
        began = time.perf_counter()
        for each in running:
            each.result()
        took = time.perf_counter() - began
    assert Vote.objects.count() - before == VOTES
    return VOTES / took


if __name__ == "__main__":
    sys.exit(main())
