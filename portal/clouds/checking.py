"""Run a connection's checks against its cloud, and keep each result as it comes."""

import uuid
from typing import Any

from django.db import transaction

from portal.clouds import lifecycle, registry
from portal.clouds.base import RUNGS, Check, CloudError
from portal.clouds.models import Connection, ConnectionCheck, ConnectionState
from portal.core import clock
from portal.users.actor import Actor


def run(check_id: uuid.UUID) -> None:
    """One run of checks to its end. A run that is over, or whose connection is disabled, is left as it is."""
    found = ConnectionCheck.objects.select_related("connection__provider", "connection__scope")
    check = found.filter(pk=check_id, finished_at=None).first()
    if check is None:
        return
    check.started_at, check.results = clock.now(), []
    check.save(update_fields=["started_at", "results"])
    error = None
    if check.connection.state != ConnectionState.DISABLED:
        error = _first_error(check)
    with transaction.atomic():
        lifecycle.take_check(check, error, actor=Actor.system())


def _first_error(check: ConnectionCheck) -> CloudError | None:
    """Run all of them, saving each result; the first failure that matters on the connection's rung, if any."""
    connection, first = check.connection, None
    for region in connection.region_keys():
        try:
            for result in registry.adapter_for(connection, region).check():
                _keep(check, region, result)
                if first is None and _matters(connection, result):
                    first = CloudError(result.detail, retry=False, kind=result.kind or "refused")
        except CloudError as error:
            _keep(check, region, Check("credentials", "failed", error.message, kind=error.kind))
            first = first or error
    return first


def _keep(check: ConnectionCheck, region: str, result: Check) -> None:
    check.results.append({"region": region, **_shown(result)})
    ConnectionCheck.objects.filter(pk=check.pk, finished_at=None).update(results=check.results)


def _shown(result: Check) -> dict[str, Any]:
    return {
        "name": result.name,
        "state": result.state,
        "detail": result.detail,
        "needs": result.needs,
        "kind": result.kind,
    }


def _matters(connection: Connection, result: Check) -> bool:
    """A failure above the rung the connection stands on is only told."""
    rung = lifecycle.planned_checks(connection.provider).get(result.name, RUNGS[0])
    return not result.ok and connection.may(rung)
