"""Filters and orders of SCIM: what they find, and what hostile ones do."""

from urllib.parse import quote

import pytest

from tests.identity.scim import Directory, token

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest.fixture
def entra(world):
    made = Directory(token(world.nordwind, world.actor("erin")))
    work = {"value": "Zoe@Nordwind.example", "type": "work", "primary": True}
    more = {"emails": [work], "name": {"familyName": "Ek"}, ENTERPRISE: {"department": "Cloud"}}
    made.user("Zoe", displayName="Zoë Ek", externalId="E-1", title="100% _sure", **more)
    made.user("adam", externalId="e-1", active=False, emails=[{"value": "adam@nordwind.example", "type": "home"}])
    return made


def found(entra, text, more=""):
    answer = entra.get(f"Users?filter={quote(text)}{more}")
    assert answer.status_code == 200, answer.json()
    return [each["userName"] for each in answer.json().get("Resources", [])]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('userName eq "ZOE"', ["Zoe"]),
        ('externalId eq "e-1"', ["adam"]),
        ('externalId eq "E-1"', ["Zoe"]),
        ('userName ne "zoe"', ["adam"]),
        ('userName sw "A"', ["adam"]),
        ('userName co "%"', []),
        ('title co "0% _S"', ["Zoe"]),
        ('title co "%%"', []),
        ("active eq false", ["adam"]),
        ("active eq true", ["Zoe"]),
        ("title pr", ["Zoe"]),
        ("not (title pr)", ["adam"]),
        ("title eq null", ["adam"]),
        ('emails eq "zoe@nordwind.example"', ["Zoe"]),
        ('emails.value eq "ZOE@nordwind.example"', ["Zoe"]),
        ('emails[type eq "work" and value eq "zoe@nordwind.example"]', ["Zoe"]),
        ('emails[type eq "home"].value eq "zoe@nordwind.example"', []),
        ("emails pr", ["Zoe", "adam"]),
        ("groups pr", []),
        ('name.familyName eq "ek"', ["Zoe"]),
        ('displayName ew "ë ek"', ["Zoe"]),
        (f'{ENTERPRISE}:department eq "cloud"', ["Zoe"]),
        (f'{ENTERPRISE}:department sw "cl"', ["Zoe"]),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "zoe"', ["Zoe"]),
        ('(userName eq "zoe" or userName eq "adam") and active eq true', ["Zoe"]),
        ('meta.created gt "2001-01-01T00:00:00Z"', ["Zoe", "adam"]),
        ('meta.lastModified lt "2001-01-01T00:00:00Z"', []),
        ('id eq "no-id"', []),
        ('not (id eq "no-id")', ["Zoe", "adam"]),
        ('userName eq "\'; DROP TABLE identity_scimuser; --"', []),
    ],
)
def test_a_filter_finds_what_it_says(entra, text, names):
    assert found(entra, text) == names


@pytest.mark.parametrize(
    "text",
    [
        "userName eq",
        'shoeSize eq "38"',
        "(" * 500 + 'userName eq "a"' + ")" * 500,
        "not (" * 30 + "title pr" + ")" * 30,
        " or ".join(['userName eq "a"'] * 60),
        'userName eq "' + "x" * 2001 + '"',
        'userName eq "a\\u0000"',
        'title eq "\\ud800"',
        'title gt "a"',
        'emails co "x"',
        'emails[type eq "a" or type eq "b"]',
        'meta.created gt "yesterday"',
        "active gt true",
        'id sw "0"',
    ],
)
def test_a_filter_that_cannot_be_answered_is_refused(entra, text):
    answer = entra.get(f"Users?filter={quote(text)}")
    assert answer.status_code == 400, answer.json()
    assert answer.json()["scimType"] in ("invalidFilter", "invalidValue"), answer.json()
    sent = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": text}
    assert entra.ask("POST", "Users/.search", sent).status_code == 400


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("sortBy=userName", ["adam", "Zoe"]),
        ("sortBy=userName&sortOrder=descending", ["Zoe", "adam"]),
        ("sortBy=name.familyName", ["Zoe", "adam"]),
        ("sortBy=name.familyName&sortOrder=descending", ["adam", "Zoe"]),
        (f"sortBy={ENTERPRISE}:department", ["Zoe", "adam"]),
        ("sortBy=meta.created&sortOrder=descending", ["adam", "Zoe"]),
    ],
)
def test_an_order_is_kept(entra, order, names):
    assert found(entra, 'userName ne "x"', f"&{order}") == names


@pytest.mark.parametrize("order", ["sortBy=shoeSize", "sortBy=emails", "sortBy=password", "sortOrder=sideways", "sortBy=a[b"])
def test_an_order_that_is_none_is_refused(entra, order):
    assert entra.get(f"Users?{order}").status_code == 400


def test_a_search_by_post_is_the_same_search(entra):
    sent = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": 'userName eq "zoe"', "count": 5}
    answer = entra.ask("POST", "Users/.search", {**sent, "attributes": ["userName"]})
    assert [set(each) for each in answer.json()["Resources"]] == [{"schemas", "id", "userName"}]


def test_what_is_not_offered_says_so_as_scim_does(entra):
    answers = {path: entra.ask("POST", path).status_code for path in ("Bulk", ".search", "Me", "Nothing", "Schemas")}
    assert answers == {"Bulk": 501, ".search": 501, "Me": 501, "Nothing": 404, "Schemas": 405}
    assert entra.get("Schemas?filter=id pr").status_code == 403
    assert entra.get("ResourceTypes/Nothing").status_code == 404
