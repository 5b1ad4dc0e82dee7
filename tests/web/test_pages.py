"""The pages of the ground floor: who sees what, and how many queries a page may take."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.access.models import Scope, ScopeKind
from portal.events.services import record
from portal.users.models import User
from tests.cast import PASSWORD, give, person

LISTS = ["/scopes/", "/events/", "/notices/", "/profile/"]
MOST_QUERIES = 12


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave", "erin"])
@pytest.mark.parametrize("url", ["/", *LISTS])
def test_every_page_opens_for_every_role_in_few_queries(world, signed_in, name, url):
    for number in range(60):
        record("tenancy.rename", world.web, actor=world.actor("erin"), number=number)
        Scope.objects.create(scope_kind=ScopeKind.PROJECT, parent=world.retail, name=f"p{number}", slug=f"p{number}")
    browser = signed_in(name)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = browser.get(url)
    assert answer.status_code == 200
    most = MOST_QUERIES + 2 * (url == "/profile/")  # the profile is no list: it gathers five of them, one query each
    assert len(queries) <= most, "\n".join(query["sql"] for query in queries)


@pytest.mark.parametrize("url", ["/", *LISTS])
def test_a_page_is_for_people_who_signed_in(client, url):
    assert client.get(url)["Location"] == f"/signin/?next={url}"


def test_another_organization_is_not_found(world, signed_in):
    mallory = signed_in("mallory")
    assert mallory.get(f"/scopes/{world.web.pk}/").status_code == 404
    assert "Retail" not in mallory.get("/scopes/").content.decode()


def test_a_member_sees_her_project_and_who_is_in_it(world, signed_in):
    page = signed_in("alice").get(f"/scopes/{world.web.pk}/").content.decode()
    assert "Alice Test" in page
    assert "Bob Test" in page


def test_events_of_another_organization_are_not_shown(world, signed_in):
    record("tenancy.rename", world.web, actor=world.actor("erin"), reason="the old name was taken")
    record("tenancy.rename", world.other_project, actor=world.actor("mallory"), reason="hidden from nordwind")
    page = signed_in("erin").get("/events/").content.decode()
    assert "the old name was taken" in page
    assert "hidden from nordwind" not in page


@pytest.mark.parametrize(
    "query", ["q=tenancy", "outcome=refused", "since=2026-01-01&until=2026-12-31", "page=nonsense", "q=%00", "since=x"]
)
def test_the_filter_of_events_stands_whatever_is_typed(world, signed_in, query):
    record("tenancy.rename", world.web, actor=world.actor("erin"))
    answer = signed_in("erin").get(f"/events/?{query}")
    assert answer.status_code == 200


def test_a_person_without_a_role_is_told_what_to_do(client, world):
    stranger = User(username="zoe", name="Zoe")
    stranger.set_password(PASSWORD)
    stranger.save()
    client.post("/signin/", {"username": "zoe", "password": PASSWORD})
    assert "no role yet" in client.get("/scopes/").content.decode()


@pytest.mark.parametrize(
    ("url", "text", "step"),
    [
        ("/orders/", "No order yet", 'href="/catalogue/">See the catalogue'),
        ("/resources/", "Nothing runs here yet", 'href="/orders/">See the orders'),
        ("/catalogue/", "Nothing is offered yet", 'href="/connections/">See the connections'),
    ],
)
def test_an_empty_page_says_what_comes_and_where_to_go(world, signed_in, url, text, step):
    world.people["olga"] = person("olga")
    give(world.people["olga"], "auditor", world.other)
    page = signed_in("olga").get(url).content.decode()
    assert text in page
    assert step in page


def test_the_thumb_bar_has_the_short_name_of_a_place(world, signed_in):
    page = signed_in("erin").get("/").content.decode()
    assert "Projects and people" in page[page.index('class="side"') : page.index('class="top"')]
    thumb = page[page.index('class="thumb"') :]
    assert "</svg>Projects</a>" in thumb[: thumb.index("<details")]


def test_signing_out_everywhere_from_the_profile(world, signed_in):
    browser = signed_in("alice")
    assert browser.post("/profile/end-sessions/").status_code == 302
    assert browser.get("/profile/").status_code == 302


def test_every_answer_carries_the_policy_of_the_browser(client, db):
    answer = client.get("/signin/")
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert answer["X-Correlation-Id"]
