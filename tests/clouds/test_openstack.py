"""The OpenStack adapter against a real Keystone, which takes real tokens of a real Keycloak."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from portal.clouds import checking, syncing
from portal.clouds.adapters.openstack import OpenStack
from portal.clouds.base import Account, CloudError, Secret
from portal.clouds.leases import LeaseAsk, LeaseGiven
from portal.clouds.registry import adapter_for
from portal.clouds.services import connect_cloud
from tests import cast
from tests.clouds import kit
from tests.clouds.contract import CloudContract
from tests.clouds.faults import Fault, FaultProxy
from tests.clouds.leases import LeaseContract
from tests.clouds.openstack_world import PROVIDER, READERS, World, build, make_project, portal_keys, refused
from tests.keystone_server import Keystone
from tests.realms import Realm


@pytest.fixture(scope="module")
def world(keystone: Keystone, realm: Realm) -> World:
    return build(keystone, realm)


@pytest.fixture
def adapter(world: World) -> OpenStack:
    return world.adapter()


@pytest.fixture
def ask(world: World, request: pytest.FixtureRequest) -> LeaseAsk:
    return world.ask(f"key-of-{request.node.name}", world.alices())


def error_of(call: Any) -> CloudError:
    with pytest.raises(CloudError) as caught:
        call()
    return caught.value


class TestOpenStack(CloudContract):
    provider = OpenStack

    @pytest.fixture
    def account(self, world: World) -> Account:
        return world.adapter().account


class TestOpenStackLeases(LeaseContract):
    @pytest.fixture(autouse=True)
    def _opened_here(self, world: World) -> None:
        self.opens = world.opened


class TestWhoGetsIn:
    def test_the_right_group_gets_a_token_of_its_project_with_its_roles(self, world: World, ask: LeaseAsk) -> None:
        headers = {"X-Auth-Token": world.keystone.token, "X-Subject-Token": world.opened(world.adapter().lease(ask))}
        headers["OpenStack-Identity-Access-Rules"] = "1"  # a service that does not know of rules is told of no such token
        seen = requests.get(f"{world.keystone.url}/auth/tokens", headers=headers, timeout=20).json()["token"]
        assert seen["project"]["id"] == world.web
        assert {role["name"] for role in seen["roles"]} == {"member", "reader"}  # what member implies, and no more

    def test_the_wrong_group_gets_in_and_no_further(self, world: World, adapter: OpenStack) -> None:
        error = error_of(lambda: adapter.lease(world.ask("k", world.token("carol", (READERS,)))))
        assert (error.kind, error.retry) == ("permission", False)
        assert "None of this person's groups" in error.message

    def test_a_group_that_the_mapping_does_not_know_does_not_get_in(self, world: World, adapter: OpenStack) -> None:
        error = error_of(lambda: adapter.lease(world.ask("k", world.token("mallory", ("/others",)))))
        assert (error.kind, error.retry) == ("permission", False)
        assert "does not let this person in" in error.message

    def test_a_project_of_others_is_refused(self, world: World, adapter: OpenStack, ask: LeaseAsk) -> None:
        assert error_of(lambda: adapter.lease(replace(ask, target=world.empty))).kind == "permission"

    def test_a_token_for_another_audience_is_refused(self, world: World, adapter: OpenStack) -> None:
        hers = world.realm.tokens(world.realm.person("alice", groups=["/cloud/admins"]))
        for name in ("access_token", "id_token", "refresh_token"):
            assert error_of(lambda token=hers[name]: adapter.lease(world.ask("k", token))).kind == "permission"

    def test_a_token_that_was_changed_is_refused(self, world: World, adapter: OpenStack, ask: LeaseAsk) -> None:
        head, body, signature = world.alices().split(".")
        for forged in (f"{head}.{body}.{signature[:-4]}AAAA", f"{head}.{body}.", "garbage"):
            assert error_of(lambda token=forged: adapter.lease(replace(ask, token=Secret(token)))).kind == "permission"

    def test_an_expired_token_is_refused(self, world: World, adapter: OpenStack) -> None:
        admin = world.realm.admin
        client = admin.get_client_id("portal")
        found = admin.get_client(client)
        lifetime = found["attributes"].get("access.token.lifespan", "")
        admin.update_client(client, {"attributes": {**found["attributes"], "access.token.lifespan": "2"}})
        try:
            token = world.token("alice")
        finally:
            admin.update_client(client, {"attributes": {**found["attributes"], "access.token.lifespan": lifetime}})
        wait_until_expired(token)
        assert error_of(lambda: adapter.lease(world.ask("k", token))).kind == "permission"

    def test_a_disabled_provider_lets_nobody_in(self, world: World, adapter: OpenStack, ask: LeaseAsk) -> None:
        world.keystone.ask("PATCH", PROVIDER, {"identity_provider": {"enabled": False}})
        try:
            error = error_of(lambda: adapter.lease(ask))
            checks = {check.name: check for check in adapter.check()}
        finally:
            world.keystone.ask("PATCH", PROVIDER, {"identity_provider": {"enabled": True}})
        assert (error.kind, error.retry) == ("permission", False)
        assert "disabled" in error.message
        assert checks["identity_provider"].state == "failed"

    def test_who_brings_no_token_is_lent_nothing(self, adapter: OpenStack, ask: LeaseAsk) -> None:
        assert error_of(lambda: adapter.lease(replace(ask, token=None))).kind == "permission"

    def test_forged_headers_make_nobody_anybody(self, world: World) -> None:
        headers = {"OIDC-CLAIM-sub": "x", "OIDC_CLAIM_groups": "/cloud/admins", "OIDC_CLAIM_iss": world.realm.issuer}
        answer = requests.post(f"{world.keystone.url}/{PROVIDER}/protocols/openid/auth", headers=headers, timeout=20)
        assert answer.status_code == 401


class TestEnd:
    def test_a_logout_at_keycloak_changes_nothing_and_ending_the_lease_kills_it_with_its_tokens(
        self, world: World, adapter: OpenStack, ask: LeaseAsk
    ) -> None:
        given = adapter.lease(ask)
        world.realm.admin.user_logout(world.realm.admin.get_user_id("alice"))
        token = world.opened(given)
        world.keystone.ask("GET", "auth/projects", token=token)
        adapter.end_lease(given.id, ask.target)
        assert refused(lambda: world.opened(given)) in (401, 404)
        assert refused(lambda: world.keystone.ask("GET", "auth/projects", token=token)) in (401, 404)

    def test_by_its_key_alone_it_is_found_and_ended(self, world: World, adapter: OpenStack, ask: LeaseAsk) -> None:
        given = adapter.lease(ask)
        assert world.notes(name_in(given)) == 1
        adapter.end_lease(ask.key, ask.target)
        assert refused(lambda: world.opened(given)) in (401, 404)
        assert world.notes(name_in(given)) == 0
        adapter.end_lease(ask.key, ask.target)

    def test_a_key_that_nothing_was_made_for_is_no_error(self, world: World, adapter: OpenStack) -> None:
        for id in ("never-asked", "a/b", "../../users", "x" * 500, "né\x00"):
            adapter.end_lease(id, world.web)

    def test_whose_user_is_gone_is_no_error(self, world: World, adapter: OpenStack) -> None:
        given = adapter.lease(world.ask("of-erin", world.token("erin")))
        world.keystone.ask("DELETE", f"users/{given.id.partition('/')[0]}")
        adapter.end_lease(given.id, world.web)
        adapter.end_lease("of-erin", world.web)
        assert world.notes("concord-of-erin") == 0

    def test_what_others_made_is_left_alone(self, world: World, adapter: OpenStack, ask: LeaseAsk) -> None:
        given, other = adapter.lease(ask), adapter.lease(replace(ask, key="other"))
        adapter.end_lease(given.id, ask.target)
        world.opened(other)
        adapter.end_lease(f"{given.id.partition('/')[0]}/{'by-hand'}", ask.target)
        assert "concord-other" in {one["name"] for one in world.credentials_of(other)}
        adapter.end_lease(other.id, ask.target)

    def test_asked_twice_with_one_key_there_is_one_credential_and_the_last_secret_opens_it(
        self, world: World, adapter: OpenStack, ask: LeaseAsk
    ) -> None:
        first, second = adapter.lease(ask), adapter.lease(ask)
        assert first.id == second.id
        assert [one["name"] for one in world.credentials_of(second)].count(name_in(second)) == 1
        assert world.notes(name_in(second)) == 1
        assert refused(lambda: world.opened(first)) in (401, 404)
        world.opened(second)
        adapter.end_lease(second.id, ask.target)


class TestAnswersThatAreLost:
    @pytest.fixture
    def proxy(self, world: World) -> Iterator[FaultProxy]:
        with FaultProxy("127.0.0.1", world.keystone.port) as standing:
            yield standing

    def behind(self, world: World, proxy: FaultProxy) -> OpenStack:
        return world.adapter(auth_url=f"http://127.0.0.1:{proxy.port}/v3")

    def test_a_credential_that_was_made_is_found_by_its_key_and_ended(
        self, world: World, proxy: FaultProxy, ask: LeaseAsk
    ) -> None:
        adapter, name, ask = self.behind(world, proxy), "concord-lost-1", replace(ask, key="lost-1")
        proxy.fault = Fault("drop_reply", when=b"/application_credentials")
        error = error_of(lambda: adapter.lease(ask))
        assert (error.kind, error.retry, proxy.fault.hits) == ("unreachable", True, 1)
        assert len(world.named(name)) == 1
        world.adapter().end_lease(ask.key, ask.target)
        assert (world.named(name), world.notes(name)) == ([], 0)

    def test_asked_for_again_there_is_one(self, world: World, proxy: FaultProxy, ask: LeaseAsk) -> None:
        ask = replace(ask, key="lost-2")
        proxy.fault = Fault("drop_reply", when=b"/application_credentials")
        error_of(lambda: self.behind(world, proxy).lease(ask))
        given = self.behind(world, proxy).lease(ask)
        assert len(world.named(name_in(given))) == world.notes(name_in(given)) == 1
        world.opened(given)

    def test_a_note_that_leads_to_nothing_is_removed(self, world: World, proxy: FaultProxy, ask: LeaseAsk) -> None:
        ask = replace(ask, key="lost-3")
        proxy.fault = Fault("drop_reply", when=b"POST /v3/groups")
        assert error_of(lambda: self.behind(world, proxy).lease(ask)).retry
        assert world.notes("concord-lost-3") == 1
        world.adapter().end_lease(ask.key, ask.target)
        assert world.notes("concord-lost-3") == 0

    def test_an_end_whose_answer_is_lost_is_asked_for_again(self, world: World, proxy: FaultProxy, ask: LeaseAsk) -> None:
        given = world.adapter().lease(ask)
        proxy.fault = Fault("drop_reply", when=b"DELETE")
        adapter = self.behind(world, proxy)
        assert error_of(lambda: adapter.end_lease(given.id, ask.target)).retry
        adapter.end_lease(given.id, ask.target)
        assert (world.named(name_in(given)), world.notes(name_in(given))) == ([], 0)


class TestWhatIsLent:
    def test_it_ends_when_keystone_forgets_her_groups_if_that_is_sooner(
        self, world: World, adapter: OpenStack, ask: LeaseAsk
    ) -> None:
        given = adapter.lease(replace(ask, until=datetime.now(UTC) + timedelta(hours=6)))
        assert timedelta(minutes=58) < given.expires - datetime.now(UTC) <= timedelta(minutes=60)

    def test_where_keystone_forgets_groups_at_once_the_check_warns_and_the_refusal_says_why(
        self, world: World, adapter: OpenStack
    ) -> None:
        world.keystone.ask("PATCH", PROVIDER, {"identity_provider": {"authorization_ttl": None}})
        try:
            check = {one.name: one for one in adapter.check()}["identity_provider"]
            error = error_of(lambda: adapter.lease(world.ask("of-nora", world.token("nora"))))
        finally:
            world.keystone.ask("PATCH", PROVIDER, {"identity_provider": {"authorization_ttl": 60}})
        assert (check.state, error.kind, error.retry) == ("warned", "refused", False)
        assert "authorization_ttl" in check.detail
        assert "authorization_ttl" in error.message
        adapter.end_lease("of-nora", world.web)
        assert world.notes("concord-of-nora") == 0

    def test_after_its_end_it_opens_nothing(self, world: World, adapter: OpenStack, ask: LeaseAsk) -> None:
        given = adapter.lease(ask)
        token = world.opened(given)
        world.let_pass(given)
        assert refused(lambda: world.opened(given)) == 401
        adapter.end_lease(given.id, ask.target)
        assert refused(lambda: world.keystone.ask("GET", "auth/projects", token=token)) in (401, 404)

    def test_the_end_that_was_asked_for_is_the_end_at_keystone(self, world: World, adapter: OpenStack, ask: LeaseAsk) -> None:
        given = adapter.lease(ask)
        (made,) = (one for one in world.credentials_of(given) if one["name"] == name_in(given))
        assert datetime.fromisoformat(made["expires_at"]).replace(tzinfo=UTC) == ask.until == given.expires

    def test_it_makes_no_other_credential(self, world: World, adapter: OpenStack, ask: LeaseAsk) -> None:
        given = adapter.lease(replace(ask, options={"access": "write"}))
        token, user = world.opened(given), given.id.partition("/")[0]
        body = {"application_credential": {"name": "for-ever"}}
        path = f"users/{user}/application_credentials"
        assert refused(lambda: world.keystone.ask("POST", path, body, token=token)) == 403

    def test_the_role_admin_is_never_lent(self, world: World, adapter: OpenStack, ask: LeaseAsk) -> None:
        given = adapter.lease(replace(ask, target=world.vault))
        (made,) = (one for one in world.credentials_of(given) if one["name"] == name_in(given))
        assert "admin" not in {role["name"] for role in made["roles"]}

    def test_reading_alone_is_held_by_rules_that_every_service_of_the_catalogue_gets(
        self, world: World, adapter: OpenStack, ask: LeaseAsk
    ) -> None:
        token = world.opened(adapter.lease(ask))
        user = world.adapter().lease(replace(ask, key="w", options={"access": "write"})).id.partition("/")[0]
        world.keystone.ask("GET", f"users/{user}/application_credentials", token=token)
        path = f"users/{user}/application_credentials/{'0' * 32}"
        assert refused(lambda: world.keystone.ask("DELETE", path, token=token)) in (401, 403)

    def test_services_that_are_named_are_the_only_ones(self, world: World, adapter: OpenStack, ask: LeaseAsk) -> None:
        given = adapter.lease(replace(ask, options={"access": "write", "services": "compute, network"}))
        (made,) = (one for one in world.credentials_of(given) if one["name"] == name_in(given))
        rules = {(rule["service"], rule["method"]) for rule in made["access_rules"]}
        assert {service for service, _method in rules} == {"compute", "network"}
        assert {method for _service, method in rules} == {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
        user = given.id.partition("/")[0]
        token = world.opened(given)
        assert refused(lambda: world.keystone.ask("GET", f"users/{user}", token=token)) in (401, 403)

    def test_variables_and_profile_open_it_for_the_client_that_people_use(
        self, world: World, adapter: OpenStack, ask: LeaseAsk, tmp_path: Path
    ) -> None:
        given: LeaseGiven = adapter.lease(ask)
        env = {name: text.reveal() for name, text in given.env.items()}
        assert world.with_client("print(openstack.connect().current_project_id)", **env) == world.web
        (tmp_path / "clouds.yaml").write_text(given.profile.reveal())
        name = name_in(given)
        program = f"print(openstack.connect(cloud={name!r}).current_project_id)"
        found = world.with_client(program, OS_CLIENT_CONFIG_FILE=str(tmp_path / "clouds.yaml"), HOME=str(tmp_path))
        assert found == world.web
        assert name in given.note


class TestTargets:
    def test_projects_are_told_with_the_roles_that_groups_of_the_mapping_have(self, world: World, adapter: OpenStack) -> None:
        listing = adapter.lease_targets()
        assert listing.complete
        found = {target.key: target for target in listing.items}
        assert set(found) == {world.web, world.vault}
        assert (found[world.web].label, found[world.web].detail) == ("web (people)", "member: cloud-admins")
        assert "never lent" in found[world.vault].problem

    def test_a_role_inherited_from_above_counts_and_a_disabled_project_does_not(
        self, world: World, adapter: OpenStack
    ) -> None:
        ask = world.keystone.ask
        below = make_project(world.keystone, "below", world.domain, parent_id=world.empty)
        reader = next(role["id"] for role in ask("GET", "roles")["roles"] if role["name"] == "reader")
        path = f"OS-INHERIT/projects/{world.empty}/groups/{world.admins}/roles/{reader}/inherited_to_projects"
        ask("PUT", path)
        try:
            assert below in {target.key for target in adapter.lease_targets().items}
            assert world.empty not in {target.key for target in adapter.lease_targets().items}
            ask("PATCH", f"projects/{below}", {"project": {"enabled": False}})
            assert below not in {target.key for target in adapter.lease_targets().items}
            error = error_of(lambda: adapter.lease(world.ask("k", world.alices(), target=below)))
            assert (error.kind, error.retry) == ("refused", False)
        finally:
            ask("DELETE", path)


class TestThePortalsOwnCredential:
    def with_keys(self, world: World, keys: dict[str, str]) -> OpenStack:
        return OpenStack(replace(world.adapter().account, credentials=keys))

    def test_a_wrong_secret_is_said_and_not_repeated(self, world: World, ask: LeaseAsk) -> None:
        adapter = self.with_keys(world, {**world.keys, "application_credential_secret": "not-the-secret"})
        error = error_of(lambda: adapter.lease(ask))
        assert (error.kind, error.retry) == ("credentials", False)
        assert "not-the-secret" not in repr(error)
        assert [(check.name, check.state) for check in adapter.check()] == [("credentials", "failed")]

    @pytest.mark.parametrize(("role", "more"), [("member", {}), ("admin", {"unrestricted": False})])
    def test_one_that_could_lend_and_never_take_back_is_told(self, world: World, role: str, more: dict[str, Any]) -> None:
        adapter = self.with_keys(world, portal_keys(world.keystone, role=role, **more))
        check = {one.name: one for one in adapter.check()}["end_leases"]
        assert (check.state, check.kind) == ("failed", "permission")
        assert "--unrestricted" in check.needs

    def test_a_provider_that_is_not_there_is_told(self, world: World, ask: LeaseAsk) -> None:
        adapter = world.adapter(identity_provider="nobody")
        assert {check.name: check.state for check in adapter.check()}["identity_provider"] == "failed"
        assert error_of(lambda: adapter.lease(ask)).kind == "not_found"


@pytest.mark.django_db
class TestAsAConnection:
    @pytest.mark.parametrize("regions", ["", "north"])
    def test_it_is_connected_checked_and_synced_although_nothing_can_be_ordered_there(
        self, world: World, settings: Any, regions: str
    ) -> None:
        settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
        people = cast.build()
        config = {**world.adapter().account.config, "regions": regions}
        made = connect_cloud(
            people.nordwind, kit.provider("openstack"), "Cloud", config, world.keys,
            rung="operate", key="k", actor=people.actor("dave"),
        )  # fmt: skip
        checking.run(made.checks.get().pk)
        assert made.checks.get().passed, made.checks.get().results
        approved = kit.connection(people, "openstack", name="Approved", key="k2", config=config, credentials=world.keys)
        syncing.sync(approved.pk)
        approved.refresh_from_db()
        assert (approved.health, approved.synced_at is None) == ("well", False)
        assert len(adapter_for(approved).lease_targets().items) == 2


def name_in(given: LeaseGiven) -> str:
    """What the credential is called."""
    return given.id.partition("/")[2]


def wait_until_expired(token: str) -> None:
    body = token.split(".")[1]
    ends = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["exp"]
    while time.time() <= ends + 1:
        time.sleep(0.1)
