"""The puller: what happened at the identity provider is so here, once, whatever the order and whoever dies between."""

import json
import uuid

import pytest
from django.db import connection

from portal.core.models import Parcel
from portal.events.models import Event
from portal.identity import journal, people, puller, upstream
from portal.identity.models import Feed, Heard, Session
from portal.identity.puller import news_of
from portal.users.models import Identity, User
from tests.cast import PASSWORD
from tests.identity.planes import account


@pytest.fixture
def hers(world, provider):
    return account(provider, world.alice, "sub-alice")


@pytest.fixture
def begun(provider):
    """The reading has begun; `time` of the next event is its number."""
    puller.pull()
    return provider


def name_of(*parts):
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(parts)))


def admin(act, kind, path, time=1_000_000, **said):
    event = {
        "id": name_of(act, kind, path, time, said),
        "time": time,
        "operationType": act,
        "resourceType": kind,
        "resourcePath": path,
    }
    return {**event, **({"representation": json.dumps(said, separators=(",", ":"))} if said else {})}


def person(kind, time=1_000_000, **facts):
    return {"id": name_of(kind, time, facts), "time": time, "type": kind, **facts}


NAMED = [
    (admin("UPDATE", "USER", "users/u", enabled=False), {"shut_out": {"u"}, "stale": {"u"}}),
    (admin("UPDATE", "USER", "users/u", enabled=True), {"stale": {"u"}}),
    (admin("UPDATE", "USER", "users/u"), {"stale": {"u"}}),
    (admin("DELETE", "USER", "users/u"), {"shut_out": {"u"}, "stale": {"u"}}),
    (admin("CREATE", "GROUP_MEMBERSHIP", "users/u/groups/g"), {"stale": {"u"}}),
    (admin("DELETE", "REALM_ROLE_MAPPING", "users/u/role-mappings/realm"), {"stale": {"u"}}),
    (admin("ACTION", "USER", "users/u/logout"), {"signed_out": {"u"}}),
    (admin("ACTION", "USER", "users/u/reset-password"), {"stale": {"u"}}),
    (admin("DELETE", "USER_SESSION", "sessions/s"), {"sids": {"s"}}),
    (admin("ACTION", "REALM", "logout-all"), {"all_out": True}),
    (admin("CREATE", "ORGANIZATION_MEMBERSHIP", "organizations/o/members"), {"all_stale": True}),
    (admin("DELETE", "GROUP", "groups/g"), {"all_stale": True}),
    (admin("CREATE", "GROUP", "groups/g"), {}),
    (admin("ACTION", "REALM", "push-revocation"), {}),
    (admin("CREATE", "CLIENT", "clients/c"), {}),
    (person("LOGOUT", userId="u", sessionId="s"), {"sids": {"s"}}),
    (person("LOGIN", userId="u", details={"identity_provider": "corp"}), {"stale": {"u"}}),
    (person("LOGIN", userId="u", details={"username": "u"}), {}),
    (person("LOGIN_ERROR", error="user_not_found"), {}),
    (person("DELETE_ACCOUNT", userId="u"), {"stale": {"u"}}),
]


@pytest.mark.parametrize(
    ("event", "asks"), NAMED, ids=[f"{n}-{event.get('resourceType') or event['type']}" for n, (event, _) in enumerate(NAMED)]
)
def test_what_an_event_asks_for(event, asks):
    news = news_of([event])
    names = ("shut_out", "stale", "signed_out", "sids", "all_stale", "all_out")
    assert {name: getattr(news, name) for name in names if getattr(news, name)} == asks


def test_who_is_disabled_there_is_out_here_by_every_way(world, hers, begun, through, client):
    browser = through(hers, sid="s")
    Parcel.objects.create(for_user=str(world.alice.pk), sealed=b"")
    begun.accounts["sub-alice"] = False
    begun.feeds["admin-events"] = [admin("UPDATE", "USER", "users/sub-alice", enabled=False)]
    puller.pull()
    assert browser.get("/").status_code == 302
    assert client.post("/signin/", {"username": "alice", "password": PASSWORD}).status_code == 422
    assert not Parcel.objects.exists()
    hers.refresh_from_db()
    assert hers.disabled_at
    assert hers.stale_since is None
    assert Event.objects.get(action="identity.shut_out").target_id == str(world.alice.pk)


def test_who_is_enabled_there_again_may_sign_in_here(world, hers, begun):
    upstream.shut_out(hers)
    begun.feeds["admin-events"] = [admin("UPDATE", "USER", "users/sub-alice", enabled=True)]
    puller.pull()
    assert User.objects.get(pk=world.alice.pk).is_active


def test_enabled_there_she_stays_out_while_the_portal_has_disabled_her(world, hers, begun):
    people.disable_person(world.alice, actor=world.actor("erin"), reason="She left.")
    upstream.shut_out(hers)
    begun.feeds["admin-events"] = [admin("UPDATE", "USER", "users/sub-alice", enabled=True)]
    puller.pull()
    assert not User.objects.get(pk=world.alice.pk).is_active
    assert Identity.objects.get(pk=hers.pk).disabled_at is None


def test_one_of_two_providers_shuts_her_out_until_it_lets_her_in(world, hers):
    other = Identity.objects.create(user=world.alice, issuer="https://other.example", subject="a")
    upstream.shut_out(hers), upstream.shut_out(other)
    upstream.let_in(hers)
    assert not User.objects.get(pk=world.alice.pk).is_active
    upstream.let_in(other)
    assert User.objects.get(pk=world.alice.pk).is_active


def test_disabled_and_enabled_between_two_readings_her_old_session_is_dead(world, hers, begun, through):
    browser = through(hers)
    begun.feeds["admin-events"] = [
        admin("UPDATE", "USER", "users/sub-alice", 5, enabled=True),
        admin("UPDATE", "USER", "users/sub-alice", 5, enabled=False),
    ]
    puller.pull()
    assert browser.get("/").status_code == 302
    assert User.objects.get(pk=world.alice.pk).is_active, "the provider has her enabled"


def test_who_was_deleted_there_is_out_here(world, hers, begun):
    begun.accounts.clear()
    begun.feeds["admin-events"] = [admin("DELETE", "USER", "users/sub-alice")]
    puller.pull()
    assert not User.objects.get(pk=world.alice.pk).is_active


def test_a_sign_out_there_ends_that_session_alone(world, hers, begun, through):
    first, second = through(hers, sid="one"), through(hers, sid="two")
    begun.feeds["events"] = [person("LOGOUT", userId="sub-alice", sessionId="one")]
    puller.pull()
    assert (first.get("/").status_code, second.get("/").status_code) == (302, 200)
    begun.feeds["admin-events"] = [admin("ACTION", "USER", "users/sub-alice/logout")]
    puller.pull()
    assert second.get("/").status_code == 302


def test_a_sign_out_of_everybody_ends_every_session_from_there_and_no_other(world, hers, begun, through, client):
    browser = through(hers)
    client.post("/signin/", {"username": "bob", "password": PASSWORD})
    begun.feeds["admin-events"] = [admin("ACTION", "REALM", "logout-all")]
    puller.pull()
    assert (browser.get("/").status_code, client.get("/").status_code) == (302, 200)


def test_a_move_between_groups_is_kept_with_what_was_gained_and_lost(world, hers, begun):
    Identity.objects.update(claims={"groups": ["/cloud/admins"], "email": "a@b.example"})
    begun.group_paths["sub-alice"] = ["/cloud/readers"]
    begun.feeds["events"] = [person("LOGIN", userId="sub-alice", details={"identity_provider": "corp"})]
    puller.pull()
    assert Identity.objects.get().claims == {"groups": ["/cloud/readers"], "email": "a@b.example"}
    assert Event.objects.get(action="identity.change_claims").detail == {
        "gained": ["/cloud/readers"],
        "lost": ["/cloud/admins"],
    }


def test_an_event_that_names_nobody_has_everybody_asked_for_again(world, begun):
    for name in ("alice", "bob"):
        account(begun, world.people[name], name)
        begun.group_paths[name] = [f"/{name}"]
    begun.feeds["admin-events"] = [admin("DELETE", "GROUP", "groups/g")]
    puller.pull()
    assert [identity.claims["groups"] for identity in Identity.objects.order_by("subject")] == [["/alice"], ["/bob"]]


def test_the_first_reading_acts_on_nothing_that_was_before(world, hers, provider):
    provider.feeds["admin-events"] = [admin("DELETE", "USER", "users/sub-alice")]
    puller.pull()
    puller.pull()
    assert User.objects.get(pk=world.alice.pk).is_active


def test_an_event_committed_late_is_acted_on_and_none_is_twice(world, hers, begun):
    begun.feeds["admin-events"] = [admin("UPDATE", "USER", f"users/{n}", 1_000_000 + n) for n in range(20)]
    puller.pull()
    late = admin("DELETE", "USER", "users/sub-alice", 1_000_000 - puller.OVERLAP_MS // 2)
    begun.feeds["admin-events"].append(late)
    begun.accounts.clear()
    puller.pull()
    assert not User.objects.get(pk=world.alice.pk).is_active
    people.enable_person(User.objects.get(pk=world.alice.pk), actor=world.actor("erin"))
    Identity.objects.update(disabled_at=None)
    puller.pull()
    assert Event.objects.filter(action="identity.shut_out").count() == 1


def test_more_than_a_page_is_read_and_old_ids_are_forgotten(world, hers, begun, monkeypatch):
    monkeypatch.setattr(puller, "PAGE", 7)
    begun.accounts.clear()
    begun.feeds["admin-events"] = [admin("UPDATE", "USER", f"users/{n}", 1_000_000 + 1000 * n) for n in range(50)]
    begun.feeds["admin-events"].append(admin("DELETE", "USER", "users/sub-alice", 1_100_000))
    puller.pull()
    assert not User.objects.get(pk=world.alice.pk).is_active
    assert Heard.objects.count() == 1


def test_a_silent_provider_is_said_with_since_when_and_loses_nothing(world, hers, begun):
    begun.is_silent = True
    people.disable_person(world.bob, actor=world.actor("erin"), reason="He left.")
    begun.feeds["admin-events"] = [admin("DELETE", "USER", "users/sub-alice")]
    puller.pull()
    feed = Feed.objects.get(name="admin-events")
    assert (feed.error, bool(feed.failing_since)) == ("it does not answer", True)
    begun.is_silent = False
    begun.accounts.clear()
    puller.pull()
    feed.refresh_from_db()
    assert (feed.error, feed.failing_since) == ("", None)
    assert not User.objects.get(pk=world.alice.pk).is_active


def test_once_it_answers_again_the_journal_need_not_wait(world, begun):
    his = account(begun, world.bob, "sub-bob")
    begun.is_silent = True
    people.disable_person(world.bob, actor=world.actor("erin"), reason="He left.")
    journal.settle(his.pk)
    puller.pull()
    begun.is_silent = False
    assert not journal.due().exists()
    puller.pull()
    journal.settle(his.pk)
    assert begun.accounts["sub-bob"] is False


def test_a_worker_killed_before_the_commit_hears_it_again(world, hers, begun, monkeypatch):
    begun.accounts.clear()
    begun.feeds["admin-events"] = [admin("DELETE", "USER", "users/sub-alice")]
    with monkeypatch.context() as patched:
        patched.setattr(puller, "_remember", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            puller.pull()
    assert User.objects.get(pk=world.alice.pk).is_active
    puller.pull()
    assert not User.objects.get(pk=world.alice.pk).is_active


@pytest.mark.usefixtures("fresh_db")
def test_a_second_beat_beside_the_first_does_nothing(world, hers, provider):
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended('identity.pull', 0))")
            puller.pull()
            assert not Feed.objects.exists()
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended('identity.pull', 0))")
    finally:
        other.close()
    puller.pull()
    assert Feed.objects.count() == 2


def test_without_a_provider_nothing_is_read(world, settings):
    settings.KEYCLOAK_URL = ""
    puller.pull()
    assert not Feed.objects.exists()
    assert not Session.objects.exists()
