"""A token that a shell sent: what opens the API as her, and what does not, against an issuer on loopback."""

from datetime import timedelta

import pytest

from portal.core import clock
from portal.core.errors import Forbidden
from portal.identity import grants, sessions
from portal.identity import services as identity
from portal.identity.models import ProviderStep, Session, SessionEnd
from portal.identity.shells import actor_by_shell
from portal.tenancy import terms
from portal.users.models import Identity

pytestmark = pytest.mark.django_db


@pytest.fixture
def known(world, issuer, monkeypatch):
    """Alice is known by the issuer, which says that she is there."""
    monkeypatch.setattr(grants, "stands", lambda raw: True)
    return Identity.objects.create(user=world.alice, issuer=issuer.address, subject="alice-at-corp")


def came(raw, agent="curl/8.1"):
    return actor_by_shell(raw, address="192.0.2.1", agent=agent, correlation_id="c")


def test_she_acts_with_the_token_she_sent_and_nobody_reads_it_in_a_log(known, issuer):
    raw = issuer.token("access")
    actor = came(raw, agent="x" * 500)
    assert (actor.user, actor.auth.method, actor.bearer, actor.narrowed_to) == (known.user, "shell", raw, None)
    assert raw not in repr(actor)
    assert len(Session.objects.get().agent) == 200


@pytest.mark.parametrize(
    "said", [{"scope": "openid offline_access"}, {"sid": None}, {"azp": "portal"}, {"aud": "keystone"}, {"exp": 1}]
)
def test_what_is_no_token_of_a_shell_opens_nothing(known, issuer, said):
    assert came(issuer.token("access", **said)) is None
    assert not Session.objects.exists()


@pytest.mark.parametrize("raw", ["", ".", "..", "a.b.c", "x" * 9000, "ccd_abc", "\x00.\x00.\x00"])
def test_noise_opens_nothing(known, raw):
    assert came(raw) is None


def test_without_a_provider_no_token_of_one_counts(known, issuer, settings):
    raw, settings.KEYCLOAK_URL = issuer.token("access"), ""
    assert came(raw) is None


def test_somebody_else_is_told_to_come_by_a_browser_first(known, issuer):
    with pytest.raises(Forbidden, match="in a browser once"):
        came(issuer.token("access", sub="bob-at-corp"))


def test_a_sign_in_that_the_provider_does_not_confirm_begins_nothing(known, issuer, monkeypatch):
    monkeypatch.setattr(grants, "stands", lambda raw: False)
    assert came(issuer.token("access")) is None
    assert not Session.objects.exists()


@pytest.mark.parametrize("end", [end for end in SessionEnd if end != SessionEnd.EXPIRED])
def test_a_session_that_was_ended_stays_ended(known, issuer, end):
    assert came(issuer.token("access"))
    sessions.end_all(Session.objects.all(), why=end)
    assert came(issuer.token("access")) is None
    assert came(issuer.token("access", sid="s-2"))


def test_she_ends_a_shell_from_her_profile_and_the_provider_is_told(known, issuer, world):
    came(issuer.token("access"))
    identity.end_session(Session.objects.get().pk, actor=world.actor("alice"))
    assert came(issuer.token("access")) is None
    step = ProviderStep.objects.get()
    assert (step.verb, step.asked) == ("sign_out", {"sid": "s-1"})


def test_new_terms_are_read_in_a_browser_first(known, issuer, world, client):
    terms.publish(world.nordwind, "Be kind.", after=0, actor=world.actor("erin"))
    answer = client.get("/api/me/", headers={"Authorization": f"Bearer {issuer.token('access')}"})
    assert answer.status_code == 403
    assert "terms of use" in answer.json()["detail"]


def test_one_that_was_only_quiet_begins_anew(known, issuer):
    came(issuer.token("access"))
    sessions.end_all(Session.objects.all(), why=SessionEnd.EXPIRED)
    assert came(issuer.token("access"))


def test_it_notes_that_she_is_there_once_a_minute(known, issuer):
    came(issuer.token("access"))
    first = Session.objects.get().seen_at
    came(issuer.token("access"))
    assert Session.objects.get().seen_at == first
    with clock.travel(clock.now() + timedelta(minutes=2)):
        came(issuer.token("access"))
    assert Session.objects.get().seen_at > first
