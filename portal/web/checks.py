"""A connection as people read it: its checks one by one, its regions with their age, what is wrong, what still moves."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.clouds.base import RUNGS
from portal.clouds.labels import RUNGS as RUNG_LABELS
from portal.clouds.labels import cause_of, check_label, hint_of
from portal.clouds.models import Connection, ConnectionCheck, ConnectionState, Picture
from portal.core import clock
from portal.provisioning.models import Sync
from portal.provisioning.queries import syncs_of
from portal.web.states import Look, look_of

NEVER = datetime.min.replace(tzinfo=UTC)
LOOKS_FOR = timedelta(minutes=2)
"""How long a page looks for the sync it asked for."""
FIRST_SYNC_WITHIN = timedelta(minutes=10)
EVIDENCE = {
    "see_servers": gettext_lazy("Servers there: %(count)s"),
    "see_databases": gettext_lazy("Databases there: %(count)s"),
}
LIMITS = {
    "instances": gettext_lazy("Servers"),
    "elastic_ips": gettext_lazy("Public addresses"),
    "databases": gettext_lazy("Databases"),
    "connections": gettext_lazy("Connections"),
}


@dataclass(frozen=True, slots=True)
class Rung:
    """How far Concord may go: its name in words, and the steps of the ladder below and at it."""

    name: str
    label: str
    steps: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One check in one region."""

    title: str
    state: str
    evidence: str = ""
    needs: str = ""
    cause: str = ""
    hint: str = ""
    says: str = ""

    @property
    def look(self) -> Look:
        return look_of(self.state, "check")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the account: the cause, what to do, since when, and the cloud's own words."""

    cause: str
    hint: str
    since: datetime | None
    says: str


@dataclass(frozen=True, slots=True)
class Region:
    """One region: how much may be chosen there and how old that is, and how each listing of what is there went."""

    key: str
    picture: Picture | None
    choices: dict[str, int] = field(default_factory=dict)
    syncs: list[Sync] = field(default_factory=list)

    @property
    def cause(self) -> str:
        return cause_of(self.picture.error_kind) if self.picture and self.picture.error_kind else ""

    @property
    def read_at(self) -> datetime | None:
        """When what is there was last read whole; of several kinds of thing the oldest."""
        times = [sync.good_at for sync in self.syncs]
        return min((at for at in times if at), default=None) if all(times) else None

    @property
    def read_note(self) -> str:
        """Why it could not be read when last tried: the cause, or what a listing left out."""
        trouble = next((sync for sync in self.syncs if sync.error or sync.error_kind), None)
        return (cause_of(trouble.error_kind) or trouble.error) if trouble else ""

    @property
    def limits(self) -> list[dict[str, Any]]:
        raw = self.picture.limits if self.picture else []
        return [
            {**limit, "label": LIMITS.get(limit["dimension"], limit["dimension"].replace("_", " ").capitalize())}
            for limit in raw
        ]

    @property
    def is_first(self) -> bool:
        """Whether its first reading is still to come or under way."""
        return self.picture is None or not self.syncs or any(not (sync.good_at or sync.error) for sync in self.syncs)

    def was_read_after(self, at: datetime) -> bool:
        """Whether everything of it was read since, or refused; a listing under way is neither."""
        if self.picture is None or self.picture.tried_at is None or self.picture.tried_at < at:
            return False
        return all((sync.tried_at if sync.error else sync.good_at or NEVER) >= at for sync in self.syncs)


def rung_of(name: str) -> Rung:
    """A rung by its name."""
    at = RUNGS.index(name) if name in RUNGS else -1  # type: ignore[arg-type]
    return Rung(name, str(RUNG_LABELS.get(name, name)), tuple(step <= at for step in range(len(RUNGS))))


def lines(connection: Connection, check: ConnectionCheck) -> list[tuple[str, list[Line]]]:
    """Each region with its checks: those done, the one under way, and those to come, in the order they run."""
    planned = dict(connection.provider.checks)
    found: dict[str, dict[str, Any]] = {region: {} for region in connection.region_keys()}
    for result in check.results:
        found.setdefault(result["region"], {})[result["name"]] = result
    drawn, running = [], check.is_moving
    for region, results in found.items():
        rows = []
        for name in dict.fromkeys((*planned, *results)):
            if name in results:
                rows.append(_line(connection, results[name], planned.get(name, RUNGS[0])))
                continue
            running, state = False, "running" if running else ("next" if check.is_moving else "left_out")
            rows.append(Line(check_label(name), state))
        drawn.append((region, rows))
    return drawn


def _line(connection: Connection, result: dict[str, Any], rung: Any) -> Line:
    name, state, detail = result["name"], result["state"], result["detail"]
    title = check_label(name)
    if state == "failed" and not connection.may(rung):
        later = _("Needed from “%(rung)s” on, so it stops nothing now.") % {"rung": rung_of(rung).label}
        return Line(title, "above", later, result["needs"], says=detail)
    if state == "failed":
        cause = cause_of(result["kind"]) or title
        return Line(title, state, "", result["needs"], cause=cause, hint=hint_of(result["kind"]), says=detail)
    evidence = str(EVIDENCE[name]) % {"count": detail} if name in EVIDENCE and detail else detail
    return Line(title, state, evidence, result["needs"])


def regions_of(connection: Connection, pictures: list[Picture], counts: dict[str, dict[str, int]]) -> list[Region]:
    """Its regions in the order written."""
    by_region = {picture.region: picture for picture in pictures}
    syncs = list(syncs_of(connection))
    return [
        Region(key, by_region.get(key), counts.get(key, {}), [sync for sync in syncs if sync.region == key])
        for key in connection.region_keys()
    ]


def trouble_of(connection: Connection) -> Trouble | None:
    """What is wrong with it, if anything is."""
    kind = connection.error_kind
    if not kind or connection.state == ConnectionState.DISABLED:
        return None
    return Trouble(cause_of(kind), hint_of(kind), connection.failing_since, connection.error_detail)


def moment() -> str:
    """Now, as a page's address carries it."""
    return str(int(clock.now().timestamp()))


def is_moving(connection: Connection, check: ConnectionCheck | None, regions: list[Region], asked: str) -> bool:
    """Whether the page should look again soon: checks run, the first sync is due, or the one she asked for."""
    if connection.state == ConnectionState.DISABLED:
        return False
    if connection.is_moving or (check is not None and check.is_moving):
        return True
    if connection.state != ConnectionState.READY:
        return False
    if any(region.is_first for region in regions) and _is_fresh(connection):
        return True
    since = _asked_at(asked)
    return since is not None and any(not region.was_read_after(since) for region in regions)


def _is_fresh(connection: Connection) -> bool:
    """Whether its first sync may still be on its way; a page does not look for ever where no worker is."""
    return connection.checked_at is not None and connection.checked_at > clock.now() - FIRST_SYNC_WITHIN


def _asked_at(asked: str) -> datetime | None:
    """When she asked for a sync, if that is not long ago; nonsense is never."""
    if not asked.isdecimal() or len(asked) > 12:
        return None
    now = clock.now()
    gap = now.timestamp() - int(asked)
    return now - timedelta(seconds=gap) if 0 <= gap < LOOKS_FOR.total_seconds() else None
