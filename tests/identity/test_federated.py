"""Who a vouched-for person becomes, without a provider: names, addresses, races, and logout by the provider."""

import math
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session as StoredSession
from django.test import RequestFactory

from portal.access.models import Assignment, Role
from portal.core import clock
from portal.events.models import Event
from portal.identity import federated, housekeeping, mapping, sessions, upstream
from portal.identity.claims import MOST_GROUPS
from portal.identity.jwts import BadToken, Token
from portal.identity.models import Session, SessionEnd, SpentToken
from portal.identity.oidc import Arrival, NotSignedIn
from portal.users.actor import Actor
from portal.users.models import Identity, User
from tests.races import at_once

ISSUER = "https://id.example/realms/concord"


def token(subject: str = "s-1", *, sid: str = "sid-1", jti: str = "j-1", **claims: Any) -> Token:
    said = {"preferred_username": "zoe", "email": "zoe@example.org", "name": "Zoe Zander", **claims}
    said = {name: value for name, value in said.items() if value is not None}
    return Token(ISSUER, subject, sid, jti, clock.now() + timedelta(minutes=2), said)


def arrive(subject: str = "s-1", *, sid: str = "sid-1", **claims: Any) -> User:
    request = RequestFactory().get("/auth/callback", headers={"User-Agent": "curl/8"})
    request.session, request.user, request.actor = SessionStore(), AnonymousUser(), None
    proof = token(subject, sid=sid, **claims)
    arrival = Arrival(proof, proof.claims, "/", "the ID token", "the refresh token")
    return federated.sign_in(request, arrival).user


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("zoe", "zoe"),
        ("alice", "alice-2"),
        ("ALICE", "ALICE-2"),
        ("ａｌｉｃｅ", "alice-2"),
        ("alice\u200b", "alice-2"),
        ("system", "system-2"),
        ("System", "System-2"),
        ("zoë østergård", "zoë-østergård"),
        ("李雷", "李雷"),
        ("zo\x00e\n", "zo-e"),
        ("", "person"),
        (None, "person"),
        (7, "person"),
        ("   ", "person"),
        ("z" * 400, "z" * 140),
        ("50%_off", "50%_off"),
    ],
)
def test_a_new_person_gets_a_name_that_is_nobodys(world, said, name):
    assert arrive(preferred_username=said).username == name


def test_three_people_of_one_name_stay_three(world):
    people = [arrive(f"s-{number}", preferred_username="Zoe" if number else "zoe") for number in range(3)]
    assert [user.username for user in people] == ["zoe", "Zoe-2", "Zoe-3"]


def test_names_that_hold_a_name_are_no_hindrance(world):
    for number in range(3):
        arrive(f"s-{number}", preferred_username=f"zoe{number}")
    assert arrive("s-9").username == "zoe"


def test_the_same_subject_of_another_issuer_is_another_person(world):
    user = arrive()
    Identity.objects.filter(user=user).update(issuer="https://other.example")
    assert arrive().pk != user.pk


@pytest.mark.parametrize("wrong", ["no address", "a@b", "x" * 300 + "@example.org", 7, None, "z\x00@example.org"])
def test_an_address_that_is_none_changes_nothing(world, wrong):
    arrive()
    assert arrive(email=wrong).email == "zoe@example.org"


def test_odd_claims_are_kept_readable(world):
    odd = ["/a\x00b", {"c\x00": ["\x00"]}, 7, None, "\ud83d", math.inf, -math.inf, math.nan]
    arrive(odd=odd, groups=odd, upstream_groups="staff", name="Zoe\x00\u202e Zander\n" * 40)
    identity = Identity.objects.get()
    assert identity.claims["odd"] == ["/ab", {"c": [""]}, 7, None, "?", None, None, None]
    assert (identity.claims["groups"], identity.claims["upstream_groups"]) == (["/ab", "?"], ["staff"])
    assert (identity.provider, len(identity.user.name)) == ("", 150)
    assert "\u202e" not in identity.user.name


def test_of_more_groups_than_are_kept_the_same_first_ones_count_and_it_is_on_record(world):
    viewer = Role.objects.get(key="viewer", scope=None)
    mapping.add_rule(world.web, viewer, value="/g00000", actor=world.actor("erin"))
    mapping.add_rule(world.retail, viewer, value="/g10000", actor=world.actor("erin"))
    paths = [f"/g{number:05}" for number in range(MOST_GROUPS + 2)]
    zoe = arrive(groups=paths[::-1], upstream_groups=paths[:MOST_GROUPS])
    identity = Identity.objects.get(user=zoe)
    assert identity.claims["groups"] == paths[:MOST_GROUPS]
    assert [row.scope for row in Assignment.objects.filter(user=zoe)] == [world.web]
    cut = Event.objects.get(action="identity.cut_groups")
    assert (cut.target_id, cut.detail) == (str(zoe.pk), {"claim": "groups", "said": MOST_GROUPS + 2, "kept": MOST_GROUPS})
    assert not upstream.claims_changed(identity, paths), "and a later reading moves nothing"


def test_a_great_move_is_on_record_by_its_first_names_and_its_number(world):
    identity = Identity.objects.get(user=arrive(groups=["/old"]))
    assert upstream.claims_changed(identity, [f"/g{number:05}" for number in range(5_000)])
    detail = Event.objects.get(action="identity.change_claims").detail
    assert (len(detail["gained"]), detail["gained_count"], detail["lost"]) == (upstream.NAMED, 5_000, ["/old"])


def test_what_her_provider_says_gives_what_rules_say_in_its_name_and_nothing_else(world):
    viewer = Role.objects.get(key="viewer", scope=None)
    mapping.add_rule(world.retail, viewer, value="staff", provider="corp", actor=world.actor("erin"))
    mapping.add_rule(world.web, viewer, value="staff", actor=world.actor("erin"))
    zoe = arrive(groups=["/cloud/admins"], upstream_groups=["staff\x00", "readers"], upstream_provider="corp")
    identity = Identity.objects.get(user=zoe)
    assert (identity.provider, identity.claims["upstream_groups"]) == ("corp", ["readers", "staff"])
    assert [row.scope for row in Assignment.objects.filter(user=zoe)] == [world.retail]


def test_a_disabled_person_gets_no_session(world):
    User.objects.filter(pk=arrive().pk).update(is_active=False)
    Session.objects.all().delete()
    with pytest.raises(NotSignedIn):
        arrive(name="Other")
    assert not Session.objects.exists()


def test_two_first_sign_ins_at_once_make_one_person(fresh_db, world):
    made = at_once(*[lambda sid=sid: arrive(sid=sid).pk for sid in ("a", "b", "c", "d")])
    assert len(set(made)) == 1
    assert Identity.objects.count() == 1
    assert not User.objects.filter(username__startswith="zoe-").exists()


def test_people_of_one_name_arriving_at_once_all_get_in(fresh_db, world):
    made = at_once(*[lambda subject=subject: arrive(subject).username for subject in ("a", "b", "c", "d")])
    assert sorted(made) == ["zoe", "zoe-2", "zoe-3", "zoe-4"]


def test_a_logout_by_session_ends_that_one_and_by_person_all(world):
    for sid in ("sid-1", "sid-2", "sid-3"):
        arrive(sid=sid)
    arrive("s-2", sid="sid-4", preferred_username="yara")
    system = Actor.system()
    assert federated.end_by_provider(token(sid="sid-1"), actor=system) == 1
    assert federated.end_by_provider(token("s-2", sid="sid-2", jti="j-2"), actor=system) == 0
    assert federated.end_by_provider(token("", sid="sid-2", jti="j-3"), actor=system) == 1
    assert federated.end_by_provider(token(sid="", jti="j-4"), actor=system) == 1
    assert [row.sid for row in Session.objects.filter(ended_at=None)] == ["sid-4"]
    assert set(Session.objects.exclude(ended_at=None).values_list("end", flat=True)) == {SessionEnd.PROVIDER}


def test_a_logout_of_another_issuer_ends_nothing(world):
    user = arrive()
    Identity.objects.filter(user=user).update(issuer="https://other.example")
    assert federated.end_by_provider(token(), actor=Actor.system()) == 0


def test_a_logout_token_counts_once_until_it_is_forgotten(world):
    federated.end_by_provider(token(), actor=Actor.system())
    with pytest.raises(BadToken):
        federated.end_by_provider(token(), actor=Actor.system())
    with clock.travel(clock.now() + timedelta(hours=2)):
        housekeeping.forget_old()
    assert not SpentToken.objects.exists()


def test_housekeeping_closes_what_nobody_came_back_to_and_forgets_what_is_old(world):
    arrive()
    start = clock.now()
    housekeeping.forget_old()
    assert Session.objects.get().refresh_token == "the refresh token"
    with clock.travel(start + sessions.IDLE + timedelta(minutes=2)):
        housekeeping.forget_old()
    closed = Session.objects.get()
    assert (closed.end, closed.sealed, closed.key) == (SessionEnd.EXPIRED, None, None)
    assert not StoredSession.objects.exists()
    with clock.travel(start + timedelta(days=91)):
        housekeeping.forget_old()
    assert not Session.objects.exists()


def test_housekeeping_forgets_sessions_in_which_nobody_signed_in(client, world):
    store = SessionStore()
    store["begun"] = True
    store.save()
    with clock.travel(clock.now() + timedelta(hours=13)):
        housekeeping.forget_old()
    assert not StoredSession.objects.exists()
