"""Say what a scope is for and whom its data is for, and lay down what follows from that."""

import re
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.classes import check_classes
from portal.access.guard import require
from portal.access.models import Scope
from portal.core.errors import Invalid
from portal.events.services import record
from portal.tenancy.models import HouseRule
from portal.tenancy.services import check_open, manages
from portal.users.actor import Actor

MOST_REGIONS = 50
REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\*?")


@transaction.atomic
def classify_scope(scope: Scope, *, environment: str, data_class: str, actor: Actor) -> Scope:
    """Say what a scope is for and whom its data is for; empty takes what holds above. What waits in it is judged by it."""
    require(actor, manages(scope), scope)
    scope = Scope.objects.select_for_update().get(pk=scope.pk)
    check_open(scope)
    check_classes(environment, data_class)
    before = {"environment": scope.environment, "data_class": scope.data_class}
    after = {"environment": environment, "data_class": data_class}
    if before != after:
        scope.environment, scope.data_class = environment, data_class
        scope.save(update_fields=["environment", "data_class"])
        record("tenancy.classify_scope", scope, actor=actor, before=before, after=after)
    return scope


@transaction.atomic
def set_rule(
    scope: Scope, *, environment: str = "", data_class: str = "", regions: Sequence[str] = (), encrypted: bool, actor: Actor
) -> HouseRule:
    """From now on, at a scope and below, what is of this class stays in these regions, encrypted or not; in place of what was
    said of the class here. What is there stays where it is.
    """
    require(actor, "manage_policies", scope)
    scope = Scope.objects.select_for_update().get(pk=scope.pk)  # of two who say it at once, the second says it anew
    check_open(scope)
    check_classes(environment, data_class)
    named = sorted({region.strip() for region in regions if region.strip()})
    _check(named, environment or data_class, encrypted)
    known = HouseRule.objects.filter(scope=scope, environment=environment, data_class=data_class)
    before = known.values("regions", "encrypted").first()
    after = {"regions": named, "encrypted": encrypted}
    rule: HouseRule
    rule, _made = HouseRule.objects.update_or_create(
        scope=scope, environment=environment, data_class=data_class, defaults=after
    )
    if before != after:
        record("tenancy.set_rule", rule, actor=actor, before=before, after=after)
    return rule


@transaction.atomic
def remove_rule(rule: HouseRule, *, actor: Actor) -> None:
    """Let it go; rules above and beside it stay."""
    require(actor, "manage_policies", rule)
    record("tenancy.remove_rule", rule, actor=actor, regions=rule.regions, encrypted=rule.encrypted)
    rule.delete()


def _check(regions: Sequence[str], about: str, encrypted: bool) -> None:
    fields = {}
    if not about:
        fields["data_class"] = [_("Choose a data class, an environment, or both.")]
    if len(regions) > MOST_REGIONS:
        fields["regions"] = [_("At most %(most)s regions.") % {"most": MOST_REGIONS}]
    elif wrong := [region for region in regions if not REGION.fullmatch(region)]:
        fields["regions"] = [
            _("%(region)s is no region: letters, digits, -, _ and ., and * at the end.") % {"region": wrong[0][:80]}
        ]
    elif not regions and not encrypted:
        fields["regions"] = [_("Name regions, or ask for encryption.")]
    if fields:
        raise Invalid(_("Check the fields that are marked."), fields=fields)
