"""From stages and votes to an outcome. Pure: the same people and votes always give the same answer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bench:
    """One stage as it stands now: how it decides, and the people who have a seat in it at this moment.

    Mode `each` wants one from every one of `groups`, and nobody for two of them. `by_time`: its time ran out, and that
    is consent.
    """

    id: str
    position: int
    mode: str
    needed: int
    eligible: frozenset[str]
    again: bool = False
    groups: tuple[frozenset[str], ...] = ()
    by_time: bool = False


@dataclass(frozen=True, slots=True)
class Ballot:
    """One live vote of one person in one stage, on her own seat or on that of who delegated it to her."""

    stage: str
    person: str
    approves: bool
    for_seat: str = ""

    @property
    def seat(self) -> str:
        return self.for_seat or self.person


@dataclass(frozen=True, slots=True)
class Outcome:
    """`state` is waiting, approved or denied; `done` are the stages agreed to, `open` those that wait for votes now."""

    state: str
    done: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()


def count(benches: Sequence[Bench], ballots: Sequence[Ballot]) -> Outcome:
    """Where the approval stands.

    Only seats that exist now count, and each seat and each person once, unless a stage says `again`. Any one denial in
    a stage that has begun ends it. A stage begins when all stages of lower positions are done; the last one approves.
    """
    done: set[str] = set()
    spent: set[str] = set()
    for position in sorted({bench.position for bench in benches}):
        here, denied = [bench for bench in benches if bench.position == position], False
        for bench in here:
            votes = counting(bench, ballots, spent)
            if any(not ballot.approves for ballot in votes):
                denied = True
            elif is_carried(bench, votes, spent):
                done.add(bench.id)
            spent |= {name for ballot in votes for name in (ballot.seat, ballot.person)}
        if denied:
            return Outcome("denied", frozenset(done))
        waiting = frozenset(bench.id for bench in here if bench.id not in done)
        if waiting:
            return Outcome("waiting", frozenset(done), waiting)
    return Outcome("approved" if benches else "waiting", frozenset(done))


def counting(bench: Bench, ballots: Sequence[Ballot], spent: Collection[str]) -> list[Ballot]:
    """The ballots that count in a stage, given who has counted before: no seat and no person twice."""
    taken = set() if bench.again else set(spent)
    votes = []
    for ballot in sorted(ballots, key=lambda each: (each.approves, each.seat, each.person)):
        if ballot.stage == bench.id and ballot.seat in bench.eligible and not {ballot.seat, ballot.person} & taken:
            taken |= {ballot.seat, ballot.person}
            votes.append(ballot)
    return votes


def voters_of(bench: Bench, spent: Collection[str]) -> frozenset[str]:
    """Whose seats may count in this stage, given who has counted before."""
    return bench.eligible if bench.again else bench.eligible - frozenset(spent)


def is_carried(bench: Bench, votes: Sequence[Ballot], spent: Collection[str] = ()) -> bool:
    """Do these votes, all of them approving, agree to the stage?"""
    seats = {ballot.seat for ballot in votes}
    if bench.by_time:
        return True
    if bench.mode == "quorum":
        return len(seats) >= bench.needed
    if bench.mode == "all":
        return bool(seats) and voters_of(bench, spent) <= seats | {ballot.person for ballot in votes}
    if bench.mode == "each":
        return covers(bench.groups, seats)
    return bool(seats)


def is_fillable(bench: Bench) -> bool:
    """Are there enough people for this stage ever to be carried?"""
    if bench.mode == "each":
        return covers(bench.groups, bench.eligible)
    return len(bench.eligible) >= (bench.needed if bench.mode == "quorum" else 1)


def covers(groups: Sequence[frozenset[str]], people: Collection[str]) -> bool:
    """Can every group be given a person of its own? Augmenting paths, as Kuhn has them."""
    holder: dict[str, int] = {}

    def place(index: int, seen: set[str]) -> bool:
        for person in sorted(groups[index] & frozenset(people)):
            if person not in seen:
                seen.add(person)
                if person not in holder or place(holder[person], seen):
                    holder[person] = index
                    return True
        return False

    return bool(groups) and all(place(index, set()) for index in range(len(groups)))
