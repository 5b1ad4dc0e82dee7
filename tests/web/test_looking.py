"""Seeing Concord as another person sees it, in a browser: marked on every page, nothing written, and over when it is over."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.access.models import Assignment
from portal.core import clock
from portal.core.errors import Forbidden
from portal.events.models import Event
from portal.identity.models import Look
from portal.identity.people import disable_person
from portal.orders.models import OrderState
from portal.tenancy import owning
from portal.users.models import User
from portal.web import takes
from portal.web.urls import urlpatterns
from tests.cast import PASSWORD, give

BAR = 'id="look"'
WHY = "She cannot find her server."


def begin(browser, world, name="alice", **more):
    given = {"organization": world.nordwind.pk, "reason": WHY, **more}
    return browser.post(reverse("person-look", args=[world.people[name].pk]), given)


@pytest.fixture
def looking(signed_in, world):
    """Erin's browser, looking as alice."""
    browser = signed_in("erin")
    assert begin(browser, world).status_code == 302
    return browser


def plain(names):
    """The addresses without an argument."""
    return {each.name: reverse(each.name) for each in urlpatterns if each.name in names and "<" not in str(each.pattern)}


def test_every_page_is_hers_and_says_so(looking, world, market):
    order = market.place()
    text = looking.get("/").content.decode()
    assert "You see Concord as <b>Alice Test</b> sees it" in text
    assert reverse("looking-stop") in text
    assert reverse("profile") not in text
    herself = Client()
    herself.post("/signin/", {"username": "alice", "password": PASSWORD})
    shown = {name for name in takes.TAKES if takes.is_shown_to_who_looks(name)}
    urls = {**plain(shown), "order": reverse("order", args=[order.pk]), "scope": reverse("scope", args=[world.web.pk])}
    assert len(urls) > 15
    for name, url in urls.items():
        seen, hers = looking.get(url), herself.get(url)
        assert seen.status_code == hers.status_code, name
        assert BAR in seen.content.decode(), name
        assert BAR not in hers.content.decode(), name


def test_an_error_page_is_marked_too(looking):
    answer = looking.get("/orders/00000000-0000-0000-0000-000000000000/")
    assert answer.status_code == 404
    assert BAR in answer.content.decode()


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_is_written_by_any_method_at_any_address(looking, world, market, method):
    order = market.place()
    before = Event.objects.count()
    for each in urlpatterns:
        if each.name in takes.OF_THE_FRAME:
            continue
        words = {name: "aws" if kind.__class__.__name__ == "SlugConverter" else order.pk for name, kind in converters(each)}
        words = {name: 1 if name == "share_pk" else word for name, word in words.items()}
        answer = getattr(looking, method)(address_of(each, words), {"reason": "x", "verb": "stop"})
        assert answer.status_code == 403, each.name
        assert "nothing was done" in answer.content.decode(), each.name
    order.refresh_from_db()
    assert order.state == OrderState.WAITING
    tried = Event.objects.filter(action="identity.act_as", outcome="refused", actor=world.alice, viewed_as_by=world.erin)
    assert Event.objects.count() - before == tried.count() == len(urlpatterns) - len(takes.OF_THE_FRAME)


def test_what_was_tried_meanwhile_says_both_on_the_page_and_in_the_api(looking, world, signed_in):
    looking.post(reverse("scope-rename", args=[world.web.pk]), {"name": "x"})
    looking.post(reverse("looking-stop"))
    text = looking.get("/events/?q=identity.act_as").content.decode()
    assert "Alice Test" in text
    assert "Erin Test looked as her" in text
    tried = looking.get("/api/events/?q=identity.act_as").json()["results"][0]
    assert (tried["actor"]["name"], tried["viewed_as_by"]["name"]) == ("Alice Test", "Erin Test")
    assert (tried["outcome"], tried["detail"]["path"]) == ("refused", reverse("scope-rename", args=[world.web.pk]))
    assert looking.get("/api/events/?q=identity.begin_view_as").json()["results"][0]["viewed_as_by"] is None


def converters(pattern):
    return pattern.pattern.converters.items()


def address_of(pattern, words):
    return reverse(pattern.name, kwargs=words)


def test_an_admin_who_is_looked_at_hands_nothing_over(world):
    give(world.bob, "organization_admin", world.nordwind)
    seen = replace(world.actor("bob"), viewed_as_by=world.erin, memory={})
    owning.hand_over(world.web, world.alice, actor=world.actor("bob"))
    with pytest.raises(Forbidden):
        owning.hand_over(world.web, world.bob, actor=seen)
    world.web.refresh_from_db()
    assert world.web.owner == world.alice


def test_her_own_things_and_files_are_not_shown(looking):
    own = {name for name, each in takes.TAKES.items() if each in (takes.Free.OWN, takes.Free.OUTSIDE)}
    for name, url in plain(own | takes.HANDED_OUT).items():
        answer = looking.get(url)
        assert answer.status_code == 403, name
        assert "not shown to who looks" in answer.content.decode(), name


def test_an_act_by_a_script_is_refused_in_one_line(looking, world):
    answer = looking.post(reverse("scope-rename", args=[world.web.pk]), {"name": "x"}, headers={"HX-Request": "true"})
    assert answer.status_code == 403
    assert answer.headers["HX-Retarget"] == "#says"
    assert "<html" not in answer.content.decode()


def test_the_api_is_not_looked_at(looking, world):
    for path in ("me/", "orders/", "tokens/"):
        answer = looking.get(f"/api/{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path


def test_stopping_gives_her_back_to_herself_and_the_person_is_told(looking, world, signed_in):
    looking.get("/orders/")
    looking.get("/orders/", headers={"HX-Request": "true"})
    text = looking.post(reverse("looking-stop"), follow=True).content.decode()
    assert BAR not in text
    assert "You see Concord as yourself again" in text
    assert looking.post(reverse("looking-stop"), follow=True).status_code == 200
    begun = Look.objects.get()
    assert (begun.end, begun.opened, begun.paths) == ("stopped", 1, ["/orders/"])
    alice = signed_in("alice")
    assert "Erin Test looked at Concord as you see it" in alice.get("/notices/").content.decode()
    profile = alice.get("/profile/").content.decode()
    assert "Erin Test" in profile
    assert WHY in profile


def test_a_form_that_was_shown_before_the_end_is_too_old_after_it(world, market):
    """Else a button seen under alice's name would act in erin's."""
    browser = Client(enforce_csrf_checks=True)
    sign_in(browser)
    assert begin(browser, world, csrfmiddlewaretoken=token(browser)).status_code == 302
    stale = token(browser)
    browser.post(reverse("looking-stop"), {"csrfmiddlewaretoken": stale})
    act = reverse("scope-rename", args=[world.nordwind.pk])
    answer = browser.post(act, {"name": "Renamed", "csrfmiddlewaretoken": stale})
    assert (answer.status_code, "too old" in answer.content.decode()) == (403, True)
    assert begin(browser, world, csrfmiddlewaretoken=token(browser)).status_code == 302
    stale = token(browser)
    with clock.travel(clock.now() + timedelta(minutes=16)):
        assert browser.post(act, {"name": "Renamed", "csrfmiddlewaretoken": stale}).status_code == 403
    world.nordwind.refresh_from_db()
    assert world.nordwind.name == "Nordwind"


def sign_in(browser):
    browser.get("/signin/?local")
    browser.post("/signin/", {"username": "erin", "password": PASSWORD, "csrfmiddlewaretoken": token(browser)})


def token(browser):
    return browser.cookies["csrftoken"].value


@pytest.mark.parametrize("what", ["time", "her access", "the right", "the role of the person"])
def test_a_look_that_is_over_is_over_at_the_next_page(looking, world, what):
    at = clock.now()
    if what == "time":
        at += timedelta(minutes=15, seconds=1)
    elif what == "her access":
        disable_person(world.alice, actor=world.actor("erin"), reason="She left.")
    elif what == "the right":
        Assignment.objects.filter(user=world.erin).delete()
        give(world.erin, "viewer", world.nordwind)
    else:
        Assignment.objects.filter(user=world.alice).delete()
    with clock.travel(at):
        text = looking.get("/scopes/").content.decode()
        assert BAR not in text
        assert "as yourself again" in text or "sees nothing" in text
        assert BAR not in looking.get("/scopes/").content.decode()
    assert Look.objects.get().end in ("time", "access")


def test_her_own_sign_out_everywhere_ends_the_look_with_her_session(looking, world):
    User.objects.filter(pk=world.erin.pk).update(access_epoch=9)
    assert looking.get("/").status_code == 302


def test_signing_out_while_looking_signs_the_admin_out_in_her_own_name(looking, world):
    looking.post(reverse("signout"))
    said = Event.objects.get(action="identity.sign_out")
    assert (said.actor, said.target_id, said.viewed_as_by) == (world.erin, str(world.erin.pk), None)
    assert looking.get("/").status_code == 302
    assert Look.objects.get().end == "signed_out"


def test_a_token_that_waited_for_the_admin_is_not_lost_on_the_others_pages(signed_in, world, market):
    resource = market.active()
    browser = signed_in("erin")
    session = browser.session
    session["fresh-secret"] = str(resource.pk)
    session.save()
    begin(browser, world)
    assert browser.get(reverse("resource", args=[resource.pk])).status_code == 200
    assert "fresh-secret" not in browser.session


def test_the_page_of_a_person_offers_it_to_who_may_and_says_why_not(signed_in, world):
    act = reverse("person-look", args=[world.alice.pk])
    browser = signed_in("erin")
    assert act in browser.get(reverse("person", args=[world.alice.pk])).content.decode()
    own = browser.get(reverse("person", args=[world.erin.pk])).content.decode()
    assert "You see Concord as yourself already" in own
    assert begin(browser, world, "erin").status_code == 403
    answer = begin(browser, world, reason=" ")
    assert (answer.status_code, act in answer.content.decode()) == (422, True)
    assert begin(browser, world, organization=world.other.pk).status_code == 422
    assert begin(signed_in("dave"), world).status_code == 404
    assert begin(signed_in("mallory"), world).status_code == 404
    assert not Look.objects.exists()


def test_ordinary_pages_ask_nothing_more_and_looking_asks_little(signed_in, world):
    browser = signed_in("alice")
    hers = counted(browser)
    browser = signed_in("erin")
    begin(browser, world)
    assert counted(browser) <= hers + 5


def counted(browser):
    browser.get("/scopes/")
    with CaptureQueriesContext(connection) as queries:
        assert browser.get("/scopes/").status_code == 200
    return len(queries)
