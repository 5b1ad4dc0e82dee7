"""Replay a decision: what was asked of whom and why, written anew from the record and compared byte for byte."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from uuid import UUID

from portal.approvals.facts import canonical, card_hash
from portal.approvals.kinds import answer_to
from portal.approvals.models import Approval, FrozenCard
from portal.approvals.queries import rules_of
from portal.approvals.routes import Allowed, Route, stage_data


@dataclass(frozen=True, slots=True)
class Replay:
    """One revision: the text that was kept, the text the record gives now, and what else does not fit."""

    revision: int
    kept: str
    rebuilt: str
    faults: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        return self.kept == self.rebuilt and not self.faults


def record_of(card: FrozenCard, answer: Route | Allowed) -> str:
    """The whole card as one text: what was asked, what was known, the policies that matched, and the stages they ask for."""
    approval = card.approval
    stages = answer.stages if isinstance(answer, Route) else ()
    return canonical(
        {
            "approval": approval.pk,
            "kind": approval.subject_kind,
            "subject": approval.subject_id,
            "revision": card.revision,
            "facts": card.facts,
            "context": card.context,
            "at": card.policies_at,
            "policies": [asdict(policy) for policy in answer.policies],
            "stages": [stage_data(stage) for stage in stages],
            "rule": answer.rule if isinstance(answer, Allowed) else "",
        }
    )


def replay(approval: Approval) -> list[Replay]:
    """Every revision of an approval, first to last; nothing is written."""
    cards = approval.cards.order_by("revision")
    seen = {card.card_hash for card in cards}
    strays = [vote for vote in approval.votes.all() if vote.card_hash not in seen]
    missing = sorted(set(range(1, approval.revision + 1)) - {card.revision for card in cards})
    said = [f"a vote of {vote.created_at:%Y-%m-%d %H:%M} is on a card that is not here" for vote in strays]
    said += [f"revision {number} has no card" for number in missing]
    return [_replay(card, said) for card in cards]


def _replay(card: FrozenCard, said: Iterable[str]) -> Replay:
    scopes = [UUID(text) for text in card.context.get("scopes", [])]
    rules = rules_of(card.approval.subject_kind, scopes, card.policies_at)
    answer = answer_to(card.approval.subject_kind, {**card.facts, **card.context}, rules)
    faults = list(said)
    if card_hash(card.facts) != card.card_hash:
        faults.append("the facts are not those that were voted on")
    if not card.record:
        faults.append("this card is older than the record; only its facts can be looked at")
    return Replay(card.revision, card.record, record_of(card, answer), tuple(faults))
