"""What an organization or tenant lays down for a kind of data or an environment."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from portal.access.managers import AccessManager
from portal.access.models import DataClass, Environment, Scope
from portal.core.models import Base


class HouseRule(Base):
    """At a scope and below, what is of this data class, or of this environment, or of both, stays in these regions, and is
    encrypted where the rule says so. A region may end in `*`; without regions anywhere will do.
    """

    scope = models.ForeignKey(Scope, models.CASCADE, related_name="house_rules")
    environment = models.CharField(max_length=20, choices=Environment.choices, blank=True)
    data_class = models.CharField(max_length=20, choices=DataClass.choices, blank=True)
    regions: Any = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    encrypted = models.BooleanField(default=False)

    objects = AccessManager()
    scope_lookup = "scope"
    view_permission = "view_scope"

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["scope", "environment", "data_class"], name="one_house_rule_per_class"),
            models.CheckConstraint(condition=~Q(environment="", data_class=""), name="a_house_rule_is_about_something"),
            models.CheckConstraint(condition=~Q(regions=[]) | Q(encrypted=True), name="a_house_rule_asks_for_something"),
        )

    def __str__(self) -> str:
        return " ".join(word for word in (self.environment, self.data_class) if word)

    @property
    def scope_path(self) -> str:
        return str(self.scope.path)
