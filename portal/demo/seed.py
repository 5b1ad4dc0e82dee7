"""Everything of the demo, from an empty database to this moment."""

import time
from collections.abc import Callable
from datetime import timedelta

from django.db import connection, transaction

from portal.access.models import Scope
from portal.clouds.models import Connection
from portal.clouds.services import check_connection
from portal.core import clock
from portal.demo.access import offer_access
from portal.demo.clouds import MANAGED, check_and_sync, connect_clouds
from portal.demo.history import History
from portal.demo.organization import give_roles, make_tree, set_budgets, set_limits
from portal.demo.people import make_people
from portal.demo.shop import open_shop
from portal.demo.story import HISTORY
from portal.metering import exporting, ledger
from portal.metering.calendars import period_at
from portal.metering.provisioned import Provisioned
from portal.metering.services import request_export
from portal.provisioning import syncing
from portal.users.actor import Actor, Auth
from portal.users.models import User

ROOT = "Nordwind Group"
Say = Callable[[str], object]


def fill(say: Say) -> dict[str, str]:
    """Found the organization sixty days ago, play what happened since, and meter it. Returns each person's password.

    A seed that is cut short leaves its work half done: the launcher then begins again with an empty database.
    """
    now, began = clock.now(), time.monotonic()
    with connection.cursor() as cursor:  # nothing of a seed that was cut short is kept, so no commit has to reach the disk
        cursor.execute("SET synchronous_commit TO off")

    def done(what: str) -> None:
        say(f"{time.monotonic() - began:5.1f} s  {what}")

    with clock.travel(clock.hour_of(now) - HISTORY):
        people, passwords, scopes = found()
        done("organization, people, offerings")
        actors = {name: Actor(user, Auth("demo")) for name, user in people.items()}
        clouds = connect_clouds(scopes[ROOT], operator=actors["dave"], admin=actors["erin"])
        set_budgets(scopes, actor=actors["carol"])
        done("clouds")
    History(people, scopes, clouds, now).play()
    done("orders and what came of them")
    look_again(clouds, operator=Actor(people["dave"], Auth("demo")))
    offer_access(clouds[MANAGED], operator=Actor(people["dave"], Auth("demo")))
    done("clouds read again")
    ledger.meter(Provisioned(), until=now)
    done("use metered and rated")
    write_exports(scopes[ROOT], people["carol"])
    done("exports")
    return passwords


@transaction.atomic
def found() -> tuple[dict[str, User], dict[str, str], dict[str, Scope]]:
    """People and passwords by name, and scopes by name, with roles, limits and offerings."""
    actor = Actor.system()
    made = make_people(actor=actor)
    people, passwords = {name: user for name, (user, _) in made.items()}, {name: word for name, (_, word) in made.items()}
    scopes = make_tree(actor=actor)
    give_roles(people, scopes, actor=actor)
    set_limits(scopes, actor=actor)
    open_shop(scopes[ROOT], actor=actor)
    return people, passwords, scopes


def look_again(clouds: dict[str, Connection], *, operator: Actor) -> None:
    """Check and read the clouds as they stand now, so that nothing the pages show is old."""
    for cloud in clouds.values():
        check_connection(cloud, actor=operator)
        check_and_sync(cloud)
        syncing.sync(cloud.pk)


def write_exports(organization: Scope, finance: User) -> None:
    """The month before this one, asked for and written when it was over; this month's just now."""
    now = clock.now()
    this_month = period_at(now, organization.zone)
    first = now.replace(day=1, hour=6, minute=0, second=0, microsecond=0)
    if first < now:
        with clock.travel(first):
            last = request_export(
                organization,
                period_at(first.replace(day=1) - timedelta(days=2), organization.zone),
                actor=Actor(finance, Auth("demo")),
            )
            exporting.write_export(last.pk)
    latest = request_export(organization, this_month, actor=Actor(finance, Auth("demo")))
    exporting.write_export(latest.pk)
