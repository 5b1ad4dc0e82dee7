"""The pure core played as people play it, against an oracle written another way: every small world, and many long games."""

from collections.abc import Iterator
from itertools import chain, combinations, permutations, product

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from portal.approvals.tally import Ballot, Bench, Outcome, count, covers, is_fillable
from tests.sizes import IS_FULL

PEOPLE = ("ann", "ben", "cem", "dot")
LAYOUTS = {1: ((0,),), 2: ((0, 1), (0, 0)), 3: ((0, 1, 2), (0, 0, 1), (0, 1, 1), (0, 0, 0))}


def subsets(people: tuple[str, ...], least: int = 1) -> Iterator[frozenset[str]]:
    return map(frozenset, chain.from_iterable(combinations(people, size) for size in range(least, len(people) + 1)))


def ways(people: tuple[str, ...]) -> list[Bench]:
    """Every stage these people can be asked in, up to how it decides."""
    plain = [
        Bench("", 0, mode, needed, able)
        for able in subsets(people)
        for mode, needed in (("any", 1), ("all", 1), ("quorum", 2))
        if needed <= len(able)
    ]
    halves = {frozenset((one, other)) for one in subsets(people) for other in subsets(people) if one | other == set(people)}
    return plain + [Bench("", 0, "each", 1, frozenset(people), groups=tuple(sorted(pair, key=sorted))) for pair in halves]


def agreed(bench: Bench, yes: set[str]) -> bool:
    """The oracle for one stage: do these people's consents carry it?"""
    if bench.mode == "each":
        return any(all(who in group for who, group in zip(some, bench.groups, strict=True)) for some in tuples(bench, yes))
    return {"any": len(yes) > 0, "all": yes >= bench.eligible, "quorum": len(yes) >= bench.needed}[bench.mode]


def tuples(bench: Bench, yes: set[str]) -> Iterator[tuple[str, ...]]:
    return permutations(sorted(yes), len(bench.groups))


def verdict(benches: list[Bench], said: dict[str, tuple[str, bool] | None]) -> str:
    """The oracle for a world in which each person speaks once: by position, a no ends it, and what is not agreed to waits."""
    heard: set[str] = set()
    for position in sorted({bench.position for bench in benches}):
        here = [bench for bench in benches if bench.position == position]
        voices = {bench.id: {who: word for who, word in said.items() if word and word[0] == bench.id} for bench in here}
        entitled = {
            bench.id: {who: word[1] for who, word in voices[bench.id].items() if word and who in bench.eligible}
            for bench in here
        }
        if any(False in words.values() for words in entitled.values()):
            return "denied"
        for bench in here:
            left = Bench(bench.id, position, bench.mode, bench.needed, bench.eligible - heard, groups=bench.groups)
            if not entitled[bench.id] or not agreed(left, set(entitled[bench.id])):
                return "waiting"
            heard |= set(entitled[bench.id])
    return "approved"


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_every_small_world_agrees_with_the_oracle(figures):
    """Three people and two stages with every vote there can be; in full, four people and three stages of every layout."""
    worlds = votes = 0
    sizes = [(3, 1), (3, 2)] + [(4, 2)] * IS_FULL
    for people, stages in sizes:
        for benches in layouts(PEOPLE[:people], stages):
            worlds += 1
            words = [None, *product([bench.id for bench in benches], (True, False))]
            for said in product(words, repeat=people):
                votes += 1
                speech = dict(zip(PEOPLE, said, strict=False))
                ballots = [Ballot(word[0], who, word[1]) for who, word in speech.items() if word]
                assert count(benches, ballots).state == verdict(benches, speech), (benches, speech)
    if IS_FULL:
        for benches in layouts(PEOPLE, 3, every=37):
            worlds += 1
            for said in product([None, *[bench.id for bench in benches]], repeat=4):
                votes += 1
                speech = {who: (stage, True) if stage else None for who, stage in zip(PEOPLE, said, strict=True)}
                ballots = [Ballot(word[0], who, True) for who, word in speech.items() if word]
                assert count(benches, ballots).state == verdict(benches, speech), (benches, speech)
    figures(worlds=worlds, votes=votes)


def layouts(people: tuple[str, ...], stages: int, every: int = 1) -> Iterator[list[Bench]]:
    """Every choice of that many stages, in a row and side by side; or each so manyth of them."""
    for number, (picked, positions) in enumerate(product(product(ways(people), repeat=stages), LAYOUTS[stages])):
        if number % every == 0:
            yield [
                Bench(str(index), position, bench.mode, bench.needed, bench.eligible, groups=bench.groups)
                for index, (bench, position) in enumerate(zip(picked, positions, strict=True))
            ]


def test_every_choice_of_groups_can_be_covered_exactly_when_someone_finds_a_way():
    for people in subsets(PEOPLE, 0):
        for groups in product(list(subsets(PEOPLE)), repeat=2):
            found = any(one in groups[0] and other in groups[1] for one, other in permutations(sorted(people), 2))
            assert covers(groups, people) == found


people = st.sampled_from(PEOPLE)
crowds = st.frozensets(people, min_size=1)


class Game(RuleBasedStateMachine):
    """An approval as the service plays it: people vote on their own seats or on lent ones, come and go, facts change, time runs
    out. What is promised of every approval is looked at after each move.
    """

    @initialize(
        rows=st.lists(
            st.tuples(st.integers(0, 2), st.sampled_from(("any", "all", "quorum", "each")), crowds, crowds, st.booleans()),
            min_size=1,
            max_size=3,
        ),
        apart=people,
    )
    def begin(self, rows, apart):
        self.apart = apart
        self.benches = {
            str(index): Bench(
                str(index), position, mode, 2 if mode == "quorum" else 1, one | other, again, (one, other) * (mode == "each")
            )
            for index, (position, mode, one, other, again) in enumerate(rows)
        }
        self.live: list[Ballot] = []
        self.end = ""
        self.by_time: set[str] = set()

    def now(self) -> Outcome:
        """As the service counts: nobody who asked has a seat."""
        return count([self.seated(bench) for bench in self.benches.values()], self.live)

    def seated(self, bench: Bench) -> Bench:
        groups = tuple(group - {self.apart} for group in bench.groups)
        able = bench.eligible - {self.apart}
        return Bench(bench.id, bench.position, bench.mode, bench.needed, able, bench.again, groups, bench.id in self.by_time)

    def open_for(self, person: str, seat: str) -> list[str]:
        """The stages whose door the service would open for her."""
        if self.apart in (person, seat):
            return []
        spoken = {name for ballot in self.live for name in (ballot.person, ballot.seat)}
        return [
            id
            for id in sorted(self.now().open)
            if seat in self.benches[id].eligible
            and (self.benches[id].again or not {person, seat} & spoken)
            and not any({person, seat} & {ballot.person, ballot.seat} for ballot in self.live if ballot.stage == id)
        ]

    @precondition(lambda self: not self.end)
    @rule(person=people, lender=people, approves=st.integers(0, 4), data=st.data())
    def vote(self, person, lender, approves, data):
        doors = self.open_for(person, lender)
        if doors:
            self.live.append(Ballot(data.draw(st.sampled_from(doors)), person, approves > 0, lender))
            self.settle(approves > 0)

    @precondition(lambda self: not self.end)
    @rule(person=people, data=st.data())
    def lose_a_role(self, person, data):
        id = data.draw(st.sampled_from(sorted(self.benches)))
        bench = self.benches[id]
        self.benches[id] = Bench(
            id, bench.position, bench.mode, bench.needed, bench.eligible - {person}, bench.again, bench.groups
        )

    @precondition(lambda self: not self.end)
    @rule(data=st.data())
    def run_out_of_time(self, data):
        waiting = sorted(self.now().open)
        if waiting:
            self.by_time.add(data.draw(st.sampled_from(waiting)))
            self.settle(True)

    @precondition(lambda self: not self.end)
    @rule()
    def change_the_facts(self):
        self.live, self.by_time = [], set()

    @rule()
    def count_again(self):
        assert self.now() == self.now()
        assert not self.end or self.now().state == self.end

    def settle(self, approves: bool) -> None:
        outcome = self.now()
        assert (outcome.state == "denied") == (not approves), "a no ends it at once, and nothing else does"
        if outcome.state != "waiting":
            self.end = outcome.state

    @invariant()
    def nobody_counts_twice_and_who_asked_never(self):
        if not hasattr(self, "live"):
            return
        names = [name for ballot in self.live for name in {ballot.person, ballot.seat}]
        assert self.apart not in names
        once = [name for ballot in self.live if not self.benches[ballot.stage].again for name in {ballot.person, ballot.seat}]
        assert len(once) == len(set(once))

    @invariant()
    def what_is_approved_was_agreed_to_in_every_stage(self):
        if getattr(self, "end", "") != "approved":
            return
        for id, bench in self.benches.items():
            yes = {ballot.seat for ballot in self.live if ballot.stage == id and ballot.approves}
            hands = {ballot.person for ballot in self.live if ballot.stage == id and ballot.approves}
            assert id in self.by_time or yes & bench.eligible, "a stage nobody agreed to"
            assert id in self.by_time or bench.mode != "quorum" or len(hands) >= bench.needed
            assert id in self.by_time or bench.mode != "each" or len(hands) >= len(bench.groups)

    @invariant()
    def strangers_and_order_change_nothing(self):
        if not hasattr(self, "live"):
            return
        stranger = [Ballot(ballot.stage, "mallory", ballot.approves) for ballot in self.live]
        here = [self.seated(bench) for bench in self.benches.values()]
        assert count(here, [*reversed(self.live), *stranger]).state == count(here, self.live).state

    @invariant()
    def what_can_be_carried_alone_says_so(self):
        for bench in getattr(self, "benches", {}).values():
            here = self.seated(bench)
            assert (
                is_fillable(here) == (here.by_time or agreed(here, set(here.eligible))) or not here.eligible or here.by_time
            )


Game.TestCase.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
TestGame = Game.TestCase
