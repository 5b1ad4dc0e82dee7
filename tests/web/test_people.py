"""The page of a person: who opens it, what it says would end, and that disabling her ends it."""

import pytest
from django.urls import reverse

from portal.core import clock
from portal.identity import journal, people
from portal.identity.models import ProviderStep
from portal.users.models import Identity, User
from tests.cast import give
from tests.identity import upstream


def page(world, name="alice", act=""):
    return reverse(f"person{act}", args=[world.people[name].pk])


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave", "mallory"])
def test_only_who_manages_people_there_finds_the_page(signed_in, world, name):
    browser = signed_in(name)
    assert browser.get(page(world)).status_code == 404
    for act in ("-disable", "-enable"):
        assert browser.post(page(world, act=act), {"reason": "no"}).status_code == 404
    assert User.objects.get(pk=world.alice.pk).is_active


def test_the_people_of_a_scope_lead_to_their_pages(signed_in, world):
    text = signed_in("erin").get(f"/scopes/{world.web.pk}/").content.decode()
    assert page(world) in text
    assert page(world) not in signed_in("bob").get(f"/scopes/{world.web.pk}/").content.decode()


def test_the_page_says_what_would_end_and_ends_it(signed_in, world, in_few_queries):
    browser = signed_in("erin")
    text = in_few_queries(browser, page(world), most=20).content.decode()
    assert "0 sessions" in text
    answer = browser.post(page(world, act="-disable"), {"reason": "She left."}, follow=True)
    assert "nothing she held opens anything any more" in answer.content.decode()
    assert not User.objects.get(pk=world.alice.pk).is_active
    assert "Disabled" in browser.get(f"/scopes/{world.web.pk}/").content.decode()
    browser.post(page(world, act="-enable"))
    assert User.objects.get(pk=world.alice.pk).is_active


def test_without_a_reason_nothing_ends(signed_in, world):
    assert signed_in("erin").post(page(world, act="-disable"), {"reason": " "}).status_code == 422
    assert User.objects.get(pk=world.alice.pk).is_active


def test_what_may_not_be_done_is_said_on_the_page_before_and_after(signed_in, world):
    browser = signed_in("erin")
    assert "Nobody disables or enables herself" in browser.get(page(world, "erin")).content.decode()
    assert browser.post(page(world, "erin", "-disable"), {"reason": "x"}).status_code == 403
    give(world.alice, "viewer", world.other_project)
    assert "another organization" in browser.get(page(world)).content.decode()


def test_what_the_provider_has_not_confirmed_is_on_her_page_and_in_the_queue(signed_in, world, settings):
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    Identity.objects.create(user=world.alice, issuer=people.issuer(), subject="s")
    people.disable_person(world.alice, actor=world.actor("erin"), reason="She left.")
    ProviderStep.objects.update(error="Can&#x27;t <connect>", tries=3)
    browser = signed_in("erin")
    text = browser.get(page(world)).content.decode()
    assert "the identity provider has not confirmed it yet" in text
    assert "told 3 times" in text
    assert "<connect>" not in text
    assert "has not confirmed one person" in browser.get("/queue/").content.decode()
    ProviderStep.objects.update(state="done")
    assert not journal.open_steps()
    assert "has not confirmed" not in browser.get(page(world)).content.decode()


def test_enabled_here_and_not_yet_there_the_page_says_so_and_asks_nothing_more(signed_in, world, settings):
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    alias = upstream.oidc(world, name="The partner").alias
    Identity.objects.create(user=world.alice, issuer=people.issuer(), subject="s", provider=alias)
    people.disable_person(world.alice, actor=world.actor("erin"), reason="She left.")
    Identity.objects.update(disabled_at=clock.now())
    text = signed_in("erin").post(page(world, act="-enable"), follow=True).content.decode()
    assert "Enabled here; the identity provider has not confirmed it yet." in text
    assert "as soon as her identity provider confirms it" in text
    assert page(world, act="-enable") not in text
    assert "The partner" in text
