"""API tokens: shown once, kept as a hash, narrowed, and dead the moment anything behind them ends."""

from datetime import timedelta

import pytest

from portal.access.guard import holds, permissions_at
from portal.access.models import Token
from portal.core import clock
from portal.core.errors import Forbidden, Invalid, NotFound
from portal.identity import service_accounts, services, tokens
from tests.cast import PASSWORD, give


def make(world, who="alice", **more):
    given = {"name": "ci", "expires": clock.now() + timedelta(days=7), **more}
    return tokens.create_token(actor=world.actor(who), **given)


def by(plain):
    return tokens.actor_by_token(plain, address="127.0.0.1", correlation_id="test")


def test_a_token_acts_for_her_and_only_its_hash_is_kept(world):
    token, plain = make(world)
    assert by(plain).user == world.alice
    assert plain not in str(Token.objects.values_list("prefix", "digest", "name").get())
    assert list(tokens.tokens_of(world.actor("alice"))) == [token]


@pytest.mark.parametrize("wrong", ["", "ccd_", "ccd_0123456789ab_" + "x" * 43, "nothing of ours", "ccd_\x00"])
def test_what_was_never_a_token_opens_nothing(world, wrong):
    make(world)
    assert by(wrong) is None


def test_it_ends_with_its_time_its_revocation_and_her_epoch(world):
    token, plain = make(world)
    with clock.travel(clock.now() + timedelta(days=8)):
        assert by(plain) is None
    tokens.revoke_token(token, actor=world.actor("alice"))
    assert by(plain) is None
    _, other = make(world)
    services.sign_out_everywhere(actor=world.actor("alice"))
    assert by(other) is None


def test_it_is_narrowed_by_permission_and_scope(world):
    give(world.alice, "member", world.fleet)
    _, plain = make(world, permissions=["view_order"], scope=world.web)
    actor = by(plain)
    assert permissions_at(actor, world.web.path) == {"view_order"}
    assert not holds(actor, "view_scope", world.fleet)
    with pytest.raises(Forbidden):
        tokens.create_token(name="wider", expires=clock.now() + timedelta(days=1), actor=services.check_live(actor))


def test_a_form_sent_twice_makes_one_service_account(world):
    give(world.alice, "tenant_admin", world.retail)
    alice = world.actor("alice")
    first = service_accounts.create_service_account(world.retail, "robot", actor=alice)
    with pytest.raises(Invalid) as refusal:
        service_accounts.create_service_account(world.retail, " robot ", actor=alice)
    assert refusal.value.extra["fields"]["name"] == [
        "Alice Test answers for an account of this name already. End that one, or choose another name."
    ]
    assert list(service_accounts.service_accounts_of(alice)) == [first.user]
    service_accounts.create_service_account(world.retail, "robot", actor=world.actor("erin"))
    service_accounts.end_service_account(first, actor=alice)
    assert service_accounts.create_service_account(world.retail, "robot", actor=alice).pk != first.pk


def test_a_service_account_acts_by_its_roles_and_counts_as_its_owner(world):
    give(world.alice, "tenant_admin", world.retail)
    with pytest.raises(Forbidden):
        service_accounts.create_service_account(world.retail, "robot", actor=world.actor("bob"))
    robot = service_accounts.create_service_account(world.retail, "robot", actor=world.actor("alice"))
    token, plain = make(world, user=robot.user)
    assert by(plain).person_id == world.alice.pk
    assert token in tokens.tokens_of(world.actor("alice"))
    with pytest.raises(NotFound):
        make(world, "bob", user=robot.user)
    service_accounts.end_service_account(robot, actor=world.actor("alice"))
    assert by(plain) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 81},
        {"permissions": ["own_everything"]},
        {"permissions": []},
        {"expires": clock.now() - timedelta(days=1)},
        {"expires": clock.now() + timedelta(days=500)},
    ],
)
def test_a_form_that_does_not_fit_makes_none(world, wrong):
    with pytest.raises(Invalid):
        make(world, **wrong)
    assert not Token.objects.exists()


def test_the_page_shows_the_plain_text_once(world, client):
    client.post("/signin/", {"username": "alice", "password": PASSWORD})
    client.post("/profile/tokens/", {"name": "laptop", "days": "30"})
    page = client.get("/profile/").content.decode()
    plain = page.split('id="fresh-token">')[1].split("<")[0]
    assert by(plain).user == world.alice
    again = client.get("/profile/").content.decode()
    assert plain not in again
    assert "laptop" in again
    client.post(f"/profile/tokens/{Token.objects.get().pk}/revoke/")
    assert by(plain) is None
