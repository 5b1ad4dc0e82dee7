"""Claims against rules, without a database: by example, and against the plainest possible reading of the rule."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.identity.claims import MANY, ONE, Rule, Rulebook, Said, plain, values_of

ROLE, SCOPE = UUID(int=1), UUID(int=2)


def rule(number=1, **changes):
    said = {"provider": "", "claim": "groups", "compare": ONE, "value": "/cloud/admins", "role": ROLE, "scope": SCOPE}
    return Rule(id=UUID(int=number), **{**said, **changes})


def fits(one, claims, provider="", person="alice"):
    return bool(Rulebook([one]).grants(Said(person, provider, claims)))


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"groups": ["/staff", "/cloud/admins"]}, True),
        ({"groups": "/cloud/admins"}, True),
        ({"groups": ["/cloud/admins/deep"]}, False),
        ({"groups": ["/Cloud/Admins"]}, False),
        ({"groups": []}, False),
        ({"groups": None}, False),
        ({"groups": {"name": "/cloud/admins"}}, False),
        ({"groups": [7, True, None, ["/cloud/admins"]]}, False),
        ({"roles": ["/cloud/admins"]}, False),
        ({}, False),
    ],
)
def test_a_rule_compares_the_whole_value(claims, expected):
    assert fits(rule(), claims) is expected


def test_another_provider_says_nothing_for_this_one():
    """Else whoever runs one organization's provider could name the groups of another's."""
    assert not fits(rule(provider="corp"), {"groups": ["/cloud/admins"]}, provider="other")
    assert not fits(rule(provider="corp"), {"groups": ["/cloud/admins"]}, provider="")
    assert fits(rule(provider="corp"), {"groups": ["/cloud/admins"]}, provider="corp")


def test_nobody_gains_by_a_rule_of_her_own():
    assert not fits(rule(author="alice"), {"groups": ["/cloud/admins"]}, person="alice")
    assert fits(rule(author="alice"), {"groups": ["/cloud/admins"]}, person="bob")


def test_one_character_written_two_ways_is_one():
    assert fits(rule(value="/\u00e9quipe"), {"groups": ["/e\u0301quipe"]})


def test_a_dotted_name_walks_into_objects_unless_the_claim_has_that_very_name():
    assert values_of({"realm_access": {"roles": ["a", "b"]}}, "realm_access.roles") == {"a", "b"}
    assert values_of({"a.b": "whole", "a": {"b": "walked"}}, "a.b") == {"whole"}
    assert values_of({"a": "text"}, "a.b") == set()


def test_ten_thousand_groups_are_looked_up_not_walked():
    class Counted(list):
        walked = 0

        def __iter__(self):
            Counted.walked += 1
            return super().__iter__()

    book = Rulebook(rule(n, value=f"/g/{n}") for n in range(1, 501))
    groups = Counted(f"/g/{n}" for n in range(10_000))
    assert len(book.fitting(Said("alice", "", {"groups": groups}))) == 500
    assert Counted.walked == 1


words = st.text("aä/é", min_size=1, max_size=4)
said = st.fixed_dictionaries({}, optional={name: st.lists(words, max_size=4) | words for name in ("groups", "roles")})
rules = st.lists(
    st.builds(
        Rule,
        id=st.uuids(),
        provider=st.sampled_from(["", "corp"]),
        claim=st.sampled_from(["groups", "roles"]),
        compare=st.sampled_from([ONE, MANY]),
        value=words,
        role=st.sampled_from([ROLE, UUID(int=3)]),
        scope=st.just(SCOPE),
        author=st.sampled_from([None, "alice"]),
    ),
    max_size=8,
)


@given(rules=rules, claims=said, provider=st.sampled_from(["", "corp"]))
def test_the_rulebook_finds_what_reading_every_rule_finds(rules, claims, provider):
    def reads(one):
        found = claims.get(one.claim, [])
        values = [plain(each) for each in (found if isinstance(found, list) else [found])]
        wanted = plain(one.value)
        alike = [value.startswith(wanted) if one.compare == MANY else value == wanted for value in values]
        return one.provider == provider and one.author != "alice" and any(alike)

    expected = {(one.role, one.scope) for one in rules if reads(one)}
    found = Rulebook(rules).grants(Said("alice", provider, claims))
    assert {(grant.role, grant.scope) for grant in found} == expected
