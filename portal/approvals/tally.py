"""From stages and votes to an outcome. Pure: the same people and votes always give the same answer."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bench:
    """One stage as it stands now: how it decides, and the people who may decide it at this moment."""

    id: str
    position: int
    mode: str
    needed: int
    eligible: frozenset[str]
    again: bool = False


@dataclass(frozen=True, slots=True)
class Ballot:
    """One live vote of one person in one stage."""

    stage: str
    person: str
    approves: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """`state` is waiting, approved or denied; `done` are the stages agreed to, `open` those that wait for votes now."""

    state: str
    done: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()


def count(benches: Sequence[Bench], ballots: Sequence[Ballot]) -> Outcome:
    """Where the approval stands.

    Only people who are eligible now count, and each person once, unless a stage says `again`. Any one denial in a
    stage that has begun ends it. A stage begins when all stages of lower positions are done; the last one approves.
    """
    done: set[str] = set()
    spent: set[str] = set()
    for position in sorted({bench.position for bench in benches}):
        here, denied = [bench for bench in benches if bench.position == position], False
        for bench in here:
            voters = voters_of(bench, spent)
            votes = {ballot.person: ballot for ballot in ballots if ballot.stage == bench.id and ballot.person in voters}
            spent |= set(votes)
            if any(not ballot.approves for ballot in votes.values()):
                denied = True
            elif _is_carried(bench, voters, len(votes)):
                done.add(bench.id)
        if denied:
            return Outcome("denied", frozenset(done))
        waiting = frozenset(bench.id for bench in here if bench.id not in done)
        if waiting:
            return Outcome("waiting", frozenset(done), waiting)
    return Outcome("approved" if benches else "waiting", frozenset(done))


def voters_of(bench: Bench, spent: set[str]) -> frozenset[str]:
    """Who may count in this stage, given who has counted before."""
    return bench.eligible if bench.again else bench.eligible - spent


def is_fillable(bench: Bench) -> bool:
    """Are there enough people for this stage ever to be carried?"""
    return len(bench.eligible) >= (bench.needed if bench.mode == "quorum" else 1)


def _is_carried(bench: Bench, voters: frozenset[str], votes: int) -> bool:
    if bench.mode == "quorum":
        return votes >= bench.needed
    if bench.mode == "all":
        return 0 < len(voters) == votes
    return votes >= 1
