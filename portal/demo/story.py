"""What happened in the demo's sixty days: who ordered what, who decided how, and what became of it. Data alone."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

HISTORY = timedelta(days=60)
IRELAND, FRANKFURT, HOME = "eu-west-1", "eu-central-1", "home"
SERVER, DATABASE = "Linux server", "PostgreSQL database"
PORTAL = "Kundenportal-Digitalisierung Mittelstand Phase 2"
ANALYTICS = "数据分析平台"


@dataclass(frozen=True, slots=True)
class Wish:
    """One order of one thing, placed so many days ago. `sleeps` is when it is stopped: at "nights" or on "weekends".

    `outcome` is what became of the order: approved, denied, withdrawn or expired; `decider` is who said so, `note` why.
    A tiny server is allowed by a rule, so nobody is asked.
    """

    days: int
    who: str
    project: str
    name: str
    plan: str
    size_gib: int = 20
    place: str = IRELAND
    offering: str = SERVER
    decider: str = "bob"
    outcome: str = "approved"
    note: str = ""
    ended: int = 0
    sleeps: str = ""


_database = partial(Wish, place=HOME, offering=DATABASE)
WISHES: tuple[Wish, ...] = (
    Wish(58, "alice", "web", "shop-web-1", "medium", 40),
    Wish(58, "alice", "web", "shop-web-2", "medium", 40),
    _database(57, "alice", "web", "shop-db", "medium", 20),
    Wish(56, "nadia", "fleet", "tracker-1", "medium", 40),
    Wish(56, "nadia", "fleet", "tracker-2", "medium", 40),
    _database(55, "nadia", "fleet", "fleet-db", "small", 10),
    Wish(54, "alice", "web", "shop-cache", "small"),
    Wish(52, "nadia", "warehouse", "stock-api", "small", 30),
    _database(52, "nadia", "warehouse", "stock-db", "small", 8),
    Wish(50, "jonas", PORTAL, "portal-app-1", "medium", 30, decider="mei"),
    _database(50, "jonas", PORTAL, "portal-db", "medium", 12, decider="mei"),
    Wish(
        49, "alice", "web", "gpu-experiment", "large", 500, outcome="denied", note="Use the notebooks of 数据分析平台 first."
    ),
    Wish(47, "alice", ANALYTICS, "notebook-1", "large", 100, FRANKFURT, decider="mei"),
    _database(46, "alice", ANALYTICS, "warehouse-lake", "medium", 60, decider="mei"),
    Wish(44, "alice", "web", "staging-web", "small", ended=12, sleeps="weekends"),
    Wish(41, "nadia", "fleet", "telemetry-gw", "small", place=FRANKFURT),
    Wish(38, "jonas", PORTAL, "portal-app-2", "medium", 30, decider="mei"),
    Wish(36, "alice", ANALYTICS, "etl-runner", "medium", 80, FRANKFURT, decider="mei", sleeps="weekends"),
    Wish(33, "nadia", "warehouse", "scanner-gw", "tiny", 8),
    Wish(31, "jonas", PORTAL, "portal-dev", "tiny", 8, sleeps="nights"),
    Wish(29, "nadia", "fleet", "maps-tiles", "large", 120, FRANKFURT),
    Wish(27, "jonas", PORTAL, "portal-demo", "small", outcome="withdrawn", note="The fair was moved to spring."),
    Wish(24, "alice", "web", "shop-search", "large", 60),
    Wish(21, "alice", "web", "load-test-1", "large", ended=19),
    Wish(21, "alice", "web", "load-test-2", "large", ended=19),
    _database(20, "nadia", "fleet", "trip-archive", "small", 25, ended=4),
    Wish(18, "nadia", "warehouse", "forecast", "medium", 40, outcome="expired"),
    Wish(15, "nadia", "warehouse", "label-print", "tiny", 8),
    Wish(13, "alice", ANALYTICS, "notebook-2", "large", 100, FRANKFURT, decider="mei"),
    Wish(10, "jonas", PORTAL, "portal-mail", "small"),
    Wish(9, "alice", "web", "checkout-canary", "tiny", 8),
    Wish(6, "nadia", "fleet", "dispatch-1", "medium", 40, FRANKFURT),
    Wish(3, "alice", "web", "ci-runner", "small", 60, sleeps="nights"),
)
LATE = Wish(0, "alice", "web", "checkout-fra", "medium", 40, FRANKFURT)
"""Approved a few hours ago, and refused by the cloud: the account has no room for a seventh server in Frankfurt."""
WAITING: tuple[Wish, ...] = (
    Wish(0, "alice", "web", "shop-web-3", "medium", 40),
    _database(0, "jonas", PORTAL, "portal-reports", "small", 6),
)
"""What waits for bob now."""
