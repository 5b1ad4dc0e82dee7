"""Who a pushed person is: whom her organization's own provider vouched for under the same id, and nobody else."""

import pytest

from portal.access.models import Scope
from portal.core import clock
from portal.identity import federated, scim_links
from portal.identity.jwts import Token
from portal.identity.models import IdentityProvider, ScimUser
from portal.identity.oidc import Arrival
from portal.users.models import Identity, User
from tests.cast import give, person
from tests.identity.planes import ISSUER
from tests.identity.scim import Directory, token

pytestmark = pytest.mark.usefixtures("provider")


@pytest.fixture
def entra(world):
    return Directory(token(world.nordwind, world.actor("erin")))


def trusted(organization: Scope, alias: str) -> IdentityProvider:
    facts = {"name": alias, "protocol": "oidc", "sealed": b"", "state": "active"}
    return IdentityProvider.objects.create(organization=organization, alias=alias, **facts)


def claims(alias, theirs):
    return {"upstream_provider": alias, "upstream_groups": [], "preferred_username": f"{alias}.{theirs}".lower()}


def came(user, alias, theirs, subject="sub-1"):
    """She signed in through a provider, which knows her by this id."""
    return Identity.objects.create(user=user, issuer=ISSUER, subject=subject, provider=alias, claims=claims(alias, theirs))


def pushed(entra, external_id):
    return User.objects.get(identities__scim_user=entra.user("zoe", externalId=external_id).json()["id"])


def test_who_signed_in_first_is_the_same_person_when_she_is_pushed(world, entra):
    zoe = person("zoe")
    before = zoe.name
    trusted(world.nordwind, "corp")
    came(zoe, "corp", "00uAbC")
    assert pushed(entra, "00uAbC") == zoe
    zoe.refresh_from_db()
    assert zoe.name == before, "her name is what she signs in with"
    row = ScimUser.objects.get()
    entra.patch(f"Users/{row.pk}", {"op": "replace", "path": "active", "value": False})
    zoe.refresh_from_db()
    assert not zoe.is_active


def test_who_is_pushed_first_is_the_same_person_when_she_signs_in(world, entra):
    trusted(world.nordwind, "corp")
    zoe = pushed(entra, "00uAbC")
    assert scim_links.pushed_as(claims("corp", "00uAbC")) == zoe
    read = Token(ISSUER, "sub-9", sid="", jti="", expires=clock.now(), claims=claims("corp", "00uAbC"))
    arrival = Arrival(read, read.claims, target="/", id_token="", refresh_token="")
    identity = federated._new_person(arrival)
    assert identity.user == zoe
    assert scim_links.pushed_as(claims("corp", "00uAbC")) is None, "one account at our issuer is enough"


def test_the_provider_of_another_organization_vouches_for_nobody_here(world, entra):
    trusted(world.nordwind, "corp")
    trusted(world.other, "evil")
    zoe = pushed(entra, "00u1")
    for said in (claims("evil", "00u1"), {**claims("evil", "00u1"), "preferred_username": "corp.00u1"}):
        assert scim_links.pushed_as(said) is None
    assert scim_links.pushed_as({"preferred_username": "corp.00u1"}) is None
    assert zoe.identities.count() == 1
    stranger = person("stranger")
    came(stranger, "evil", "00u2", subject="sub-2")
    assert entra.user("two", externalId="00u2").status_code == 201
    assert not stranger.identities.filter(scim_user__isnull=False).exists()


@pytest.mark.parametrize(("where", "linked"), [(["web"], True), (["web", "other_project"], False), ([], False)])
def test_a_subject_of_our_issuer_links_who_holds_roles_here_and_nowhere_else(world, entra, where, linked):
    zoe = person("zoe")
    for place in where:
        give(zoe, "viewer", world.scopes[place])
    Identity.objects.create(user=zoe, issuer=ISSUER, subject="sub-1")
    assert (pushed(entra, "sub-1") == zoe) is linked


def test_nobody_is_pushed_twice(world, entra):
    zoe = person("zoe")
    trusted(world.nordwind, "corp")
    came(zoe, "corp", "a")
    Identity.objects.create(user=zoe, issuer=ISSUER, subject="sub-2", provider="corp", claims=claims("corp", "b"))
    assert entra.user("one", externalId="a").status_code == 201
    assert entra.user("two", externalId="b").status_code == 201
    assert zoe.identities.filter(scim_user__isnull=False).count() == 1
