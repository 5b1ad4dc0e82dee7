"""Roles lent by AWS, against moto for the shape of what is said.

moto takes any token for any role: it checks no signature, no audience, no subject and no trust policy. So what is refused here
is refused by our own reader before AWS is asked, and the tests of refusals end with a look at moto having let the same thing pass.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest

from portal.clouds.adapters import aws_leases, aws_roles
from portal.clouds.adapters.aws import Aws
from portal.clouds.base import CloudError, Secret
from portal.clouds.leases import LeaseAsk, LeaseGiven
from tests.clouds.faults import Fault, FaultProxy, http
from tests.clouds.leases import LeaseContract
from tests.clouds.test_aws import account_at
from tests.clouds.test_aws_trust import AUDIENCE, FIT, ISSUER, changed, equals

CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice-id", "azp": "portal"}


def token(**claims: Any) -> Secret:
    """Shaped as one of Keycloak's; nobody here looks at its signature."""
    parts = [{"alg": "RS256", "typ": "at+jwt"}, {**CLAIMS, **claims}, "of-nobody"]
    return Secret(".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts))


def client(port: int, service: str, **keys: Any) -> Any:
    keys = keys or {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    return boto3.client(service, endpoint_url=f"http://127.0.0.1:{port}", region_name="eu-west-1", **keys)


def make_role(port: int, name: str, trust: Any, **more: Any) -> str:
    made = client(port, "iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), **more)
    return str(made["Role"]["Arn"])


def error_of(call: Any) -> CloudError:
    with pytest.raises(CloudError) as caught:
        call()
    return caught.value


@pytest.fixture
def adapter(empty_moto: int) -> Aws:
    return Aws(account_at(empty_moto, config={"issuer": ISSUER}))


@pytest.fixture
def role(empty_moto: int) -> str:
    return make_role(empty_moto, "reader", FIT, MaxSessionDuration=7200, Path="/people/", Description="Reads the shop")


@pytest.fixture
def ask(role: str, request: pytest.FixtureRequest) -> LeaseAsk:
    until = datetime.now(UTC) + timedelta(minutes=30)
    return LeaseAsk(f"key-of-{request.node.name}", role, until, "0193f1a2b3c47d55a1b2c3d4e5f60718", token())


@pytest.fixture
def proxy(empty_moto: int) -> Iterator[FaultProxy]:
    with FaultProxy("127.0.0.1", empty_moto) as standing:
        yield standing


class TestAwsLeases(LeaseContract):
    @pytest.fixture(autouse=True)
    def _opened_here(self, empty_moto: int) -> None:
        self.opens = lambda given: who_is(empty_moto, given)


def who_is(port: int, given: LeaseGiven) -> str:
    """Whom AWS takes the holder of these variables for."""
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    keys = {name: given.env[name.upper()].reveal() for name in names}
    return str(client(port, "sts", **keys).get_caller_identity()["Arn"])


class TestWhatIsLent:
    def test_the_session_is_of_the_role_and_bears_her_id(self, adapter: Aws, ask: LeaseAsk, empty_moto: int) -> None:
        assert who_is(empty_moto, adapter.lease(ask)).endswith(f":assumed-role/reader/concord-{ask.person}")

    def test_it_lasts_no_longer_than_the_role_allows(self, adapter: Aws, ask: LeaseAsk) -> None:
        given = adapter.lease(replace(ask, until=datetime.now(UTC) + timedelta(hours=8)))
        assert timedelta(minutes=119) < given.expires - datetime.now(UTC) <= timedelta(minutes=120)

    def test_less_than_aws_lends_for_is_refused_before_it_is_asked(self, adapter: Aws, ask: LeaseAsk) -> None:
        error = error_of(lambda: adapter.lease(replace(ask, until=datetime.now(UTC) + timedelta(minutes=14))))
        assert (error.kind, error.retry) == ("refused", False)
        assert adapter.shortest_lease_s > aws_roles.SHORTEST_S

    def test_reading_alone_is_a_policy_that_narrows_the_session(self, ask: LeaseAsk) -> None:
        role = aws_roles.Role("r", ask.target.replace("arn:aws:", "arn:aws-cn:"), "", 3600, FIT)
        assert aws_leases.form_of(ask, role)["PolicyArns.member.1.arn"] == "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"
        assert "PolicyArns.member.1.arn" not in aws_leases.form_of(replace(ask, options={"access": "write"}), role)

    def test_her_token_goes_unsigned_and_nothing_of_the_account_with_it(self, adapter: Aws, ask: LeaseAsk) -> None:
        sent: list[Any] = []
        send = aws_roles.wire.Pinned.send

        def watched(self: Any, request: Any, **options: Any) -> Any:
            sent.append(request)
            return send(self, request, **options)

        with patch.object(aws_roles.wire.Pinned, "send", watched):
            adapter.lease(ask)
        assumed = sent[-1]
        assert "Authorization" not in assumed.headers
        assert adapter.account.credentials["access_key_id"] not in assumed.body
        assert "?" not in assumed.url

    def test_variables_and_profile_open_it_for_the_client_that_people_use(
        self, adapter: Aws, ask: LeaseAsk, empty_moto: int, tmp_path: Path
    ) -> None:
        given = adapter.lease(ask)
        (tmp_path / "credentials").write_text(given.profile.reveal())
        program = "import boto3, sys; s = boto3.Session(profile_name=sys.argv[1] if len(sys.argv) > 1 else None); "
        program += f"c = s.client('sts', endpoint_url='http://127.0.0.1:{empty_moto}'); print(c.get_caller_identity()['Arn'])"
        by_env = {name: text.reveal() for name, text in given.env.items()}
        by_file = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
        name = given.note.split("--profile ")[1].split()[0]
        for arguments, environment in (([], by_env), ([name], by_file)):
            done = subprocess.run(
                [sys.executable, "-c", program, *arguments],
                env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert f"concord-{ask.person}" in done.stdout, done.stderr

    def test_it_says_that_it_cannot_be_taken_back(self, adapter: Aws, ask: LeaseAsk, empty_moto: int) -> None:
        given = adapter.lease(ask)
        adapter.end_lease(given.id, ask.target)
        assert not adapter.revocable
        assert who_is(empty_moto, given)


class TestRefusals:
    @pytest.mark.parametrize(
        "trust",
        [
            changed(Condition=None),
            changed(Condition=equals(aud=AUDIENCE)),
            changed(Condition=equals(aud=AUDIENCE, sub="*")),
            changed(Principal="*"),
            {"Statement": [*FIT["Statement"], {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]},
        ],
    )
    def test_a_role_whose_trust_is_open_is_not_lent_and_moto_would(
        self, adapter: Aws, ask: LeaseAsk, empty_moto: int, trust: Any
    ) -> None:
        arn = make_role(empty_moto, "open", trust)
        error = error_of(lambda: adapter.lease(replace(ask, target=arn)))
        assert (error.kind, error.retry) == ("permission", False)
        assert moto_lends(empty_moto, arn, ask)

    @pytest.mark.parametrize(
        "brought",
        [
            token(sub="mallory-id"),
            token(iss="https://elsewhere.example.com/realms/concord"),
            token(aud="portal"),
            token(aud=[AUDIENCE, "portal"]),
            token(sub=None),
            Secret("garbage"),
            Secret(""),
            Secret("a.bm8.c"),
        ],
    )
    def test_who_the_policy_does_not_name_is_lent_nothing_and_moto_would(
        self, adapter: Aws, ask: LeaseAsk, empty_moto: int, brought: Secret
    ) -> None:
        error = error_of(lambda: adapter.lease(replace(ask, token=brought)))
        assert (error.kind, error.retry) == ("permission", False)
        assert moto_lends(empty_moto, ask.target, replace(ask, token=brought))

    def test_who_brings_no_token_is_lent_nothing(self, adapter: Aws, ask: LeaseAsk) -> None:
        assert error_of(lambda: adapter.lease(replace(ask, token=None))).kind == "permission"

    def test_without_an_identity_provider_in_the_connection_nothing_is_lent(self, ask: LeaseAsk, empty_moto: int) -> None:
        adapter = Aws(account_at(empty_moto))
        assert error_of(lambda: adapter.lease(ask)).kind == "permission"
        assert all("no identity provider" in target.problem for target in adapter.lease_targets().items)

    def test_a_policy_that_was_opened_after_it_was_listed_is_seen(self, adapter: Aws, ask: LeaseAsk, empty_moto: int) -> None:
        assert ask.target in {target.key for target in adapter.lease_targets().items if not target.problem}
        opened = json.dumps(changed(Condition=None))
        client(empty_moto, "iam").update_assume_role_policy(RoleName="reader", PolicyDocument=opened)
        assert error_of(lambda: adapter.lease(ask)).kind == "permission"

    def test_a_role_of_the_same_name_in_another_account_is_not_found(self, adapter: Aws, ask: LeaseAsk) -> None:
        for target in (ask.target.replace("role/people/", "role/"), ask.target.replace("iam::", "iam::9"), "", "x" * 5000):
            assert error_of(lambda target=target: adapter.lease(replace(ask, target=target))).kind == "not_found"

    @pytest.mark.parametrize("code", ["AccessDenied", "InvalidIdentityToken", "ExpiredTokenException", "IDPRejectedClaim"])
    def test_a_refusal_of_sts_is_one_of_the_person_and_tells_the_trap_of_azp(
        self, ask: LeaseAsk, proxy: FaultProxy, code: str
    ) -> None:
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>No.</Message></Error></ErrorResponse>"
        proxy.fault = Fault("payload", when=b"AssumeRoleWithWebIdentity", payload=http(403, body.encode()))
        error = error_of(lambda: Aws(account_at(proxy.port, config={"issuer": ISSUER})).lease(ask))
        assert (error.kind, error.retry) == ("permission", False)
        assert "azp, which is 'portal'" in error.message
        assert ask.token
        assert ask.token.reveal() not in str(error.extra)


class TestFaults:
    @pytest.mark.parametrize("body", [b"", b"<html>It works!</html>", b"<AssumeRoleWithWebIdentityResponse/>", b"\x00\xff"])
    def test_nonsense_for_credentials_is_garbage(self, ask: LeaseAsk, proxy: FaultProxy, body: bytes) -> None:
        proxy.fault = Fault("payload", when=b"AssumeRoleWithWebIdentity", payload=http(200, body))
        error = error_of(lambda: Aws(account_at(proxy.port, config={"issuer": ISSUER})).lease(ask))
        assert (error.kind, error.retry) == ("garbage", True)

    @pytest.mark.parametrize("body", [b"", b"<html>", b"<ListRolesResponse/>"])
    def test_nonsense_for_roles_is_never_an_empty_list(self, proxy: FaultProxy, body: bytes) -> None:
        proxy.fault = Fault("payload", payload=http(200, body))
        error = error_of(Aws(account_at(proxy.port, config={"issuer": ISSUER})).lease_targets)
        assert (error.kind, error.retry) == ("garbage", True)

    def test_a_lost_answer_is_asked_for_again(self, ask: LeaseAsk, proxy: FaultProxy) -> None:
        proxy.fault = Fault("drop_reply", when=b"AssumeRoleWithWebIdentity")
        adapter = Aws(account_at(proxy.port, config={"issuer": ISSUER}))
        error = error_of(lambda: adapter.lease(ask))
        assert (error.kind, error.retry) == ("unreachable", True)
        assert proxy.fault.hits == 1
        assert adapter.lease(ask).env


class TestTargets:
    def test_roles_of_web_identities_are_told_each_with_what_speaks_against_it(
        self, adapter: Aws, role: str, empty_moto: int
    ) -> None:
        machine = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        make_role(empty_moto, "machine", {"Statement": [machine]})
        opened = make_role(empty_moto, "open", changed(Condition=None))
        found = {target.key: target for target in adapter.lease_targets().items}
        assert set(found) == {role, opened}
        assert (found[role].label, found[role].detail) == ("reader", "Reads the shop (≤ 120 min)")
        assert found[role].problem == ""
        assert "audience" in found[opened].problem

    def test_every_page_is_read(self, adapter: Aws, empty_moto: int) -> None:
        for number in range(12):
            make_role(empty_moto, f"role-{number}", FIT)
        with patch.object(Aws, "page", 5):
            listing = adapter.lease_targets()
        assert listing.complete
        assert len(listing.items) == 12

    @pytest.mark.parametrize(
        ("region", "host"),
        [
            ("eu-west-1", "iam.amazonaws.com"),
            ("cn-north-1", "iam.cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", "iam.us-gov.amazonaws.com"),
        ],
    )
    def test_each_partition_has_its_own_iam(self, adapter: Aws, region: str, host: str, left_loopback: list[str]) -> None:
        account = replace(adapter.account, region=region, config={})
        assert error_of(Aws(account).lease_targets).kind == "unreachable"
        assert left_loopback == [host]
        left_loopback.clear()


def moto_lends(port: int, arn: str, ask: LeaseAsk) -> bool:
    """moto gives credentials for it, which is why no refusal can be tested with it."""
    assert ask.token
    form = {"RoleArn": arn, "RoleSessionName": "anybody", "WebIdentityToken": ask.token.reveal()}
    return bool(aws_roles.assume(f"http://127.0.0.1:{port}", form, ("127.0.0.0/8",)).secret)
