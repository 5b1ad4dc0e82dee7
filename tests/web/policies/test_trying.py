"""The simulator, in the editor and as a page of its own: what would be asked of whom, why, and what differs."""

import pytest

from portal.approvals import services
from portal.approvals.models import Approval, Policy, PolicyChange
from portal.events.models import Event
from portal.orders.kinds import OrderKind
from tests.approvals.wish import PATH, Wish, WishKind
from tests.web.policies.test_policies import BIG, COST, ROLE, head, in_force, rows

ADMINS = {"pick": "admins", "at": "organization", "mode": "any", "due_hours": 8, "on_timeout": "escalate"}
DEAR = {"field": "cost_per_month", "operator": "ge", "value": "100"}


@pytest.fixture
def wishes(world, settings):
    settings.PORTAL_APPROVAL_KINDS = [*settings.PORTAL_APPROVAL_KINDS, PATH]
    WishKind.asks = OrderKind.asks
    for number, cost in enumerate(("20", "120.00", "500")):
        wish = Wish(f"w{number}", world.web, {"cost_per_month": cost, "currency": "EUR"})
        WishKind.wishes[wish.pk] = wish
        services.ask("wish", wish, actor=world.actor("alice"), scope=world.web, title=f"Wish {number}")
    yield world
    WishKind.asks = {}
    WishKind.wishes.clear()


def attempt(world, browser, **given):
    sent = {**head(world, "Dear", kind="wish"), **rows([DEAR], [ADMINS]), "do": "try", **given}
    return browser.post("/policies/new/", sent)


def test_something_that_was_asked_is_tried_with_the_draft(signed_in, wishes):
    world, asked = wishes, Approval.objects.get(title="Wish 1")
    erin = signed_in("erin")
    before = Event.objects.count(), Policy.objects.count()
    page = attempt(world, erin, past=asked.pk).text
    for said in ("For “Wish 1” the route would be", "any admin of its organization", "Erin Test", "Today it is", "Bob Test"):
        assert said in page
    for said in ("2 of 3 would have been decided otherwise", "Wish 2", "Dear (as above)", "120.00 EUR"):
        assert said in page
    assert (Event.objects.count(), Policy.objects.count(), PolicyChange.objects.count()) == (*before, 0)


def test_facts_that_are_filled_in_are_tried(signed_in, wishes):
    world = wishes
    erin = signed_in("erin")
    page = attempt(world, erin, **{"f-place": world.web.pk, "f-cost_per_month": "99"}).text
    assert "Does not fit" in page
    assert "so the house rule decides" in page
    page = attempt(world, erin, **{"f-place": world.web.pk}).text
    assert "not known" in page
    assert "any admin of its organization" in page


@pytest.mark.parametrize(
    "given", [{"f-place": "moon"}, {"past": "moon"}, {"past": "00000000-0000-0000-0000-000000000000", "f-place": ""}]
)
def test_what_cannot_be_tried_says_so_and_loses_nothing(signed_in, wishes, given):
    answer = attempt(wishes, signed_in("erin"), **given)
    assert answer.status_code == 422
    assert 'value="Dear"' in answer.text


def test_a_draft_is_shown_beside_the_policies_in_force_without_the_version_it_replaces(signed_in, wishes):
    world = wishes
    old = in_force(world, "Dear", subject_kind="wish")
    in_force(world, "Other", subject_kind="wish", conditions=[{**BIG[0], "value": "1000"}])
    sent = {**rows([DEAR], [ADMINS]), "do": "try", "f-place": world.web.pk, "f-cost_per_month": "300", "seen": old.version}
    page = signed_in("erin").post(f"/policies/{old.pk}/change/", sent).text
    assert "Dear (as above)" in page
    assert f'href="/policies/{old.pk}/">Dear</a></b>' not in page
    assert "Other" in page
    assert "does not hold" in page


def test_the_page_of_its_own_shows_the_policies_in_force(signed_in, wishes):
    world, asked = wishes, Approval.objects.get(title="Wish 1")
    in_force(world, "Dear", subject_kind="wish")
    erin = signed_in("erin")
    assert erin.get("/policies/simulator/").status_code == 200
    page = erin.get(f"/policies/simulator/?kind=wish&scope={world.nordwind.pk}&past={asked.pk}").text
    assert "Dear" in page
    assert "Bob Test" in page
    page = erin.get(
        f"/policies/simulator/?kind=wish&scope={world.nordwind.pk}&f-place={world.web.pk}&f-cost_per_month=1"
    ).text
    assert "Does not fit" in page


@pytest.mark.parametrize("query", ["kind=moon", "scope=moon", "past=moon", "f-place=moon", "f-place=&f-cost_per_month=x"])
def test_the_page_survives_nonsense(signed_in, world, query):
    assert signed_in("erin").get(f"/policies/simulator/?{query}").status_code in (200, 422)


def test_nothing_of_another_organization_is_tried(signed_in, wishes):
    world, asked = wishes, Approval.objects.get(title="Wish 1")
    page = signed_in("mallory").get(f"/policies/simulator/?kind=wish&scope={world.other.pk}&past={asked.pk}").text
    assert "Wish" not in page.replace(">Wish</option>", "")
    sent = {**head(world, kind="wish", scope=world.other.pk), **rows([COST], [ROLE]), "do": "try", "past": asked.pk}
    assert "Wish 1" not in signed_in("mallory").post("/policies/new/", sent).text


def test_the_simulator_is_for_who_manages_policies(signed_in, world):
    for name in ("alice", "bob", "carol", "dave"):
        assert signed_in(name).get("/policies/simulator/").status_code == 404
