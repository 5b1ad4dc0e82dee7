"""The log is searched by who, what, where and when, on the page and by API; one event is shown whole."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.core import clock
from portal.events.filters import EventFilter
from portal.events.models import Event
from portal.events.services import event_of, record, record_all
from portal.users.actor import Actor, Auth
from tests.api.conftest import caller  # noqa: F401
from tests.web.conftest import in_few_queries, signed_in  # noqa: F401


@pytest.fixture
def log(world):
    """Four events, each unlike the others in everything that is searched."""
    began = clock.now() - timedelta(days=3)
    made = {}
    for number, (name, action, place, outcome) in enumerate(
        [
            ("erin", "tenancy.rename", world.web, "done"),
            ("dave", "clouds.check", world.fleet, "failed"),
            ("alice", "orders.place", world.web, "waiting"),
            ("erin", "orders.withdraw", world.retail, "refused"),
        ]
    ):
        with clock.travel(began.replace(hour=10, minute=0) + timedelta(hours=number)):
            actor = Actor(world.people[name], Auth("password"), correlation_id=f"request-{number}")
            made[action] = record(action, place, actor=actor, outcome=outcome)
    return made


def found(caller, query):  # noqa: F811
    answer = caller("erin").get(f"events/?{query}")
    assert answer.status_code == 200, answer.json()
    return {row["action"] for row in answer.json()["results"]} - {"identity.create_token"}


def test_each_way_to_search_finds_what_it_says(log, world, caller):  # noqa: F811
    day = f"{log['orders.place'].at:%Y-%m-%d}"
    assert found(caller, "actor=dave") == {"clouds.check"}
    assert found(caller, "actor=ALICE@example.org") == {"orders.place"}
    assert found(caller, f"actor={world.alice.pk}") == {"orders.place"}
    assert found(caller, "actor=nobody") == set()
    assert found(caller, "action=orders.") == {"orders.place", "orders.withdraw"}
    assert found(caller, "outcome=failed") == {"clouds.check"}
    assert found(caller, f"target_kind=scope&target_id={world.fleet.pk}") == {"clouds.check"}
    assert found(caller, f"scope={world.retail.pk}") >= {"tenancy.rename", "orders.place", "orders.withdraw"}
    assert "clouds.check" not in found(caller, f"scope={world.retail.pk}")
    assert found(caller, "correlation_id=request-2") == {"orders.place"}
    assert found(caller, f"since={day}T11:30:00Z&until={day}T12:30:00Z") == {"orders.place"}
    assert found(caller, f"since={day}&until={day}") == set(log)
    assert found(caller, f"scope={world.other.pk}") == set()


@pytest.mark.parametrize(
    "query", ["scope=1", "since=tomorrow", "outcome=odd", "actor=" + "x" * 200, "target_id=" + "x" * 50, "who=me"]
)
def test_what_cannot_be_read_is_said_and_narrows_nothing_silently(log, caller, query):  # noqa: F811
    assert caller("erin").get(f"events/?{query}").status_code == 400


NONSENSE = [
    "q=%00%27--&actor=%00&scope=zz&since=0000-00-00T99&until=9999-12-31T23:59&page=-1",
    "action=" + "é" * 500 + "&target_kind=%F0%9F%98%80&correlation_id=%25&until=9999-12-31",
]


@pytest.mark.parametrize("query", NONSENSE)
def test_nonsense_on_the_page_shows_what_is_wrong_and_breaks_nothing(log, signed_in, query):  # noqa: F811
    answer = signed_in("erin").get(f"/events/?{query}")
    assert answer.status_code == 200


def test_the_page_stays_at_few_queries_whatever_is_searched(world, signed_in, in_few_queries):  # noqa: F811
    erin = world.actor("erin")
    record_all(event_of("tenancy.rename", world.web, actor=erin, number=number) for number in range(3000))
    browser = signed_in("erin")
    everything = f"actor=erin&action=tenancy.&scope={world.retail.pk}&since=2020-01-01T00:00&until=2030-01-01T00:00"
    for query in ("", everything, f"target_kind=scope&target_id={world.web.pk}", "correlation_id=nothing"):
        in_few_queries(browser, f"/events/?{query}")


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({"actor": "erin"}, "event_by_actor"),
        ({"target_kind": "scope", "target_id": "x"}, "event_by_target"),
        ({"correlation_id": "request-1"}, "event_by_correlation"),
        ({"since": "2020-01-01T00:00", "until": "2020-01-02T00:00"}, "Index Cond: ((at >="),
        ({"scope": str(uuid.UUID(int=1))}, "event_by_scope"),
    ],
)
def test_each_search_has_its_index(world, query, index):
    erin = world.actor("erin")
    record_all(event_of("tenancy.rename", world.web, actor=erin, number=number) for number in range(200))
    rows = EventFilter(query, Event.objects.all()).qs
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert index in rows.explain()


def test_one_event_is_shown_whole_with_what_its_request_did(world, signed_in, in_few_queries):  # noqa: F811
    actor = Actor(world.erin, Auth("password", session="s-1", address="192.0.2.7"), correlation_id="one-request")
    first = record("tenancy.rename", world.web, actor=actor, before="old", deep={"list": [{"a": 1}]}, token="t0ps3cret")
    second = record("tenancy.close", world.web, actor=actor, cause=first)
    hidden = record(
        "tenancy.rename", world.other_project, actor=Actor(world.mallory, Auth("x"), correlation_id="one-request")
    )
    page = in_few_queries(signed_in("erin"), f"/events/{second.pk}/").content.decode()
    for said in ("192.0.2.7", "s-1", "one-request", f'href="/events/{first.pk}/"', f'href="/scopes/{world.web.pk}/"'):
        assert said in page, said
    assert str(hidden.pk) not in page
    page = signed_in("erin").get(f"/events/{first.pk}/").content.decode()
    assert "deep.list 1.a" in page
    assert "t0ps3cret" not in page
    assert signed_in("mallory").get(f"/events/{first.pk}/").status_code == 404
    assert signed_in("erin").get(f"/events/{uuid.uuid4()}/").status_code == 404


def test_the_list_says_few_queries_by_api(log, world, caller):  # noqa: F811
    program = caller("erin")
    with CaptureQueriesContext(connection) as queries:
        program.get(f"events/?scope={world.retail.pk}&actor=erin&action=tenancy.")
    assert len(queries) <= 12
