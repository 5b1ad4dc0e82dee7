"""Rules from groups and claims to roles: made, held against people, and their assignments brought in step."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from portal.access.guard import require
from portal.access.models import Assignment, Role, Scope, Source
from portal.core.errors import Invalid, NotFound
from portal.events.models import Event
from portal.events.services import event_of, record, record_all
from portal.identity.brokered import GROUPS, PROVIDER, groups_said
from portal.identity.claims import Grant, Rule, Rulebook, Said
from portal.identity.models import Compare, IdentityProvider, MappingRule
from portal.tenancy.services import check_open, check_role
from portal.users.actor import Actor
from portal.users.models import Identity, User


@dataclass(frozen=True, slots=True)
class Effect:
    """What the rules mean for one role at one scope: that she "gains", "keeps" or "loses" it."""

    outcome: str
    role: Role
    scope: Scope
    rules: tuple[Rule, ...] = ()


@transaction.atomic
def add_rule(
    scope: Scope,
    role: Role,
    *,
    value: str,
    actor: Actor,
    claim: str = "groups",
    compare: str = Compare.IS,
    provider: str = "",
) -> MappingRule:
    """Make a rule and give what it gives at once. Nobody makes one that gives more than she governs."""
    require(actor, "manage_members", scope)
    check_open(scope)
    check_role(role, scope, actor)
    value, claim = value.strip(), claim.strip()
    fields = {"value": [_("What the claim must say.")]} if not value or len(value) > 300 or "\x00" in value else {}
    if not claim or len(claim) > 100 or "\x00" in claim:
        fields["claim"] = [_("The name of a claim, such as groups.")]
    if fields or compare not in Compare.values:
        raise Invalid(_("Check the fields that are marked."), fields=fields)
    rule = MappingRule(
        provider=provider, claim=claim, compare=compare, value=value, role=role, scope=scope, author=actor.user
    )
    try:
        with transaction.atomic():
            rule.save(force_insert=True)
    except IntegrityError as error:
        raise Invalid(fields={"value": [_("There is this rule already.")]}) from error
    record("identity.add_rule", rule, actor=actor, **_facts(rule))
    apply(Identity.objects.filter(provider=provider), actor=actor, cause=rule)
    return rule


@transaction.atomic
def remove_rule(rule: MappingRule, *, actor: Actor) -> None:
    """Remove a rule and take back what no other rule gives."""
    require(actor, "manage_members", rule)
    check_role(rule.role, rule.scope, actor)
    held = Assignment.objects.filter(source=Source.RULE, role=rule.role, scope=rule.scope).values("user")
    people = list(User.objects.filter(pk__in=held))
    record("identity.remove_rule", rule, actor=actor, **_facts(rule))
    cause = f"{rule.kind()}:{rule.pk}"
    rule.delete()
    apply(Identity.objects.filter(user__in=people), actor=actor, cause=cause)


def rules_visible_to(actor: Actor) -> Any:
    """The rules for scopes whose people she manages, each with `people`: how many hold its role there by a rule.

    `provider_name` is what people call its provider; None for the identity service itself.
    """
    alike = Assignment.objects.filter(source=Source.RULE, role=OuterRef("role"), scope=OuterRef("scope"))
    people = Subquery(alike.order_by().values("scope").annotate(n=Count("pk")).values("n"))
    found = MappingRule.objects.visible_to(actor).select_related("role", "scope", "author")
    return found.annotate(people=Coalesce(people, 0), provider_name=IdentityProvider.name_of(OuterRef("provider")))


def rule_for(actor: Actor, pk: UUID | str) -> MappingRule:
    """One of them, or NotFound."""
    rule: MappingRule | None = rules_visible_to(actor).filter(pk=pk).first()
    if rule is None:
        raise NotFound
    return rule


def preview(said: Iterable[Said], *, actor: Actor, user: User | None = None) -> list[Effect]:
    """What she would gain, lose and keep by the rules the actor sees, in this order; nothing is written.

    Without a user nothing is held yet.
    """
    wanted = _wanted(Rulebook(rule.as_rule() for rule in rules_visible_to(actor)), said)
    visible = Assignment.objects.visible_to(actor, "manage_members").filter(user=user, source=Source.RULE) if user else []
    have = {_grant(row) for row in visible}
    roles = Role.objects.in_bulk({grant.role for grant in have | set(wanted)})
    scopes = Scope.objects.in_bulk({grant.scope for grant in have | set(wanted)})

    def effect(outcome: str, grant: Grant) -> Effect:
        return Effect(outcome, roles[grant.role], scopes[grant.scope], tuple(wanted.get(grant, ())))

    outcomes = {"gains": set(wanted) - have, "loses": have - set(wanted), "keeps": have & set(wanted)}
    found = [[effect(outcome, grant) for grant in grants] for outcome, grants in outcomes.items()]
    return [each for part in found for each in sorted(part, key=lambda one: (str(one.scope.path), one.role.key))]


def said_of(user: User) -> list[Said]:
    """What each of her providers said at her last sign-in or sync; nothing counts of someone who may not sign in."""
    return _said(user.identities.all()) if user.is_active else []


@transaction.atomic
def apply(identities: Iterable[Identity] | Any, *, actor: Actor, cause: Any = "") -> tuple[int, int]:
    """Bring what rules give to the people behind the identities in step with their claims; (gained, lost).

    Assignments made by hand, by a sync or by an approval stay. However many people, the number of statements is the same
    for each thousand of them.
    """
    return apply_to({identity.user_id for identity in identities}, actor=actor, cause=cause)


@transaction.atomic
def apply_to(people: Iterable[UUID], *, actor: Actor, cause: Any = "") -> tuple[int, int]:
    """The same for people by their ids, also for one who has no identity any more."""
    ordered = sorted(people)
    gained: list[Grant] = []
    lost = 0
    for start in range(0, len(ordered), 1000):
        new, gone = _apply_to(ordered[start : start + 1000], actor, cause)
        gained += new
        lost += gone
    return len(gained), lost


def _apply_to(people: Sequence[UUID], actor: Actor, cause: Any) -> tuple[list[Grant], int]:
    users = {user.pk: user for user in User.objects.select_for_update().filter(pk__in=people).order_by("pk")}
    book = Rulebook(rule.as_rule() for rule in MappingRule.objects.select_related("author"))
    identities = Identity.objects.filter(user__in=[user for user in users.values() if user.is_active])
    wanted = _wanted(book, _said(identities))
    rows = Assignment.objects.filter(user__in=users, source=Source.RULE).select_related("role", "scope")
    have = {_grant(row): row for row in rows}
    gone = [row for grant, row in have.items() if grant not in wanted]
    new = [grant for grant in wanted if grant not in have]
    made = _made(new, users)
    Assignment.objects.bulk_create(made, batch_size=1000)
    Assignment.objects.filter(pk__in=[row.pk for row in gone]).delete()
    events = [_event("tenancy.assign_role", row, actor, cause) for row in made]
    record_all([*events, *(_event("tenancy.end_assignment", row, actor, cause) for row in gone)])
    return new, len(gone)


def _made(grants: Sequence[Grant], users: dict[Any, User]) -> list[Assignment]:
    roles = Role.objects.in_bulk({grant.role for grant in grants})
    scopes = Scope.objects.in_bulk({grant.scope for grant in grants})
    return [
        Assignment(user=users[each.person], role=roles[each.role], scope=scopes[each.scope], source=Source.RULE)
        for each in grants
    ]


def _event(action: str, row: Assignment, actor: Actor, cause: Any) -> Event:
    return event_of(action, row, actor=actor, cause=cause, role=row.role.key, to=row.user_id, source=Source.RULE)


def _wanted(book: Rulebook, said: Iterable[Said]) -> dict[Grant, list[Rule]]:
    wanted: dict[Grant, list[Rule]] = {}
    for each in said:
        for grant, rules in book.grants(each).items():
            wanted.setdefault(grant, []).extend(rules)
    return wanted


def _said(identities: Iterable[Identity]) -> list[Said]:
    """What the identity service says itself, and beside it what the provider said through which she came, in its own name."""
    found = []
    for each in identities:
        found.append(
            Said(each.user_id, "", {name: said for name, said in each.claims.items() if name not in (GROUPS, PROVIDER)})
        )
        alias, groups = groups_said(each.claims)
        if alias:
            found.append(Said(each.user_id, alias, {"groups": sorted(groups)}))
    return found


def _grant(row: Assignment) -> Grant:
    return Grant(row.user_id, row.role_id, row.scope_id)


def _facts(rule: MappingRule) -> dict[str, Any]:
    return {"provider": rule.provider, "claim": rule.claim, "value": rule.value, "role": rule.role.key}
