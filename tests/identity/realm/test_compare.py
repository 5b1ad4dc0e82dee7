"""What Keycloak makes of what it was sent must not look like a difference, and a difference must not get lost."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.identity.realm.compare import MASK, differs, is_empty, merge

KEYS = st.sampled_from(["name", "enabled", "secret", "attributes", "config", "redirectUris", "a", "b"])
SCALARS = st.one_of(st.booleans(), st.integers(-5, 5), st.sampled_from(["", "x", "y", "true", "ü"]))
NAMED = st.lists(st.sampled_from("pqrs"), unique=True).flatmap(
    lambda names: st.tuples(*[st.fixed_dictionaries({"name": st.just(name)}, optional={"v": SCALARS}) for name in names]).map(
        list
    )
)
VALUES = st.recursive(
    st.one_of(SCALARS, st.lists(SCALARS, max_size=4), NAMED),
    lambda inner: st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=6)


def as_given_back(value: Any, draw: Any) -> Any:
    """What a read answers after this was written: reordered, without what is empty, with ids, secrets masked."""
    if isinstance(value, dict):
        kept = {key: as_given_back(entry, draw) for key, entry in value.items() if not is_empty(entry)}
        masked = {key: MASK if key == "secret" and isinstance(entry, str) else entry for key, entry in kept.items()}
        return masked | {"id": "3f0c"}
    return draw(st.permutations([as_given_back(entry, draw) for entry in value])) if isinstance(value, list) else value


@given(OBJECTS, st.data())
def test_what_was_written_is_no_difference_when_it_comes_back(want, data):
    assert differs(want, as_given_back(want, data.draw)) == []


@given(OBJECTS, OBJECTS)
def test_nothing_differs_after_the_wanted_was_laid_over(have, want):
    assert differs(want, merge(have, want)) == []


@given(OBJECTS, OBJECTS)
def test_laying_over_loses_nothing_that_was_not_named_and_changes_neither(have, want):
    before = deepcopy((have, want))
    merged = merge(have, want)
    assert (have, want) == before
    assert {key: merged[key] for key in have.keys() - want.keys()} == {key: have[key] for key in have.keys() - want.keys()}
    assert merge(merged, want) == merged


@given(OBJECTS, KEYS, st.sampled_from(["x", "y", 3, True]), st.sampled_from(["z", 7, ["z"]]))
def test_a_changed_value_is_one_line(have, key, old, new):
    lines = differs({key: new}, have | {key: old})
    assert len(lines) == 1
    assert lines[0].startswith(f"{key}: ")


@pytest.mark.parametrize(
    ("want", "have"),
    [
        ({"redirectUris": ["a", "b"]}, {"redirectUris": ["b", "a"]}),
        ({"enabled": False, "description": "", "webOrigins": []}, {}),
        ({}, {"anything": 1}),
        ({"config": {"clientSecret": "new"}}, {"config": {"clientSecret": MASK}}),
        ({"domains": [{"name": "a"}, {"name": "b"}]}, {"domains": [{"name": "b", "verified": True}, {"name": "a"}]}),
    ],
)
def test_a_habit_of_keycloak_is_no_difference(want, have):
    assert differs(want, have) == []


@pytest.mark.parametrize(
    ("want", "have", "line"),
    [
        ({"a": {"b": 1}}, {}, "a.b: nothing -> 1"),
        ({"a": 1}, {"a": True}, "a: true -> 1"),
        ({"a": 0}, {}, "a: nothing -> 0"),
        ({"a": []}, {"a": ["x"]}, 'a: ["x"] -> nothing'),
        ({"a": {"b": 1}}, {"a": "text"}, "a.b: nothing -> 1"),
        ({"p": [{"name": "a", "v": 1}]}, {"p": [{"name": "a", "v": 2}]}, "p[a].v: 2 -> 1"),
        ({"p": [{"name": "a"}]}, {"p": [{"name": "a"}, {"name": "b"}]}, 'p[b]: {"name": "b"} -> nothing'),
        ({"p": [{"name": "a"}]}, {}, 'p: nothing -> [{"name": "a"}]'),
        ({"secret": "s3cr3t"}, {"secret": "0ld"}, 'secret: "(secret)" -> "(secret)"'),
        ({"p": [{"clientSecret": "s3cr3t"}]}, {}, 'p: nothing -> [{"clientSecret": "(secret)"}]'),
    ],
)
def test_a_difference_is_said_in_words_and_shows_no_secret(want, have, line):
    assert differs(want, have) == [line]


def test_a_list_of_objects_keeps_what_an_entry_has_besides():
    have = {"executors": [{"executor": "pkce", "id": 1}, {"executor": "other"}]}
    assert merge(have, {"executors": [{"executor": "pkce", "on": True}]}) == {
        "executors": [{"executor": "pkce", "id": 1, "on": True}]
    }
