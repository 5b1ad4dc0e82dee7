"""Directory against portal, without either: what differs, and when a sync must stop and ask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.identity.directory import Known, Person, compare, removes_too_much


def known(subject, **facts):
    return Known(ref=subject, subject=subject, **facts)


def test_who_is_there_and_unknown_is_new_unless_disabled():
    found = compare([Person("a", "ada"), Person("b", "ben", enabled=False)], [])
    assert [person.subject for person in found.new] == ["a"]


@pytest.mark.parametrize("facts", [{"email": "x@example.org"}, {"name": "X"}, {"groups": frozenset(["/x"])}])
def test_whatever_changed_is_a_change(facts):
    assert len(compare([Person("a", "ada", **facts)], [known("a")]).changed) == 1
    assert not compare([Person("a", "ada", **facts)], [known("a", **facts)]).changed


def test_who_is_disabled_there_leaves_and_who_is_enabled_again_comes_back():
    people = [Person("a", "ada", enabled=False), Person("b", "ben")]
    found = compare(people, [known("a"), known("b", enabled=False)])
    assert ([one.ref for one in found.disabled], [one.ref for one in found.enabled]) == (["a"], ["b"])
    assert [one.ref for one in found.leaving] == ["a"]


def test_who_is_absent_and_out_already_is_no_news():
    assert not compare([], [known("a", enabled=False)]).absent


@pytest.mark.parametrize(
    ("leaving", "of", "stops"),
    [(0, 0, False), (10, 10, False), (11, 20, True), (11, 1000, False), (100, 1000, False), (101, 1000, True)],
)
def test_a_sync_stops_when_a_share_and_more_than_a_few_would_leave(leaving, of, stops):
    assert removes_too_much(leaving, of, share=10, at_least=10) is stops


subjects = st.sampled_from("abcdef")
facts = {
    "email": st.sampled_from(["", "m"]),
    "enabled": st.booleans(),
    "groups": st.frozensets(st.sampled_from(["/x", "/y"])),
}
people = st.dictionaries(subjects, st.fixed_dictionaries(facts))


@given(there=people, here=people)
def test_carried_out_the_portal_says_what_the_directory_says(there, here):
    directory = {key: Person(key, key, **said) for key, said in there.items()}
    portal = {key: known(key, **said) for key, said in here.items()}
    found = compare(directory.values(), portal.values())
    for person in found.new:
        portal[person.subject] = known(person.subject, email=person.email, groups=person.groups)
    for one, person in found.changed:
        portal[one.subject] = known(one.subject, email=person.email, groups=person.groups, enabled=one.enabled)
    for one in found.enabled:
        portal[one.subject] = known(one.subject, email=portal[one.subject].email, groups=portal[one.subject].groups)
    for one in found.leaving:
        last = portal[one.subject]
        portal[one.subject] = known(one.subject, email=last.email, groups=last.groups, enabled=False)
    again = compare(directory.values(), portal.values())
    assert (again.new, again.changed, again.enabled, again.leaving) == ([], [], [], [])
