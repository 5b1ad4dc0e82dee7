"""What people and scopes own here, for those who close scopes and let people leave."""

from typing import Any

from portal.access.models import Scope
from portal.provisioning.queries import alive_in


class ResourceBelongings:
    """Resources keep a scope open while they are there."""

    def of_scope(self, scope: Scope) -> list[Any]:
        return list(alive_in(scope)[:20])
