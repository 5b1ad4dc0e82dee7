"""The pure core that counts votes, against an oracle that is written another way and tries every small world."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from portal.approvals.tally import Ballot, Bench, Outcome, count, is_fillable

BOB, DAN, EVE = "bob", "dan", "eve"


def bench(id: str = "s", *people: str, mode: str = "any", needed: int = 1, position: int = 0, again: bool = False) -> Bench:
    return Bench(id, position, mode, needed, frozenset(people), again)


def test_one_vote_is_enough_where_any_one_decides() -> None:
    assert count([bench("s", BOB, DAN)], [Ballot("s", BOB, True)]).state == "approved"


def test_a_denial_ends_it() -> None:
    quorum = bench("s", BOB, DAN, EVE, mode="quorum", needed=2)
    assert count([quorum], [Ballot("s", BOB, True), Ballot("s", DAN, False)]).state == "denied"


def test_all_means_all_who_may_decide_now() -> None:
    votes = [Ballot("s", BOB, True)]
    assert count([bench("s", BOB, DAN, mode="all")], votes).state == "waiting"
    assert count([bench("s", BOB, mode="all")], votes).state == "approved"
    assert count([bench("s", mode="all")], []).state == "waiting"


def test_a_vote_of_someone_no_longer_eligible_counts_for_nothing() -> None:
    assert count([bench("s", DAN)], [Ballot("s", BOB, True)]).state == "waiting"
    assert count([bench("s", DAN)], [Ballot("s", BOB, False)]).state == "waiting"


def test_a_stage_begins_when_the_one_before_is_done() -> None:
    two = [bench("first", BOB), bench("second", DAN, position=1)]
    early = [Ballot("second", DAN, False)]
    assert count(two, early) == Outcome("waiting", frozenset(), frozenset({"first"}))
    assert count(two, [Ballot("first", BOB, True)]) == Outcome("waiting", frozenset({"first"}), frozenset({"second"}))


def test_one_person_counts_once_unless_the_stage_says_otherwise() -> None:
    votes = [Ballot("first", BOB, True), Ballot("second", BOB, True)]
    assert count([bench("first", BOB), bench("second", BOB, position=1)], votes).state == "waiting"
    assert count([bench("first", BOB), bench("second", BOB, position=1, again=True)], votes).state == "approved"


def test_nothing_to_decide_is_never_approved() -> None:
    assert count([], []).state == "waiting"


def test_a_stage_says_whether_enough_people_exist() -> None:
    assert not is_fillable(bench("s"))
    assert is_fillable(bench("s", BOB))
    assert not is_fillable(bench("s", BOB, mode="quorum", needed=2))


def test_every_world_of_three_people_and_one_stage_agrees_with_the_oracle() -> None:
    people = (BOB, DAN, EVE)
    for mode, needed, able, votes in product(
        ("any", "all", "quorum"), (1, 2, 3), product((True, False), repeat=3), product((True, False, None), repeat=3)
    ):
        eligible = {person for person, yes in zip(people, able, strict=True) if yes}
        cast = {person: vote for person, vote in zip(people, votes, strict=True) if vote is not None}
        one = bench("s", *eligible, mode=mode, needed=needed)
        found = count([one], [Ballot("s", person, vote) for person, vote in cast.items()]).state
        assert found == oracle(eligible, cast, mode, needed)


def oracle(eligible: set[str], cast: dict[str, bool], mode: str, needed: int) -> str:
    yes = {person for person in eligible if cast.get(person) is True}
    if any(cast.get(person) is False for person in eligible):
        return "denied"
    enough = {"any": len(yes) > 0, "all": bool(eligible) and yes == eligible, "quorum": len(yes) >= needed}
    return "approved" if enough[mode] else "waiting"


people = st.sampled_from([BOB, DAN, EVE])
benches = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["any", "all", "quorum"]), st.integers(1, 2), st.frozensets(people)),
    min_size=1,
    max_size=3,
).map(lambda rows: [Bench(str(i), position, mode, needed, who) for i, (position, mode, needed, who) in enumerate(rows)])


@given(benches, st.data())
def test_votes_played_one_by_one_keep_the_invariants(stages: list[Bench], data: st.DataObject) -> None:
    """Play votes as the service does (eligible, in an open stage, once a person) and watch what can never happen."""
    ballots: list[Ballot] = []
    outcome = count(stages, ballots)
    for _ in range(6):
        by_id = {stage.id: stage for stage in stages}
        voted = {ballot.person for ballot in ballots}
        able = [(id, person) for id in sorted(outcome.open) for person in sorted(by_id[id].eligible - voted)]
        if outcome.state != "waiting" or not able:
            break
        stage, person = data.draw(st.sampled_from(able))
        ballots.append(Ballot(stage, person, data.draw(st.booleans())))
        before, outcome = outcome, count(stages, ballots)
        assert before.done <= outcome.done
        assert (outcome.state == "denied") == (not ballots[-1].approves)
    assert len({ballot.person for ballot in ballots}) == len(ballots)
    if outcome.state == "approved":
        assert outcome.done == {stage.id for stage in stages}
        assert len(ballots) >= len(stages)
    assert count(stages, list(reversed(ballots))).state == outcome.state


@given(benches, st.lists(st.builds(Ballot, st.sampled_from("012"), people, st.booleans()), max_size=6))
def test_strangers_never_change_the_outcome(stages: list[Bench], ballots: list[Ballot]) -> None:
    strangers = [Ballot(ballot.stage, "mallory", ballot.approves) for ballot in ballots]
    assert count(stages, ballots + strangers) == count(stages, ballots)
