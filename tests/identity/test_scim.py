"""People and groups pushed by SCIM: who they become, what they get, and what another organization never sees."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.access.guard import holds
from portal.access.models import Assignment, Role, Source
from portal.core import clock
from portal.events.models import Event
from portal.identity import mapping
from portal.identity.models import ScimGroup, ScimMember, ScimToken, ScimUser, scim_issuer
from portal.users.actor import Actor, Auth
from portal.users.models import Identity, User
from tests.identity.scim import GROUP, PATCH, USER, Directory, token

ADMINS = "Cloud Admins"


@pytest.fixture
def entra(world):
    return Directory(token(world.nordwind, world.actor("erin")))


@pytest.fixture
def foreign(world):
    return Directory(token(world.other, world.actor("mallory")))


def rule(world, value=ADMINS, key="member", at="web"):
    provider, role = scim_issuer(world.nordwind), Role.objects.get(key=key, scope=None)
    return mapping.add_rule(world.scopes[at], role, value=value, provider=provider, actor=world.actor("erin"))


def person_of(answer):
    return User.objects.get(identities__scim_user=answer.json()["id"])


def mapped(user):
    return {row.role.key for row in Assignment.objects.filter(user=user, source=Source.RULE).select_related("role")}


def pushed(world, count, *, organization="nordwind"):
    """Many people at once, as if they had been pushed one by one."""
    root = world.scopes[organization]
    users = User.objects.bulk_create(User(username=f"p{n}", name=f"P {n}") for n in range(count))
    facts = {"issuer": scim_issuer(root), "provider": scim_issuer(root)}
    rows = Identity.objects.bulk_create(Identity(user=user, subject=user.username, **facts) for user in users)
    data = [{"userName": user.username} for user in users]
    return ScimUser.objects.bulk_create(
        ScimUser(organization=root, identity=row, key=said["userName"], data=said, folded=said)
        for row, said in zip(rows, data, strict=True)
    )


def test_who_is_pushed_is_a_new_person_known_by_the_directory_alone(world, entra):
    emails = [{"value": "zoe@nordwind.example", "primary": True}]
    answer = entra.user("zoe@nordwind.example", displayName="Zoë Ek", emails=emails, externalId="e-1")
    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/scim+json")
    zoe = person_of(answer)
    assert (zoe.name, zoe.email, zoe.is_active, zoe.has_usable_password()) == ("Zoë Ek", emails[0]["value"], True, False)
    identity = zoe.identities.get()
    assert (identity.issuer, identity.subject) == (scim_issuer(world.nordwind), answer.json()["id"])
    event = Event.objects.get(action="identity.push_person")
    made = ScimToken.objects.get()
    assert (event.auth["method"], event.auth["session"], event.scope_path) == ("scim", made.prefix, world.nordwind.path)
    assert answer.headers["Location"] == answer.json()["meta"]["location"]


def test_nobody_is_taken_over_by_her_name_or_address(world, entra):
    emails = [{"value": world.alice.email or "alice@nordwind.example"}]
    answer = entra.user(world.alice.username, emails=emails, externalId=world.alice.username, password="let-me-in-please")
    new = person_of(answer)
    assert new != world.alice
    assert new.username != world.alice.username
    assert not new.has_usable_password()
    assert "password" not in answer.json()
    assert entra.patch(f"Users/{answer.json()['id']}", {"op": "replace", "path": "active", "value": False}).status_code == 200
    world.alice.refresh_from_db()
    assert world.alice.is_active


def test_a_name_that_is_taken_is_said_within_the_organization_alone(entra, foreign):
    assert foreign.user("Zoe", externalId="1").status_code == 201
    assert entra.user("zoe", externalId="1").status_code == 201
    for again in (entra.user("ZOE", externalId="2"), entra.user("other", externalId="1")):
        assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")


def test_not_active_is_out_at_once_and_active_is_in_again(world, entra):
    rule(world)
    zoe = entra.user("zoe").json()["id"]
    entra.group(ADMINS, zoe)
    person = User.objects.get(identities__scim_user=zoe)
    epoch = person.access_epoch
    answer = entra.patch(f"Users/{zoe}", {"op": "Replace", "value": {"active": "False"}})
    assert answer.json()["active"] is False
    person.refresh_from_db()
    assert (person.is_active, person.access_epoch) == (False, epoch + 1)
    assert mapped(person) == set()
    entra.ask("PUT", f"Users/{zoe}", {"schemas": [USER], "userName": "zoe", "title": "Dr"})
    person.refresh_from_db()
    assert not person.is_active, "who describes her anew without a word on it lets nobody in"
    entra.patch(f"Users/{zoe}", {"op": "replace", "path": "active", "value": True})
    person.refresh_from_db()
    assert person.is_active
    assert mapped(person) == {"member"}


def test_who_is_removed_is_out_by_every_way_and_stays_for_her_history(world, entra):
    rule(world)
    zoe = entra.user("zoe", externalId="e-1").json()["id"]
    entra.group(ADMINS, zoe)
    person = User.objects.get(identities__scim_user=zoe)
    assert entra.ask("DELETE", f"Users/{zoe}").status_code == 204
    assert entra.get(f"Users/{zoe}").status_code == 404
    assert entra.ask("DELETE", f"Users/{zoe}").status_code == 404
    person.refresh_from_db()
    assert (person.is_active, person.disabled_at is not None, person.identities.count()) == (False, True, 0)
    assert mapped(person) == set()
    assert not ScimMember.objects.exists()
    assert person_of(entra.user("zoe", externalId="e-1")) != person


def test_a_group_gives_what_a_rule_says_and_takes_it_at_the_next_request(world, entra):
    rule(world)
    zoe = entra.user("zoe").json()["id"]
    person = User.objects.get(identities__scim_user=zoe)
    group = entra.group(ADMINS).json()["id"]
    assert not holds(Actor(person, Auth("oidc")), "place_order", world.web)
    entra.patch(f"Groups/{group}", {"op": "add", "path": "members", "value": [{"value": zoe}, {"value": zoe}]})
    assert ScimMember.objects.count() == 1
    assert holds(Actor(person, Auth("oidc")), "place_order", world.web)
    assert entra.get(f"Users/{zoe}").json()["groups"][0]["display"] == ADMINS
    answer = entra.patch(f"Groups/{group}", {"op": "remove", "path": f'members[value eq "{zoe}"]'})
    assert "members" not in answer.json()
    assert not holds(Actor(person, Auth("oidc")), "place_order", world.web)


@pytest.mark.parametrize("how", ["rename", "drop", "replace", "entra"])
def test_what_followed_from_a_group_ends_with_it(world, entra, how):
    rule(world)
    zoe = entra.user("zoe").json()["id"]
    person = User.objects.get(identities__scim_user=zoe)
    group = entra.group(ADMINS, zoe).json()["id"]
    assert mapped(person) == {"member"}
    if how == "rename":
        entra.patch(f"Groups/{group}", {"op": "replace", "path": "displayName", "value": "Others"})
    elif how == "drop":
        assert entra.ask("DELETE", f"Groups/{group}").status_code == 204
    elif how == "replace":
        entra.ask("PUT", f"Groups/{group}", {"schemas": [GROUP], "displayName": ADMINS, "members": []})
    else:
        entra.patch(f"Groups/{group}", {"op": "Remove", "path": "members", "value": [{"value": zoe}]})
    assert mapped(person) == set()


def test_groups_speak_for_their_own_organization_alone(world, entra, foreign):
    rule(world)
    theirs = foreign.user("zoe").json()["id"]
    foreign.group(ADMINS, theirs)
    assert mapped(User.objects.get(identities__scim_user=theirs)) == set()
    assert entra.group(ADMINS).status_code == 201


def test_another_organization_sees_and_moves_nothing(world, entra, foreign):
    zoe = entra.user("zoe", externalId="e-1").json()["id"]
    group = entra.group(ADMINS, zoe).json()["id"]
    change = {"op": "replace", "path": "displayName", "value": "Mine"}
    for path, body in ((f"Users/{zoe}", {"userName": "x"}), (f"Groups/{group}", {"displayName": "x"})):
        sent = {"schemas": [USER if path.startswith("Users") else GROUP], **body}
        answers = [
            foreign.get(path),
            foreign.ask("PUT", path, sent),
            foreign.patch(path, change),
            foreign.ask("DELETE", path),
        ]
        assert {answer.status_code for answer in answers} == {404}
    for path in ("Users", "Groups", 'Users?filter=externalId eq "e-1"', f'Groups?filter=members eq "{zoe}"'):
        assert foreign.get(path).json()["totalResults"] == 0
    taken = foreign.group("Ours", zoe)
    assert (taken.status_code, taken.json()["scimType"]) == (400, "invalidValue")
    assert ScimGroup.objects.get().data["displayName"] == ADMINS


def test_a_token_that_opens_nothing_is_refused(world, entra):
    row = ScimToken.objects.get()
    plain = entra.headers["Authorization"].removeprefix("Bearer ")
    wrong = [plain[:-1] + ("A" if plain[-1] != "A" else "B"), "", "scim_", "ccd_" + plain[5:], plain.upper()]
    for each in wrong:
        answer = Directory(each).get("Users")
        assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/scim+json")
        assert "WWW-Authenticate" in answer.headers
    for field, value in (("expires", clock.now() - timedelta(seconds=1)), ("revoked_at", clock.now())):
        before = getattr(row, field)
        ScimToken.objects.update(**{field: value})
        assert entra.get("Users").status_code == 401, field
        ScimToken.objects.update(**{field: before})
    assert entra.get("Users").status_code == 200
    assert row.used_at is None
    assert ScimToken.objects.get().used_at is not None


def test_a_token_opens_nothing_else(world, entra):
    assert entra.client.get("/api/people/", headers=entra.headers).status_code == 401
    narrowed = Actor(User.objects.system(), Auth("scim"))
    assert not holds(narrowed, "view_scope", world.nordwind)


def test_a_session_opens_no_scim(world, client):
    client.force_login(world.erin, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/scim/v2/Users").status_code == 401


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("{", "invalidSyntax"),
        ("[]", "invalidSyntax"),
        ('{"a":' * 3000 + "1" + "}" * 3000, "invalidSyntax"),
        (b"\xff\xfe", "invalidSyntax"),
        ({"schemas": [USER]}, "invalidValue"),
        ({"schemas": [USER], "userName": ""}, "invalidValue"),
        ({"schemas": [USER], "userName": "x" * 201}, "invalidValue"),
        ({"schemas": [USER], "userName": "a\x00b"}, "invalidSyntax"),
        ({"schemas": [USER], "userName": "a\nb"}, "invalidValue"),
        ({"schemas": [USER], "userName": "zoe", "shoeSize": 38}, "invalidSyntax"),
        ({"schemas": [USER, "urn:x:y"], "userName": "zoe"}, "invalidSyntax"),
        ({"schemas": [USER], "userName": "zoe", "active": "perhaps"}, "invalidValue"),
        ({"schemas": [USER], "userName": "zoe", "emails": "zoe@x.example"}, "invalidValue"),
        ({"schemas": [USER], "userName": "zoe", "title": "x" * 65_000}, "invalidValue"),
    ],
)
def test_a_body_that_cannot_be_kept_is_refused_and_nothing_is_written(entra, body, kind):
    answer = entra.ask("POST", "Users", body)
    assert (answer.status_code, answer.json()["scimType"]) == (400, kind)
    assert answer.json()["status"] == "400"
    assert not ScimUser.objects.exists()


def test_a_huge_body_and_another_type_are_refused(entra):
    assert entra.ask("POST", "Users", b" " * (2 * 1024 * 1024 + 1)).status_code == 413
    answer = entra.client.post("/scim/v2/Users", "a=b", content_type="text/plain", headers=entra.headers)
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "replace", "path": "shoeSize", "value": 1}, "invalidPath"),
        ({"op": "replace", "path": "emails[", "value": 1}, "invalidPath"),
        ({"op": "replace", "path": "emails[type eq", "value": 1}, "invalidPath"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "burn", "path": "title"}, "invalidValue"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "add", "path": "title"}, "invalidValue"),
        ({"op": "replace", "path": "userName", "value": {"a": 1}}, "invalidValue"),
        ({"op": "replace", "path": 'emails[type ne "work"].value', "value": "a@b.example"}, "noTarget"),
    ],
)
def test_a_patch_that_does_not_fit_changes_nothing(entra, operation, kind):
    zoe = entra.user("zoe", title="Dr").json()["id"]
    answer = entra.patch(f"Users/{zoe}", {"op": "replace", "path": "title", "value": "Prof"}, operation)
    assert (answer.status_code, answer.json()["scimType"]) == (400, kind), answer.json()
    assert ScimUser.objects.get().data["title"] == "Dr"


def test_more_operations_than_anybody_needs_are_refused(entra):
    zoe = entra.user("zoe").json()["id"]
    operations = [{"op": "replace", "path": "title", "value": "Dr"}] * 1001
    assert entra.patch(f"Users/{zoe}", *operations).status_code == 400
    assert entra.ask("PATCH", f"Users/{zoe}", {"schemas": [PATCH], "Operations": []}).status_code == 400


@pytest.mark.parametrize("member", ["nobody", "", "01a210e2-fcab-7efe-a4e6-0bf9ca551999"])
def test_a_member_who_is_not_there_is_refused(entra, member):
    assert entra.group(ADMINS, member).status_code == 400
    assert not ScimGroup.objects.exists()


def test_groups_in_groups_are_refused_in_words(entra):
    inner = entra.group("Inner").json()["id"]
    sent = {"schemas": [GROUP], "displayName": "Outer", "members": [{"value": inner, "type": "Group"}]}
    answer = entra.ask("POST", "Groups", sent)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert "groups in groups" in answer.json()["detail"]


def test_who_looked_before_it_changed_does_not_write_over_it(entra):
    answer = entra.user("zoe")
    path, seen = f"Users/{answer.json()['id']}", answer.headers["ETag"]
    change = {"op": "replace", "path": "title", "value": "Dr"}
    assert entra.get(path, If_None_Match=seen).status_code == 304
    assert entra.patch(path, change, If_Match=seen).headers["ETag"] != seen
    assert entra.patch(path, {**change, "value": "Prof"}, If_Match=seen).status_code == 412
    assert entra.ask("DELETE", path, If_Match=seen).status_code == 412
    assert entra.get(path, If_None_Match=seen).json()["title"] == "Dr"


def test_a_thousand_people_are_listed_in_pages_by_few_statements(world, entra):
    people = pushed(world, 1050)
    pushed(world, 0, organization="other")
    group = ScimGroup.objects.create(organization=world.nordwind, key="g", data={"displayName": "G"})
    ScimMember.objects.bulk_create(ScimMember(group=group, user=each) for each in people)
    assert entra.get("Users?count=1").json()["itemsPerPage"] == 1
    seen, first = [], 1
    while True:
        with CaptureQueriesContext(connection) as queries:
            page = entra.get(f"Users?startIndex={first}&count=500").json()
        assert len(queries) <= 6
        if not page.get("Resources"):
            break
        assert page["totalResults"] == 1050
        seen += [each["userName"] for each in page["Resources"]]
        first += page["itemsPerPage"]
    assert len(seen) == len(set(seen)) == 1050
    for nonsense in ("startIndex=-3", "count=0", "startIndex=" + "9" * 30, "count=-1"):
        assert entra.get(f"Users?{nonsense}").status_code == 200
    assert entra.get("Users?count=many").status_code == 400
    assert "members" not in entra.get("Groups?excludedAttributes=members").json()["Resources"][0]


def test_a_large_group_is_no_statement_for_each_member(world, entra):
    rule(world)
    people = pushed(world, 2000)

    def statements(act):
        with CaptureQueriesContext(connection) as queries:
            answer = act()
        assert answer.status_code in (200, 201), answer.json()
        return len(queries)

    names = [str(each.pk) for each in people]
    made = statements(lambda: entra.group(ADMINS, *names))
    assert Assignment.objects.filter(source=Source.RULE).count() == 2000
    assert made <= 60
    group = ScimGroup.objects.get()
    one = {"op": "remove", "path": f'members[value eq "{names[0]}"]'}
    assert statements(lambda: entra.patch(f"Groups/{group.pk}", one)) <= 40
    assert Assignment.objects.filter(source=Source.RULE).count() == 1999


@pytest.mark.parametrize("how", ["one by one", "at once"])
def test_a_thousand_come_and_go_in_seconds(world, entra, how):
    names = [str(each.pk) for each in pushed(world, 3000)]
    group = entra.group(ADMINS, *names[1000:]).json()["id"]
    adds = [{"op": "add", "path": "members", "value": [{"value": each}]} for each in names[:1000]]
    removes = [{"op": "remove", "path": f'members[value eq "{each}"]'} for each in names[1000:2000]]
    if how == "at once":
        adds = [{"op": "Add", "path": "members", "value": [{"value": each} for each in names[:1000]]}]
        removes = [{"op": "Remove", "path": "members", "value": [{"value": each} for each in names[1000:2000]]}]
    began = time.process_time()
    assert entra.patch(f"Groups/{group}", *adds).status_code == 200
    assert entra.patch(f"Groups/{group}", *removes).status_code == 200
    assert time.process_time() - began < 10
    left = {str(each) for each in ScimMember.objects.values_list("user", flat=True)}
    assert left == {*names[:1000], *names[2000:]}


def test_operations_on_members_keep_their_order(entra):
    zoe, ada = (entra.user(name).json()["id"] for name in ("zoe", "ada"))
    group = entra.group(ADMINS, zoe).json()["id"]
    out = {"op": "remove", "path": f'members[value eq "{zoe}"]'}
    back = {"op": "add", "path": "members", "value": [{"value": zoe}, {"value": ada}]}
    named = {"op": "replace", "path": "displayName", "value": "Others"}
    answer = entra.patch(f"Groups/{group}", out, back, named, out).json()
    assert ([each["value"] for each in answer["members"]], answer["displayName"]) == ([ada], "Others")
    assert entra.patch(f"Groups/{group}", {**out, "path": "members"}).json().get("members") is None
