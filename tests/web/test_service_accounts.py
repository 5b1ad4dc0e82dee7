"""The pages of service accounts: who sees which, a token shown once, rotation, another owner, the end."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client

from portal.access.models import Assignment, Token
from portal.core import clock
from portal.events.models import Event
from portal.identity.models import ServiceAccount
from portal.identity.service_accounts import create_service_account
from portal.identity.tokens import actor_by_token
from portal.users.models import User
from tests.cast import give
from tests.identity.test_accounts import key, made

HERE = "/service-accounts/"


def text(answer):
    return answer.content.decode()


def opens(plain):
    return actor_by_token(plain, address="", correlation_id="") is not None


def shown(page):
    return page.split('id="fresh-token">')[1].split("<")[0]


@pytest.fixture
def account(world):
    return made(world, purpose="Deploys the web shop")


def acts(account, token):
    page = f"{HERE}{account.pk}/"
    return {
        f"{page}tokens/": {"name": "ci", "days": 30},
        f"{page}tokens/{token.pk}/rotate/": {"overlap": 24},
        f"{page}tokens/{token.pk}/revoke/": {},
        f"{page}give-over/": {"owner": "carol", "overlap": 24},
        f"{page}disable/": {},
        f"{page}enable/": {},
        f"{page}end/": {},
    }


@pytest.mark.parametrize("name", ["bob", "carol", "dave", "mallory"])
def test_to_whom_it_is_nothing_it_is_not_there(world, account, signed_in, name):
    token, plain = key(world, account)
    browser = signed_in(name)
    assert "robot" not in text(browser.get(HERE))
    assert browser.get(f"{HERE}{account.pk}/").status_code == 404
    before = Event.objects.count()
    for address, fields in acts(account, token).items():
        assert browser.post(address, fields).status_code == 404, address
    assert Event.objects.count() == before
    assert opens(plain)


def test_every_act_needs_the_token_of_the_form_and_a_sign_in(world, account):
    token, _plain = key(world, account)
    stranger, browser = Client(), Client(enforce_csrf_checks=True)
    browser.force_login(world.alice)
    for address, fields in acts(account, token).items():
        assert browser.post(address, fields).status_code == 403, address
        assert stranger.post(address, fields)["Location"].startswith("/signin/"), address


def test_a_token_is_made_shown_once_rotated_and_revoked(world, account, signed_in):
    give(account.user, "member", world.web)
    browser, page = signed_in("alice"), f"{HERE}{account.pk}/"
    sent = {"name": "ci", "days": 30, "permissions": ["view_order"], "scope": world.web.pk}
    assert browser.post(f"{page}tokens/", sent).status_code == 302
    first = shown(text(browser.get(page)))
    assert opens(first)
    assert first not in text(browser.get(page))
    token = Token.objects.get(user=account.user)
    assert (token.permissions, token.scope) == (["view_order"], world.web)
    rotate = f"{page}tokens/{token.pk}/rotate/"
    browser.post(rotate, {"overlap": "1"})
    second = shown(text(browser.get(page)))
    assert (opens(first), opens(second)) == (True, True)
    assert "rotated already" in text(browser.post(rotate, {"overlap": "1"}, follow=True))
    with clock.travel(clock.now() + timedelta(minutes=61)):
        assert (opens(first), opens(second)) == (False, True)
    newer = Token.objects.get(user=account.user, replaced_by=None)
    browser.post(f"{page}tokens/{newer.pk}/revoke/")
    assert not opens(second)


@pytest.mark.parametrize("wrong", [{"days": "0"}, {"days": "366"}, {"days": "x"}, {"name": ""}, {"permissions": ["vote"]}])
def test_a_token_that_does_not_fit_is_not_made_and_what_was_typed_stays(world, account, signed_in, wrong):
    give(account.user, "member", world.web)
    answer = signed_in("alice").post(f"{HERE}{account.pk}/tokens/", {"name": "nightly", "days": "30", **wrong})
    assert answer.status_code == 422
    assert "name" in wrong or 'value="nightly"' in text(answer)
    assert not Token.objects.exists()


@pytest.mark.parametrize("overlap", ["", "2", "x", "-1"])
def test_an_overlap_that_is_not_offered_rotates_nothing(world, account, signed_in, overlap):
    token, _plain = key(world, account)
    answer = signed_in("alice").post(f"{HERE}{account.pk}/tokens/{token.pk}/rotate/", {"overlap": overlap}, follow=True)
    assert "Choose when the token of before ends." in text(answer)
    assert Token.objects.count() == 1


def test_who_manages_it_revokes_and_ends_but_makes_no_token(world, account, signed_in):
    token, plain = key(world, account)
    browser, page = signed_in("erin"), f"{HERE}{account.pk}/"
    told = text(browser.get(page))
    assert f"{page}tokens/" + '"' not in told
    assert "/rotate/" not in told
    assert browser.post(f"{page}tokens/", {"name": "mine", "days": 30}).status_code == 404
    assert browser.post(f"{page}tokens/{token.pk}/rotate/", {"overlap": 24}).status_code == 404
    assert "1 token stops at its next call" in told
    browser.post(f"{page}end/")
    assert not opens(plain)
    assert browser.get(page).status_code == 404


def test_a_token_of_another_account_is_not_reached_by_way_of_hers(world, account, signed_in):
    other = made(world, "other", owner="carol", at="nordwind")
    token, plain = key(world, other, "carol")
    assert signed_in("alice").post(f"{HERE}{account.pk}/tokens/{token.pk}/revoke/").status_code == 404
    assert opens(plain)


def test_it_is_given_over_and_gone_from_her_list(world, account, signed_in):
    browser, page = signed_in("alice"), f"{HERE}{account.pk}/"
    refused = browser.post(f"{page}give-over/", {"owner": "mallory", "overlap": "24"})
    assert refused.status_code == 422
    assert "Choose a person who has a role here" in text(refused)
    assert browser.post(f"{page}give-over/", {"owner": "carol", "overlap": "24"})["Location"] == HERE
    assert browser.get(page).status_code == 404
    assert ServiceAccount.objects.get().owner == world.carol


def test_it_is_disabled_and_enabled(world, account, signed_in):
    _token, plain = key(world, account)
    browser, page = signed_in("erin"), f"{HERE}{account.pk}/"
    browser.post(f"{page}disable/")
    assert not opens(plain)
    assert "Disabled" in text(browser.get(page))
    browser.post(f"{page}enable/")
    assert opens(plain)


def test_an_owner_who_is_gone_is_marked_for_the_admins(world, account, signed_in):
    Assignment.objects.filter(user=world.alice, scope=world.retail).update(expires=clock.now() - timedelta(days=1))
    browser = signed_in("erin")
    assert "Owner no longer belongs here" in text(browser.get(f"{HERE}?standing=orphaned"))
    assert "has no role in Retail any more" in text(browser.get(f"{HERE}{account.pk}/"))
    User.objects.filter(pk=world.alice.pk).update(is_active=False)
    assert "Owner is disabled" in text(browser.get(HERE))


def test_one_is_made_and_given_a_role(world, signed_in):
    browser = signed_in("erin")
    sent = {"scope": world.web.pk, "name": "ci-deploy", "owner": "alice"}
    assert browser.post(HERE, sent).status_code == 302
    assert "answers for an account of this name already" in text(browser.post(HERE, sent))
    account = ServiceAccount.objects.get()
    assert (account.owner, account.scope) == (world.alice, world.web)
    role = Assignment.objects.filter(user=world.alice).values_list("role", flat=True)[0]
    browser.post(f"/scopes/{world.web.pk}/roles/", {"username": account.user.username, "role": role})
    assert "Member" in text(browser.get(f"{HERE}{account.pk}/"))


@pytest.mark.parametrize("fields", [{"name": ""}, {"name": "n" * 81}, {"owner": "mallory"}, {"owner": "nobody"}])
def test_one_needs_a_name_and_someone_who_is_known_there(world, signed_in, fields):
    answer = signed_in("erin").post(HERE, {"scope": world.web.pk, "name": "ci", "owner": "alice", **fields})
    assert answer.status_code == 422
    assert ('value="alice"' if "name" in fields else 'value="ci"') in text(answer)
    assert not ServiceAccount.objects.exists()


@pytest.mark.parametrize("name", ["alice", "bob", "dave"])
def test_who_manages_none_makes_none(world, signed_in, name):
    browser = signed_in(name)
    assert "Create a service account" not in text(browser.get(HERE))
    assert browser.post(HERE, {"scope": world.web.pk, "name": "ci"}).status_code == 422
    assert not ServiceAccount.objects.exists()


def test_nobody_makes_herself_an_agent_that_she_governs(world, signed_in):
    browser = signed_in("erin")
    browser.post(HERE, {"scope": world.web.pk, "name": "mine"})
    account = ServiceAccount.objects.get()
    role = Assignment.objects.filter(user=world.alice).values_list("role", flat=True)[0]
    sent = {"username": account.user.username, "role": role}
    answer = browser.post(f"/scopes/{world.web.pk}/roles/", sent)
    assert answer.status_code == 422
    assert "Nobody gives herself a role" in text(answer)


def test_the_scope_leads_to_those_that_live_there_or_below(world, account, signed_in):
    browser = signed_in("erin")
    link = f"{HERE}?scope={world.retail.pk}"
    assert link in text(browser.get(f"/scopes/{world.retail.pk}/"))
    assert "robot" in text(browser.get(link))
    assert "robot" in text(browser.get(f"{HERE}?scope={world.nordwind.pk}"))
    assert "robot" not in text(browser.get(f"{HERE}?scope={world.fleet.pk}"))


@pytest.mark.parametrize(
    "query", ["scope=x", f"scope={uuid.UUID(int=0)}", "q=%00", "q=" + "x" * 5000, "standing=none", "page=-1", "page=x"]
)
def test_the_list_survives_nonsense(world, account, signed_in, query):
    assert signed_in("erin").get(f"{HERE}?{query}").status_code == 200


def test_the_list_asks_little_however_long_it_is(world, signed_in, in_few_queries):
    give(world.alice, "member", world.retail)
    for number in range(60):
        create_service_account(world.retail, f"robot-{number:02}", owner=world.alice, actor=world.actor("erin"))
    page = text(in_few_queries(signed_in("erin"), HERE))
    assert "robot-00" in page
    assert "robot-59" not in page
    assert "robot-59" in text(signed_in("alice").get(f"{HERE}?page=2"))
    assert "robot-59" in text(signed_in("alice").get(f"{HERE}?q=robot-59"))


def test_the_page_of_a_token_is_where_it_is_shown(world, account, signed_in):
    its, _plain = key(world, account)
    browser = signed_in("alice")
    assert browser.get(f"/profile/tokens/{its.pk}/")["Location"] == f"{HERE}{account.pk}/"
    assert signed_in("bob").get(f"/profile/tokens/{its.pk}/").status_code == 404
