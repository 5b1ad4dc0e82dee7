"""Service accounts: what acts for a person. Made, given over, disabled and enabled, ended; and who may see which."""

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Least
from django.utils.text import slugify
from django.utils.translation import gettext as _

from portal.access.guard import holds, require, require_fresh
from portal.access.models import Assignment, Scope, ScopeShare, ScopeState, Token
from portal.access.resolver import in_force
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound
from portal.events.services import record
from portal.identity import tokens
from portal.identity.models import AccountState, ServiceAccount
from portal.notices.services import notify
from portal.users.actor import Actor, Auth
from portal.users.models import User, UserKind

PERMISSION = "manage_service_accounts"
UNUSED_AFTER = timedelta(days=90)
LONGEST_PURPOSE = 200


@transaction.atomic
def create_service_account(
    scope: Scope, name: str, *, actor: Actor, owner: User | None = None, purpose: str = ""
) -> ServiceAccount:
    """An account for a program, without a password, that lives at a scope. What it may do comes from roles given to it, and it
    counts as its owner wherever persons are told apart. The owner (the actor, unless named) has a role at the scope or above
    it, and answers for no other of that name: a form sent twice makes one account.
    """
    require(actor, PERMISSION, scope)
    if scope.state != ScopeState.ACTIVE:
        raise Conflict(_("This scope is closed."))
    owner = owner or actor.user
    name, purpose = " ".join(name.split()), " ".join(purpose.split())
    fields: dict[str, Any] = {}
    if not name or len(name) > 80 or "\x00" in name:
        fields["name"] = [_("A name of at most 80 characters is needed.")]
    if len(purpose) > LONGEST_PURPOSE or "\x00" in purpose:
        fields["purpose"] = [_("At most %(most)s characters.") % {"most": LONGEST_PURPOSE}]
    if fields:
        raise Invalid(_("Check the fields that are marked."), fields=fields)
    _check_owner(owner, scope)
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)  # two at once of one name wait for each other
    _check_name_free(owner, name)
    user = User(kind_of_user=UserKind.SERVICE, username=_username(name), name=name, owner=owner)
    user.set_unusable_password()
    user.save(force_insert=True)
    account: ServiceAccount = ServiceAccount.objects.create(
        id=user.pk, user=user, scope=scope, purpose=purpose, made_by=actor.user
    )
    record("identity.create_service_account", account, actor=actor, name=name, owner=owner.pk)
    return account


@transaction.atomic
def give_over(account: ServiceAccount, to: User, *, overlap: int, actor: Actor) -> ServiceAccount:
    """Another person answers for it from here on, in every duty check at once. By its owner, or who manages accounts where it
    lives; nobody takes one for herself. Given to who has it already, nothing changes.

    Its owner was shown its tokens, so those of before open for `overlap` hours more, one of `tokens.OVERLAPS`, and no longer.
    """
    require_fresh(actor)
    account = _locked(account, actor)
    former = account.owner
    if former.pk == to.pk:
        return account
    _check_not_ended(account)
    if overlap not in tokens.OVERLAPS:
        raise Invalid(fields={"overlap": [_("This value is not one of those offered.")]})
    if to.pk == actor.person_id:
        raise Forbidden(_("Nobody takes over a service account herself; ask another admin."))
    _check_owner(to, account.scope)
    until = clock.now() + timedelta(hours=overlap)
    carried = pass_to(account, to)
    kept = carried.update(expires=Least(F("expires"), until))
    facts: dict[str, Any] = {"from": former.pk, "to": to.pk, "until": until, "keys": kept}
    event = record("identity.give_over_service_account", account, actor=actor, **facts)
    date = f"{until:%Y-%m-%d %H:%M} UTC"
    notify([to], "account_given", target=account, actor=actor, event=event, date=date)
    return account


def pass_to(account: ServiceAccount, to: User) -> QuerySet[Token]:
    """Make somebody the owner of an account whose row the caller has locked; Invalid where she has one of its name.

    Gives the tokens that opened, which open on; none that was dead comes to life by it.
    """
    user, former = account.user, account.owner
    both = User.objects.select_for_update().filter(pk__in=[former.pk, to.pk]).order_by("pk")
    epochs = dict(both.values_list("pk", "access_epoch"))
    _check_name_free(to, user.name)
    living = list(tokens.living_tokens(user).values_list("pk", flat=True))
    # Later than every token of before, whatever the epoch of the new owner
    user.owner, user.access_epoch = to, user.access_epoch + epochs[former.pk] + 1
    user.save(update_fields=["owner", "access_epoch"])
    carried = Token.objects.filter(pk__in=living)
    carried.update(epoch=user.access_epoch + epochs[to.pk])
    account.told_gone_at = None
    account.save(update_fields=["told_gone_at"])
    return carried


def has_one_named(owner: User, name: str) -> bool:
    """Whether a person answers for an account of this name that has not ended."""
    return owner.service_accounts.filter(name=name).exclude(service_account__state=AccountState.ENDED).exists()


@transaction.atomic
def disable_account(account: ServiceAccount, *, actor: Actor) -> ServiceAccount:
    """Its tokens open nothing until it is enabled again. Disabled already, nothing changes."""
    account = _locked(account, actor)
    _check_not_ended(account)
    if account.state == AccountState.ACTIVE:
        _put(account, AccountState.DISABLED)
        record("identity.disable_service_account", account, actor=actor)
    return account


@transaction.atomic
def enable_account(account: ServiceAccount, *, actor: Actor) -> ServiceAccount:
    """Its tokens open again until their ends. Enabled already, nothing changes."""
    require_fresh(actor)
    account = _locked(account, actor)
    _check_not_ended(account)
    if account.state == AccountState.DISABLED:
        _put(account, AccountState.ACTIVE)
        record("identity.enable_service_account", account, actor=actor)
    return account


@transaction.atomic
def end_service_account(account: ServiceAccount, *, actor: Actor) -> ServiceAccount:
    """End it for good: every token of it is dead at its next request. Ended already, nothing changes."""
    account = _locked(account, actor)
    if account.state != AccountState.ENDED:
        account.user.access_epoch += 1
        _put(account, AccountState.ENDED)
        record("identity.end_service_account", account, actor=actor)
    return account


def accounts_visible_to(actor: Actor) -> Any:
    """Those she answers for, and those that live where she manages them, by name.

    Each with `last_used`, `keys` (how many tokens open), and `belongs`: whether its owner still has access where it lives.
    """
    hers = ServiceAccount.objects.visible_to(actor).values("pk")
    shown = ServiceAccount.objects.filter(Q(user__owner=actor.user) | Q(pk__in=hers)).exclude(state=AccountState.ENDED)
    return with_standing(shown).order_by("user__name", "pk")


def accounts_of(owner: User) -> Any:
    """Those that a person answers for, by name."""
    return with_standing(ServiceAccount.objects.filter(user__owner=owner).exclude(state=AccountState.ENDED)).order_by(
        "user__name", "pk"
    )


def account_for(actor: Actor, pk: UUID | str) -> ServiceAccount:
    """One of them, or NotFound."""
    account: ServiceAccount | None = accounts_visible_to(actor).filter(pk=pk).first()
    if account is None:
        raise NotFound
    return account


def with_standing(rows: Any) -> Any:
    """The same rows, each with `last_used`, `keys` and `belongs`."""
    its = Token.objects.filter(user=OuterRef("user")).order_by().values("user")
    last_used = Subquery(its.annotate(last=Max("used_at")).values("last"))
    opening = tokens.opening().filter(user=OuterRef("user")).order_by().values("user")
    keys = Coalesce(Subquery(opening.annotate(n=Count("pk")).values("n")), 0)
    return rows.select_related("user__owner", "scope").annotate(last_used=last_used, keys=keys, belongs=_belongs())


def is_unused(account: Any) -> bool:
    """Whether it was not used for ninety days, or never since it was made that long ago; of a row of `accounts_visible_to`."""
    return bool((account.last_used or account.created_at) < clock.now() - UNUSED_AFTER)


def may_manage(account: ServiceAccount, actor: Actor) -> bool:
    """Whether it lives where she manages service accounts."""
    return holds(actor, PERMISSION, account)


def roles_here(account: ServiceAccount) -> Any:
    """Its roles in force, or to come, with where and until when."""
    now = clock.now()
    rows = Assignment.objects.filter(Q(user=account.user) | Q(group__members=account.user))
    rows = rows.filter(Q(expires=None) | Q(expires__gt=now)).select_related("role", "scope", "group")
    return rows.order_by("scope__path", "role__name", "pk")


def tokens_here(account: ServiceAccount) -> QuerySet[Token]:
    """Its tokens that open, or opened within the last ninety days, newest first."""
    since = clock.now() - UNUSED_AFTER
    lately = Q(expires__gt=since) & (Q(revoked_at=None) | Q(revoked_at__gt=since))
    return (
        Token.objects.filter(lately, user=account.user).select_related("user__owner", "scope").order_by("-created_at", "-id")
    )


def token_for(actor: Actor, pk: UUID | str) -> Token:
    """A token that opens, of hers or of a service account that she answers for or manages; or NotFound."""
    managed = ServiceAccount.objects.visible_to(actor).values("user")
    hers = Q(user=actor.user) | Q(user__owner=actor.user) | Q(user__in=managed)
    token = tokens.opening().filter(hers, pk=pk).select_related("user__owner", "scope").first()
    if token is None:
        raise NotFound
    return token


def service_accounts_of(actor: Actor) -> QuerySet[User]:
    """The service accounts in use that she answers for, as those who act, by name."""
    return User.objects.filter(owner=actor.user, is_active=True).order_by("name", "pk")


def service_account_of(actor: Actor, pk: UUID | str) -> User:
    """One of them, or NotFound."""
    account = service_accounts_of(actor).filter(pk=pk).first()
    if account is None:
        raise NotFound
    return account


def _locked(account: ServiceAccount, actor: Actor) -> ServiceAccount:
    """Its row and its user's, locked, if this actor may change it now."""
    if actor.viewed_as_by:
        raise Forbidden(_("Looking as another person does not allow writing."))
    if account.user.owner_id != actor.user.pk:
        require(actor, PERMISSION, account)
    if actor.narrowed_to is not None:
        raise Forbidden(_("A narrowed token changes and ends no accounts."))
    known = ServiceAccount.objects.select_related("user__owner", "scope")
    locked: ServiceAccount = known.select_for_update(of=("self", "user")).get(pk=account.pk)
    if locked.user.owner_id not in (account.user.owner_id, actor.user.pk):
        require(actor, PERMISSION, locked)
    return locked


def _put(account: ServiceAccount, state: AccountState) -> None:
    user = account.user
    user.is_active = state == AccountState.ACTIVE
    user.disabled_at = None if user.is_active else (user.disabled_at or clock.now())
    user.save(update_fields=["is_active", "disabled_at", "access_epoch"])
    account.state = state
    account.save(update_fields=["state"])


def _check_not_ended(account: ServiceAccount) -> None:
    if account.state == AccountState.ENDED:
        raise Conflict(_("This service account has ended."))


def _check_owner(owner: User, scope: Scope) -> None:
    known = (
        owner.kind_of_user == UserKind.PERSON and owner.is_active and holds(Actor(owner, Auth("none")), "view_scope", scope)
    )
    if not known:
        raise Invalid(fields={"owner": [_("Choose a person who has a role here.")]})


def _check_name_free(owner: User, name: str) -> None:
    if has_one_named(owner, name):
        said = _("%(owner)s answers for an account of this name already. End that one, or choose another name.")
        raise Invalid(fields={"name": [said % {"owner": owner}]})


def _username(name: str) -> str:
    return f"{slugify(name)[:80] or 'service'}-{secrets.token_hex(4)}"


def _belongs() -> Q:
    """Whether the owner is active and holds `view_scope` where the account lives, as `holds` would say."""
    sees = Assignment.objects.filter(
        in_force(), scope__path__above=OuterRef("scope__path"), role__permissions__contains=["view_scope"]
    )
    shared = ScopeShare.objects.filter(
        permission__codename="view_scope", expires__gt=clock.now(), content_object__path__above=OuterRef("scope__path")
    )
    by_group = sees.filter(group__members=OuterRef("user__owner"))
    known: Any = Exists(sees.filter(user=OuterRef("user__owner"))) | Exists(by_group)
    known |= Exists(shared.filter(user=OuterRef("user__owner")))
    return Q(known, user__owner__is_active=True)
