"""The inbox and the card: what waits, who sees it, and a vote as a browser sends it."""

import pytest
from django.test import Client

from portal.approvals import services
from portal.approvals.models import Approval, Vote
from portal.events.models import Event
from tests.approvals.wish import PATH, Wish, WishKind
from tests.cast import give

CAST = ["alice", "bob", "carol", "dave", "erin"]


@pytest.fixture(autouse=True)
def _kind(settings):
    settings.PORTAL_APPROVAL_KINDS = [PATH]
    WishKind.wishes.clear()


@pytest.fixture
def approval(world):
    return ask(world, "w1")


def ask(world, key, who="alice"):
    WishKind.wishes[key] = Wish(key, world.web, {"cost_per_month": "120.004", "currency": "EUR", "action": "create"})
    return services.ask("wish", WishKind.wishes[key], actor=world.actor(who), scope=world.web, title=f"Wish {key}")


def url(approval):
    return f"/inbox/{approval.pk}/"


def vote(browser, approval, choice="approve", **fields):
    return browser.post(url(approval), {"choice": choice, "card_hash": approval.card_hash, "note": "", **fields})


def granted():
    return Event.objects.filter(action="wish.apply").count()


@pytest.mark.parametrize("name", CAST)
def test_the_inbox_takes_few_queries_and_is_for_who_decides(world, signed_in, in_few_queries, name):
    for number in range(60):
        ask(world, f"w{number}")
    answer = in_few_queries(signed_in(name), "/inbox/")
    assert answer.status_code == (200 if name in ("bob", "carol", "erin") else 404)
    if name == "bob":
        assert "60 things wait for you" in answer.content.decode()


def test_an_empty_inbox_says_so_in_one_line(world, signed_in):
    page = signed_in("bob").get("/inbox/").content.decode()
    assert page.count("Nothing waits for you.") == 1
    assert 'href="/notices/">Choose what is mailed' in page


def test_the_count_stands_beside_the_inbox_on_every_page(world, signed_in, approval):
    assert '<span class="count">1</span>' in signed_in("bob").get("/notices/").content.decode()


def test_the_card_shows_facts_policies_route_and_carries_its_hash(world, signed_in, approval, in_few_queries):
    page = in_few_queries(signed_in("bob"), url(approval), most=36).content.decode()
    for text in ("Wish w1", "Alice Test", "120.00", "Approver of web", "Route", "Similar decisions", approval.card_hash):
        assert text in page
    assert 'title="120.004 EUR exactly"' in page


def test_her_vote_grants_it_once_however_often_she_clicks(world, signed_in, approval):
    browser = signed_in("bob")
    assert vote(browser, approval)["Location"] == url(approval)
    assert vote(browser, approval)["Location"] == url(approval)
    assert (granted(), Vote.objects.count()) == (1, 1)
    page = browser.get(url(approval)).content.decode()
    assert "Approved" in page
    assert "data-key" not in page


def test_a_denial_says_why(world, signed_in, approval):
    browser = signed_in("bob")
    answer = vote(browser, approval, "deny")
    assert answer.status_code == 422
    assert "Say why" in answer.content.decode()
    assert vote(browser, approval, "deny", note="Use the one we have.").status_code == 302
    assert Approval.objects.get().state == "denied"
    assert "Use the one we have." in browser.get(url(approval)).content.decode()


def test_facts_that_moved_are_shown_with_the_card_that_holds_now(world, signed_in, approval):
    WishKind.wishes["w1"].facts = {"cost_per_month": "240.00", "currency": "EUR", "action": "create"}
    answer = vote(signed_in("bob"), approval, note="fine")
    page = answer.content.decode()
    assert answer.status_code == 409
    assert granted() == 0
    assert "The facts changed while you looked" in page
    assert "<s" in page
    assert "120.00" in page
    assert "240.00" in page
    assert "fine</textarea>" in page
    assert f'name="card_hash" value="{approval.card_hash}"' not in page


def test_the_new_card_can_be_decided_on(world, signed_in, approval):
    WishKind.wishes["w1"].facts = {"cost_per_month": "240.00", "currency": "EUR", "action": "create"}
    browser = signed_in("bob")
    shown = vote(browser, approval).context["card"].hash
    assert vote(browser, approval, card_hash=shown).status_code == 302
    assert granted() == 1


def test_another_vote_after_hers_is_a_conflict_and_the_card_stays(world, signed_in, approval):
    browser = signed_in("bob")
    vote(browser, approval)
    answer = vote(browser, approval, "deny", note="no")
    assert answer.status_code == 409
    assert "You have decided already" in answer.content.decode()


def test_who_asked_sees_the_card_and_cannot_vote_even_by_hand(world, signed_in, approval):
    give(world.alice, "approver", world.retail)
    browser = signed_in("alice")
    page = browser.get(url(approval)).content.decode()
    assert "someone else decides" in page
    assert "data-key" not in page
    assert vote(browser, approval).status_code == 403
    assert granted() == 0


def test_a_vote_that_is_none_is_refused(world, signed_in, approval):
    browser = signed_in("bob")
    assert vote(browser, approval, "perhaps").status_code == 400
    assert vote(browser, approval, card_hash="x" * 64).status_code == 409
    assert vote(browser, approval, note="\x00").status_code == 422
    assert granted() == 0


def test_another_organization_finds_nothing(world, signed_in, approval):
    browser = signed_in("mallory")
    assert browser.get(url(approval)).status_code == 404
    assert vote(browser, approval).status_code == 404
    assert "Wish w1" not in browser.get("/inbox/").content.decode()


def test_a_vote_needs_the_token_of_the_form(world, approval):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(world.bob)
    assert vote(browser, approval).status_code == 403
    assert granted() == 0
