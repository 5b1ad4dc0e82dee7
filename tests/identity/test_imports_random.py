"""Imports of random rows: what is shown to work works, and is there afterwards."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.identity import imports
from tests.identity.test_imports import PROJECTS, ROLES, carry_out, look, told

NAMES = st.sampled_from(["Retail", "web", "fleet", "Logistics", "Shop", "a", "Nordwind", "WEB", "?", ""])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(" / ".join)
PROJECT_ROWS = st.tuples(
    PATHS, st.sampled_from(["", "7"]), st.just(""), st.sampled_from(["", "internal"]), st.sampled_from(["", "bob"])
)
WHO = st.sampled_from(["alice", "bob", "erin", "mallory", "carol@example.org"])
ROLE_ROWS = st.tuples(WHO, st.sampled_from(["viewer", "member", "nonsense"]), PATHS, st.sampled_from(["", "2999-01-01", "x"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(rows=st.one_of(st.lists(PROJECT_ROWS, min_size=1, max_size=6), st.lists(ROLE_ROWS, min_size=1, max_size=6)))
def test_whatever_is_shown_to_work_works_and_is_there_afterwards(world, rows):
    head = PROJECTS if len(rows[0]) == 5 else ROLES
    found = look(world, head + "\n".join(",".join(row) for row in rows))
    good = [row for row, step in zip(rows, imports.steps_of(found), strict=True) if step.outcome != "wrong"]
    if not good:
        return
    text = head + "\n".join(",".join(row) for row in good)
    found = look(world, text)
    assert not found.counts["wrong"]
    if found.changes:
        assert carry_out(world, found).state == "done"
    assert [outcome for outcome, _said in told(look(world, text))] == ["same"] * len(good)
