"""Service accounts: who may see and change which, whose they are, and what becomes of their tokens."""

from datetime import timedelta

import pytest
from django.core import mail

from portal.access.models import Assignment
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound
from portal.events.models import Event
from portal.identity import people, service_accounts, services, tokens
from portal.identity.models import AccountState, ServiceAccount
from portal.notices.models import Notice
from portal.users.models import User
from tests.cast import PASSWORD, give, person

DAY = timedelta(days=1)


@pytest.fixture
def account(world):
    """alice answers for it; it lives in retail."""
    return made(world)


def made(world, name="robot", *, by="erin", owner="alice", at="retail", **more):
    if not Assignment.objects.filter(user=world.people[owner], scope=world.scopes[at]).exists():
        give(world.people[owner], "member", world.scopes[at])
    return service_accounts.create_service_account(
        world.scopes[at], name, owner=world.people[owner], actor=world.actor(by), **more
    )


def key(world, account, who="alice", **given):
    given = {"name": "ci", "expires": clock.now() + 30 * DAY, **given}
    return tokens.create_token(user=account.user, actor=world.actor(who), **given)


def by(plain):
    return tokens.actor_by_token(plain, address="192.0.2.7", correlation_id="test")


def give_over(world, account, to="carol", who="erin", overlap=24):
    return service_accounts.give_over(account, world.people[to], overlap=overlap, actor=world.actor(who))


def seen(world, who):
    return list(service_accounts.accounts_visible_to(world.actor(who)))


def test_its_owner_and_who_manages_accounts_there_see_it_and_nobody_else(world, account):
    assert {name: seen(world, name) for name in world.people} == {
        "alice": [account],
        "erin": [account],
        "bob": [],
        "carol": [],
        "dave": [],
        "mallory": [],
    }
    with pytest.raises(NotFound):
        service_accounts.account_for(world.actor("mallory"), account.pk)


@pytest.mark.parametrize("act", ["disable_account", "enable_account", "end_service_account"])
@pytest.mark.parametrize("who", ["bob", "carol", "mallory"])
def test_who_neither_owns_nor_manages_it_changes_nothing(world, account, act, who):
    with pytest.raises(NotFound):
        getattr(service_accounts, act)(account, actor=world.actor(who))
    account.refresh_from_db()
    assert account.state == AccountState.ACTIVE


def test_one_id_names_it_and_its_user(world, account):
    assert account.pk == account.user.pk
    said = Event.objects.get(action="identity.create_service_account")
    assert (said.target_id, said.scope_path) == (str(account.pk), world.retail.path)


@pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "n" * 81}, {"name": "a\x00"}, {"purpose": "p" * 201}])
def test_what_does_not_fit_makes_none(world, wrong):
    with pytest.raises(Invalid):
        made(world, **wrong)
    assert not ServiceAccount.objects.exists()


def test_it_cannot_own_another_nor_a_scope(world, account):
    give(account.user, "tenant_admin", world.retail)
    with pytest.raises(Invalid):
        service_accounts.create_service_account(world.retail, "second", owner=account.user, actor=world.actor("erin"))
    with pytest.raises(Invalid):
        give_over(world, made(world, "third"), to=key_name(world, account))
    from_token = by(key(world, account)[1])
    with pytest.raises(Invalid):
        service_accounts.create_service_account(world.retail, "second", actor=from_token)


def key_name(world, account):
    world.people["robot"] = account.user
    return "robot"


def test_it_makes_no_tokens_for_others(world, account):
    robot = services.check_live(by(key(world, account)[1]))
    other = made(world, "other")
    for user in (world.alice, other.user):
        with pytest.raises(NotFound):
            tokens.create_token(name="x", expires=clock.now() + DAY, user=user, actor=robot)


def test_it_never_signs_in_and_gets_no_mail(world, account, client):
    account.user.set_password(PASSWORD)
    account.user.email = "robot@example.org"
    account.user.save()
    assert client.post("/signin/", {"username": account.user.username, "password": PASSWORD}).status_code == 422
    assert "_auth_user_id" not in client.session
    client.post("/signin/forgotten/", {"email": "robot@example.org", "username": "robot@example.org"})
    assert mail.outbox == []


def test_it_opens_nothing_while_its_owner_is_disabled(world, account):
    plain = key(world, account)[1]
    people.disable_person(world.alice, actor=world.actor("erin"), reason="She left.")
    assert by(plain) is None
    [found] = seen(world, "erin")
    assert (found.belongs, found.keys) == (False, 0)


def test_it_is_marked_when_its_owner_loses_her_roles_there(world, account):
    assert [found.belongs for found in seen(world, "erin")] == [True]
    Assignment.objects.filter(user=world.alice, scope=world.retail).update(expires=clock.now() - DAY)
    assert [found.belongs for found in seen(world, "erin")] == [False]
    give(world.alice, "auditor", world.nordwind)
    assert [found.belongs for found in seen(world, "erin")] == [True]


def test_what_nobody_uses_is_marked_after_ninety_days(world, account):
    plain = key(world, account, expires=clock.now() + 300 * DAY)[1]
    assert not service_accounts.is_unused(seen(world, "alice")[0])
    with clock.travel(clock.now() + 91 * DAY):
        assert service_accounts.is_unused(seen(world, "alice")[0])
        assert by(plain)
        assert not service_accounts.is_unused(seen(world, "alice")[0])


def test_a_token_keeps_from_where_it_was_used_last(world, account):
    token, plain = key(world, account)
    by(plain)
    token.refresh_from_db()
    assert token.used_from == "192.0.2.7"


def test_disabled_it_opens_nothing_and_enabled_it_opens_again(world, account):
    plain = key(world, account)[1]
    service_accounts.disable_account(account, actor=world.actor("erin"))
    service_accounts.disable_account(account, actor=world.actor("erin"))
    assert by(plain) is None
    service_accounts.enable_account(account, actor=world.actor("alice"))
    assert by(plain) is not None
    assert Event.objects.filter(action="identity.disable_service_account").count() == 1


def test_ended_it_stays_ended(world, account):
    plain = key(world, account)[1]
    service_accounts.end_service_account(account, actor=world.actor("erin"))
    assert by(plain) is None
    with pytest.raises(Conflict):
        service_accounts.enable_account(account, actor=world.actor("erin"))
    assert seen(world, "alice") == []


def test_given_over_it_counts_as_its_new_owner_and_its_tokens_open_no_longer_than_chosen(world, account):
    token, plain = key(world, account)
    give_over(world, account)
    assert by(plain).person_id == world.carol.pk
    token.refresh_from_db()
    assert token.expires <= clock.now() + DAY
    with clock.travel(clock.now() + DAY + timedelta(minutes=1)):
        assert by(plain) is None
    assert Notice.objects.get(user=world.carol).topic == "account_given"
    with pytest.raises(NotFound):
        key(world, account, "alice")


def test_no_dead_token_comes_to_life_by_giving_it_over(world, account):
    dead = key(world, account)[1]
    services.sign_out_everywhere(actor=world.actor("alice"))
    for _ in range(3):
        services.sign_out_everywhere(actor=world.actor("carol"))
    for to, who in (("carol", "erin"), ("alice", "erin"), ("carol", "alice")):
        account = ServiceAccount.objects.get(pk=account.pk)
        world.people[to].refresh_from_db()
        give_over(world, account, to=to, who=who)
        assert by(dead) is None


def test_at_once_nothing_of_before_opens(world, account):
    plain = key(world, account)[1]
    give_over(world, account, overlap=0)
    assert by(plain) is None


@pytest.mark.parametrize("to", ["mallory", "left"])
def test_it_is_given_to_who_is_active_and_belongs_there_alone(world, account, to):
    world.people["left"] = person("left")
    give(world.left, "member", world.retail)
    User.objects.filter(pk=world.left.pk).update(is_active=False)
    world.left.refresh_from_db()
    with pytest.raises(Invalid):
        give_over(world, account, to=to)
    assert ServiceAccount.objects.get().owner == world.alice


def test_nobody_takes_one_over_herself(world, account):
    with pytest.raises(Forbidden):
        give_over(world, account, to="erin")


def test_a_narrowed_token_changes_no_account(world, account):
    plain = tokens.create_token(
        name="t", expires=clock.now() + DAY, permissions=["manage_service_accounts"], actor=world.actor("erin")
    )[1]
    with pytest.raises(Forbidden):
        service_accounts.end_service_account(account, actor=by(plain))


@pytest.mark.parametrize(("overlap", "opens_for"), [(0, 0), (1, 1), (24, 24), (168, 168)])
def test_rotated_the_old_token_opens_for_as_long_as_chosen(world, account, overlap, opens_for):
    old, plain = key(world, account, permissions=["view_order"], scope=None)
    newer, fresh = tokens.rotate_token(old, overlap=overlap, actor=world.actor("alice"))
    assert by(fresh).narrowed_to.permissions == {"view_order"}
    assert newer.expires - newer.created_at == pytest.approx(30 * DAY, abs=timedelta(seconds=5))
    assert (by(plain) is not None) == bool(opens_for)
    with clock.travel(clock.now() + timedelta(hours=opens_for, seconds=1)):
        assert by(plain) is None


def test_a_token_is_rotated_once_and_by_its_owner_alone(world, account):
    old, _plain = key(world, account)
    for who in ("erin", "bob", "mallory"):
        with pytest.raises(NotFound):
            tokens.rotate_token(old, overlap=24, actor=world.actor(who))
    tokens.rotate_token(old, overlap=24, actor=world.actor("alice"))
    with pytest.raises(Conflict):
        tokens.rotate_token(old, overlap=24, actor=world.actor("alice"))
    with pytest.raises(Invalid):
        tokens.rotate_token(key(world, account)[0], overlap=999, actor=world.actor("alice"))


def test_a_dead_token_is_not_rotated(world, account):
    old, _plain = key(world, account)
    tokens.revoke_token(old, actor=world.actor("alice"))
    with pytest.raises(Conflict):
        tokens.rotate_token(old, overlap=0, actor=world.actor("alice"))


def test_who_manages_accounts_there_may_revoke_its_tokens_and_never_those_of_a_person(world, account):
    token, plain = key(world, account)
    hers, _plain = tokens.create_token(name="own", expires=clock.now() + DAY, actor=world.actor("alice"))
    with pytest.raises(NotFound):
        tokens.revoke_token(hers, actor=world.actor("erin"))
    with pytest.raises(NotFound):
        tokens.revoke_token(token, actor=world.actor("bob"))
    tokens.revoke_token(token, actor=world.actor("erin"))
    assert by(plain) is None
