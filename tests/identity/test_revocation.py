"""The layers of revocation against a real Keycloak, each alone and all together."""

import time
from datetime import timedelta
from threading import Thread

import pytest

from portal.core import clock, parcels
from portal.core.errors import Forbidden
from portal.core.registry import named
from portal.identity import journal, people, puller, services
from portal.identity.models import ProviderStep, Session, SessionEnd
from portal.identity.plane import plane
from portal.identity.service_accounts import create_service_account
from portal.identity.tokens import actor_by_token, create_token
from portal.users.actor import NEVER, Actor, Auth
from portal.users.models import Identity, User
from tests.cast import give
from tests.sizes import size

WRITERS = 4


@pytest.fixture
def hers(world, realm, through):
    """Alice with an account there and a session that came from it: (identity, browser)."""
    known = realm.person("alice", groups=["/cloud/readers"])
    identity = Identity.objects.create(user=world.alice, issuer=realm.issuer, subject=known.id)
    tokens = realm.tokens(known)
    browser = through(identity, sid=tokens["session_state"], refresh_token=tokens["refresh_token"])
    puller.pull()
    return identity, browser


def acting(world):
    return Actor(world.alice, Auth("oidc", session=str(Session.objects.latest("created_at").pk)), checked_at=NEVER)


def is_out(browser):
    return browser.get("/").status_code == 302


def test_disabled_here_she_is_disabled_and_signed_out_there(world, realm, hers):
    identity, browser = hers
    assert plane().sessions(identity.subject)
    people.disable_person(world.alice, actor=world.actor("erin"), reason="She left.")
    assert is_out(browser)
    journal.settle(identity.pk)
    assert not people.unconfirmed(world.alice)
    assert realm.admin.get_user(identity.subject)["enabled"] is False
    assert plane().sessions(identity.subject) == []
    people.enable_person(User.objects.get(pk=world.alice.pk), actor=world.actor("erin"))
    journal.settle(identity.pk)
    assert realm.admin.get_user(identity.subject)["enabled"] is True
    puller.pull()
    assert User.objects.get(pk=world.alice.pk).is_active, "its own events shut nobody out for good"


def test_with_keycloak_down_the_portal_refuses_at_once_and_the_journal_catches_up(world, realm, hers, settings):
    identity, browser = hers
    there = settings.KEYCLOAK_URL
    people.disable_person(world.alice, actor=world.actor("erin"), reason="She left.")
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    journal.settle(identity.pk)
    assert is_out(browser)
    assert people.unconfirmed(world.alice)[0].failures == 1
    settings.KEYCLOAK_URL = there
    with clock.travel(clock.now() + timedelta(minutes=2)):
        journal.settle(identity.pk)
    assert [step.state for step in ProviderStep.objects.all()] == ["done", "done"]
    assert realm.admin.get_user(identity.subject)["enabled"] is False


def test_what_happens_there_is_so_here_at_the_next_reading(world, realm, hers):
    identity, browser = hers
    realm.admin.update_user(identity.subject, {"enabled": False})
    puller.pull()
    assert is_out(browser)
    assert not User.objects.get(pk=world.alice.pk).is_active
    realm.admin.update_user(identity.subject, {"enabled": True})
    puller.pull()
    assert User.objects.get(pk=world.alice.pk).is_active


def test_one_session_ended_there_ends_here_and_the_other_lives(world, realm, hers, through):
    identity, browser = hers
    tokens = realm.tokens(realm.person("alice", groups=["/cloud/readers"]))
    other = through(identity, sid=tokens["session_state"], refresh_token=tokens["refresh_token"])
    first = Session.objects.earliest("created_at").sid
    realm.admin.connection.raw_delete(f"admin/realms/{realm.name}/sessions/{first}")
    puller.pull()
    assert (is_out(browser), is_out(other)) == (True, False)
    realm.admin.connection.raw_post(f"admin/realms/{realm.name}/logout-all", data="")
    puller.pull()
    assert is_out(other)


def test_a_browser_she_signs_out_here_is_signed_out_there_and_everywhere_is_everywhere(world, realm, hers, through):
    identity, here = hers
    known = realm.person("alice", groups=["/cloud/readers"])
    tokens = realm.tokens(known)
    there = through(identity, sid=tokens["session_state"], refresh_token=tokens["refresh_token"])
    row = Session.objects.get(sid=tokens["session_state"])
    mine = Session.objects.exclude(pk=row.pk).get(ended_at=None)
    assert here.post(f"/profile/sessions/{row.pk}/end/").status_code == 302
    journal.settle(identity.pk)
    assert not {row.sid} & set(plane().sessions(identity.subject))
    assert mine.sid in plane().sessions(identity.subject)
    puller.pull()
    assert (is_out(here), is_out(there)) == (False, True)
    realm.tokens(known)
    assert here.post("/profile/end-sessions/").status_code == 302
    journal.settle(identity.pk)
    assert plane().sessions(identity.subject) == []
    assert not journal.open_steps().exists()


def test_a_move_between_groups_there_is_known_here(world, realm, hers):
    identity, _browser = hers
    puller.reread()
    realm.person("alice", groups=["/cloud/admins"])
    puller.pull()
    identity.refresh_from_db()
    assert identity.claims["groups"] == ["/cloud/admins"]


def test_who_is_deleted_there_is_out_here(world, realm, hers):
    identity, browser = hers
    realm.admin.delete_user(identity.subject)
    puller.pull()
    assert is_out(browser)
    assert plane().is_enabled(identity.subject) is None


def test_the_live_check_lets_her_act_while_she_lives_there(world, hers):
    before = Session.objects.get().refresh_token
    for _ in range(2):
        services.check_live(acting(world))
    assert Session.objects.get().refresh_token != before


@pytest.mark.parametrize("how", ["disabled", "signed out", "deleted"])
def test_the_live_check_needs_no_event_to_refuse(world, realm, hers, how):
    identity, browser = hers
    if how == "disabled":
        realm.admin.update_user(identity.subject, {"enabled": False})
    elif how == "deleted":
        realm.admin.delete_user(identity.subject)
    else:
        realm.admin.user_logout(identity.subject)
    assert browser.get("/").status_code == 200, "no event was read yet"
    with pytest.raises(Forbidden):
        services.check_live(acting(world))
    assert is_out(browser)
    assert Session.objects.get().end == SessionEnd.PROVIDER


def test_all_together_a_revoked_person_gets_nothing_more(world, realm, hers, client):
    identity, browser = hers
    give(world.alice, "tenant_admin", world.retail)
    robot = create_service_account(world.retail, "robot", actor=world.actor("alice")).user
    expires = clock.now() + timedelta(days=1)
    keys = [create_token(name="t", expires=expires, actor=world.actor("alice"), user=user)[1] for user in (None, robot)]
    parcel = parcels.put("a secret on its way", for_user_id=world.alice.pk, about="resource:1")
    calls = [{"Authorization": f"Bearer {key}"} for key in keys]
    assert [client.get("/api/me/", headers=call).status_code for call in calls] == [200, 200]
    people.disable_person(world.alice, actor=world.actor("erin"), reason="She left.")
    assert is_out(browser)
    assert [client.get("/api/me/", headers=call).status_code for call in calls] == [401, 401]
    assert not any(actor_by_token(key, address="", correlation_id="") for key in keys)
    assert parcels.take(parcel, for_user_id=world.alice.pk) is None
    with pytest.raises(Forbidden):
        services.check_live(acting(world))
    journal.settle(identity.pk)
    with pytest.raises(AssertionError):
        realm.tokens(realm.person("alice", enabled=False))


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_of_events_written_by_many_at_once_none_is_lost_and_none_is_acted_on_twice(
    world, keycloak, realm, monkeypatch, figures
):
    """Four write as fast as they can while the puller reads; by time alone some would be missed."""
    puller.pull()
    acted_on, each = [], size(75, 1900)
    monkeypatch.setattr(puller, "news_of", lambda events: acted_on.extend(e["id"] for e in events) or puller.News())

    def write(writer):
        client = {"client_id": keycloak.admin_client_id, "secret": keycloak.admin_client_secret}
        admin = named("portal.identity.realm.connection.connect")(realm.url, realm.name, **client)
        for number in range(each):
            admin.create_group({"name": f"w{writer}-{number}"})

    writers = [Thread(target=write, args=(n,)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        puller.pull()
        time.sleep(0.05)
    puller.pull()
    written = realm.admin.connection.raw_get(f"admin/realms/{realm.name}/admin-events", resourceTypes="GROUP", max=100_000)
    ids = [event["id"] for event in written.json() if '"name":"w' in (event.get("representation") or "")]
    assert set(ids) <= set(acted_on)
    assert len(acted_on) == len(set(acted_on))
    assert len(ids) == WRITERS * each
    figures(writers=WRITERS, events=len(ids), lost=len(set(ids) - set(acted_on)), twice=len(acted_on) - len(set(acted_on)))
