"""Terms of use: published by an organization, accepted by each of its people before she goes on, asked again on change."""

from datetime import timedelta
from functools import partial

import pytest
from django.urls import reverse

from portal.access.models import Scope
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound
from portal.events.models import Event
from portal.identity.consent import EVERY
from portal.tenancy import terms
from portal.tenancy.models import Acceptance, Terms
from portal.users.actor import Narrowing
from portal.users.models import User, UserKind
from tests.cast import give
from tests.races import at_once

FIRST = "Be kind.\n\nKeep secrets secret."
SECOND = "Be kind.\n\nKeep secrets very secret.\n\nAsk before you spend."


@pytest.fixture
def published(world):
    return terms.publish(world.nordwind, FIRST, after=0, actor=world.actor("erin"))


def page_of(scope, name="scope-terms"):
    return reverse(name, args=[scope.pk])


def test_nothing_opens_before_she_accepts_and_then_the_page_she_wanted(world, published, signed_in):
    browser = signed_in("alice")
    answer = browser.get("/orders/?state=open")
    assert answer["Location"] == "/terms/?next=%2Forders%2F%3Fstate%3Dopen"
    shown = browser.get(answer["Location"]).text
    assert "Keep secrets secret." in shown
    assert "<ins>" not in shown
    answer = browser.post("/terms/", {"terms": str(published.pk), "next": "/orders/?state=open"})
    assert answer["Location"] == "/orders/?state=open"
    assert browser.get("/orders/").status_code == 200
    assert Acceptance.objects.get().user == world.alice
    [event] = Event.objects.filter(action="tenancy.accept_terms")
    assert (event.actor, event.target_id, event.detail["version"]) == (world.alice, str(published.pk), 1)


def test_who_has_not_accepted_sends_nothing_but_signs_out_and_changes_the_language(world, published, signed_in):
    browser = signed_in("alice")
    answer = browser.post(reverse("token-create"), {"name": "ci", "days": "3"})
    assert answer.status_code == 403
    assert "New terms of use wait for you." in answer.text
    assert not world.alice.tokens.exists()
    assert browser.post(reverse("choose-language"), {"language": "en"}).status_code == 302
    assert browser.get("/api/me/").status_code == 403
    assert browser.post(reverse("signout")).status_code == 302
    assert browser.get("/orders/")["Location"].startswith("/signin/")


def test_htmx_is_told_in_a_line(published, signed_in):
    answer = signed_in("alice").get("/notices/", headers={"hx-request": "true"})
    assert answer.status_code == 403
    assert answer["HX-Retarget"] == "#says"


def test_a_new_version_is_asked_within_a_minute_and_shows_what_changed(world, published, signed_in):
    browser = signed_in("alice")
    browser.post("/terms/", {"terms": str(published.pk)})
    second = terms.publish(world.nordwind, SECOND, after=1, actor=world.actor("erin"))
    assert browser.get("/orders/").status_code == 200
    with clock.travel(clock.now() + EVERY + timedelta(seconds=1)):
        assert browser.get("/orders/")["Location"].startswith("/terms/")
        shown = browser.get("/terms/").text
        assert "<del>Keep secrets secret.</del>" in shown
        assert "<ins>Keep secrets very secret.</ins>" in shown
        assert "<p>Be kind.</p>" in shown
        browser.post("/terms/", {"terms": str(second.pk)})
        assert browser.get("/orders/").status_code == 200
        assert "version 1" in browser.get("/terms/").text


def test_what_was_replaced_while_she_read_is_not_accepted(world, published, signed_in):
    browser = signed_in("alice")
    browser.get("/terms/")
    terms.publish(world.nordwind, SECOND, after=1, actor=world.actor("erin"))
    answer = browser.post("/terms/?next=/orders/", {"terms": str(published.pk)}, follow=True)
    assert "These terms changed since they were shown." in answer.text
    assert not Acceptance.objects.exists()


def test_accepted_twice_is_accepted_once(world, published):
    assert terms.accept([published.pk], actor=world.actor("alice")) == 1
    assert terms.accept([published.pk], actor=world.actor("alice")) == 0
    assert Acceptance.objects.count() == 1


def test_others_are_not_asked_nor_shown(world, published, signed_in):
    browser = signed_in("mallory")
    assert browser.get("/scopes/").status_code == 200
    assert browser.get(reverse("terms", args=[published.pk])).status_code == 404
    assert browser.post("/terms/", {"terms": str(published.pk)}).status_code == 404
    assert browser.post("/terms/", {"terms": "1; drop"}).status_code == 404
    for url in (page_of(world.nordwind), page_of(world.nordwind, "scope-terms-accepted")):
        assert browser.get(url).status_code == 404
    assert browser.post(page_of(world.nordwind), {"text": "x", "after": 1}).status_code == 404
    assert browser.post(page_of(world.nordwind, "scope-terms-withdraw")).status_code == 404


def test_a_role_in_two_organizations_means_two_terms(world, published):
    other = terms.publish(world.other, "Ours.", after=0, actor=world.actor("mallory"))
    give(world.alice, "viewer", world.other_tenant)
    assert list(terms.waiting_for(world.actor("alice"))) == [published, other]
    terms.accept([other.pk], actor=world.actor("alice"))
    assert list(terms.waiting_for(world.actor("alice"))) == [published]


def test_who_holds_no_role_any_more_is_asked_nothing(world, published):
    world.alice.assignments.all().delete()
    assert not terms.waiting_for(world.actor("alice"))


def test_a_service_account_is_as_its_owner(world, published):
    account = User.objects.create(username="ci", name="ci", kind_of_user=UserKind.SERVICE, owner=world.alice)
    give(account, "member", world.web)
    actor = type(world.actor("alice"))(account, world.actor("alice").auth)
    assert list(terms.waiting_for(actor)) == [published]
    with pytest.raises(Forbidden):
        terms.accept([published.pk], actor=actor)
    terms.accept([published.pk], actor=world.actor("alice"))
    assert not terms.waiting_for(type(actor)(account, actor.auth))


def test_nobody_accepts_for_another(world, published):
    alice = world.actor("alice")
    for said in ({"viewed_as_by": world.erin}, {"acting_for": world.bob}, {"narrowed_to": Narrowing()}):
        with pytest.raises(Forbidden):
            terms.accept([published.pk], actor=type(alice)(world.alice, alice.auth, **said))


def test_only_who_may_publishes_and_only_for_the_whole(world):
    with pytest.raises(Forbidden):
        terms.publish(world.nordwind, FIRST, after=0, actor=world.actor("carol"))
    with pytest.raises(NotFound):
        terms.publish(world.nordwind, FIRST, after=0, actor=world.actor("mallory"))
    with pytest.raises(Invalid):
        terms.publish(world.retail, FIRST, after=0, actor=world.actor("erin"))
    for text in ("", " \n\n ", "x" * (terms.LONGEST + 1)):
        with pytest.raises(Invalid):
            terms.publish(world.nordwind, text, after=0, actor=world.actor("erin"))
    assert not Terms.objects.exists()


def test_a_version_builds_upon_the_one_it_was_written_upon(world, published):
    with pytest.raises(Conflict):
        terms.publish(world.nordwind, SECOND, after=0, actor=world.actor("erin"))
    assert terms.publish(world.nordwind, f"\n{FIRST}\r\n\r\n", after=1, actor=world.actor("erin")) == published
    assert terms.in_force(world.nordwind) == published


def test_the_page_publishes_withdraws_and_says_who_accepted(world, signed_in, in_few_queries):
    browser = signed_in("erin")
    url = page_of(world.nordwind)
    assert "No terms of use" in browser.get(url).text
    assert browser.post(url, {"text": FIRST, "after": 0})["Location"] == url
    published = Terms.objects.get()
    browser.post("/terms/", {"terms": str(published.pk)})
    assert "is asked for these terms" in browser.get(url).text
    User.objects.filter(pk=world.alice.pk).update(name="=HYPERLINK(1)")
    terms.accept([published.pk], actor=world.actor("alice"))
    assert "Erin Test" in in_few_queries(browser, reverse("terms", args=[published.pk])).text
    in_few_queries(browser, url)
    assert browser.post(url, {"text": SECOND, "after": 0}).status_code == 422
    Scope.objects.filter(pk=world.nordwind.pk).update(slug="华东")
    answer = browser.get(page_of(world.nordwind, "scope-terms-accepted"))
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''terms-%E5%8D%8E%E4%B8%9C.csv"
    report = answer.text
    assert "1,'=HYPERLINK(1),alice," in report
    browser.post(page_of(world.nordwind, "scope-terms-withdraw"))
    assert terms.in_force(world.nordwind) is None
    assert not terms.waiting_for(world.actor("bob"))
    assert Acceptance.objects.count() == 2
    assert browser.post(url, {"text": SECOND, "after": 1})["Location"] == url


def test_two_who_publish_at_once_make_one_version(fresh_db, world):
    erin = world.actor("erin")
    said = at_once(*(partial(terms.publish, world.nordwind, text, after=0, actor=erin) for text in ("One.", "Two.")))
    assert sorted(type(each).__name__ for each in said) == ["Conflict", "Terms"]
    assert Terms.objects.count() == 1


def test_a_tenant_has_no_terms_page(world, signed_in):
    assert signed_in("erin").get(page_of(world.retail)).status_code == 404
    assert Scope.objects.filter(terms=None).count() == Scope.objects.count()


def test_the_page_of_the_organization_links_to_them_for_who_publishes(world, signed_in):
    link = page_of(world.nordwind)
    assert link in signed_in("erin").get(reverse("scope", args=[world.nordwind.pk])).text
    assert link not in signed_in("carol").get(reverse("scope", args=[world.nordwind.pk])).text
