"""The style guide: every part with sample data, for whoever builds pages and for the tests that look at them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import django_tables2 as tables
from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.core import clock
from portal.core.errors import NotFound
from portal.users.actor import Actor, Auth
from portal.users.models import User
from portal.web.bars import bar
from portal.web.shell import ScopeNode, Shell
from portal.web.states import STATES
from portal.web.story import Moment, Stage

LONG = "Kundenportal-Digitalisierung Mittelstand Phase 2"
PERMISSIONS = frozenset(
    {"view_offering", "view_order", "view_resource", "place_order", "view_cost", "view_scope", "view_event"}
)


class SampleShell(Shell):
    """The frame as alice would see it, without asking the database; only where nobody is signed in."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.actor = Actor(User(username="alice", name="Alice Brandt", email="alice@nordwind.example"), Auth("sample"))
        self.__dict__ |= {"permissions": PERMISSIONS, "unread": 3, "_nodes": sample_scopes(), "_counts": {"orders": 3}}
        self.__dict__["scope"] = self._nodes["4"]


class SampleTable(tables.Table):
    """Name, state, project, end, cost: what most lists show."""

    name = tables.TemplateColumn(
        '<a class="name" href="#">{{ value }}</a><br><span class="small quiet">Linux server, m2.large</span>',
        verbose_name="Name",
    )
    state = tables.TemplateColumn("{% load concord %}{% state value %}", verbose_name="State")
    project = tables.TemplateColumn('<span class="clip" title="{{ value }}">{{ value }}</span>', verbose_name="Project")
    where = tables.Column(verbose_name="Where", attrs={"th": {"class": "wide-only"}, "td": {"class": "wide-only"}})
    ends = tables.TemplateColumn("{% load concord %}{% when value %}", verbose_name="Ends")
    cost = tables.TemplateColumn(
        '{% load concord %}{% money value "EUR" bare=True %}',
        verbose_name="So far, EUR",
        attrs={"th": {"class": "num"}, "td": {"class": "num"}},
    )

    class Meta:
        template_name = "parts/table.html"


class SampleForm(forms.Form):
    """One of each input."""

    name = forms.CharField(label="Name", help_text="Lower case, digits and hyphens; free in web.", initial="web-cache-02")
    image = forms.ChoiceField(label="Image", choices=[("debian", "Debian 12"), ("ubuntu", "Ubuntu 24.04")])
    volume = forms.IntegerField(label="Volume, GiB", min_value=10, max_value=2000, help_text="10 to 2,000.")
    ends = forms.DateField(label="Ends", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    network = forms.ChoiceField(label="Network", choices=[("a", "inside"), ("b", "outside")], widget=forms.RadioSelect)
    address = forms.BooleanField(label="Public address", required=False, help_text="3 of 8 in use.")
    secret = forms.CharField(label="Secret", widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}))
    reason = forms.CharField(label="Why", required=False, widget=forms.Textarea(attrs={"rows": 2}))


def style(request: HttpRequest) -> HttpResponse:
    """Every part. For operators, and for anyone where DEBUG is on."""
    shell = Shell(request)
    if not (settings.DEBUG or "view_platform" in shell.permissions):
        raise NotFound
    frame = {} if shell.actor else {"shell": SampleShell(request)}
    return render(request, "web/style.html", {**parts(request), **frame})


def parts(request: HttpRequest) -> dict[str, Any]:
    """Sample data of each part."""
    now = clock.now()
    table = SampleTable(sample_rows(), request=request, order_by=request.GET.get("sort", ""))
    table.paginate(page=1, per_page=10)
    return {
        "states": STATES.items(),
        "bars": sample_bars(),
        "moments": sample_story(),
        "stops": [("Placed", "done"), ("Approved", "done"), ("Being made", "now"), ("Active", "")],
        "stops_bad": [("Placed", "done"), ("Approved", "done"), ("Failed", "bad"), ("Active", "")],
        "facts": [("Plan", "m2.large, 4 vCPU, 16 GiB"), ("Where", "openstack-fra, de-1"), ("Ends", None)],
        "sums": [("Server m2.large", "64.80"), ("Volume 100 GiB", "8.00"), ("Address", "3.60")],
        "changes": [("Plan m2.large", "61.20 EUR", "64.80 EUR")],
        "amounts": [
            Decimal("1848.312743"),
            Decimal("-0.9055"),
            Decimal("98765432101234567890.123456789012"),
            Decimal("0.001"),
        ],
        "moments_in_time": [now - timedelta(minutes=22), now + timedelta(hours=3), now - timedelta(days=40), now],
        "person": User(name="Alice Brandt"),
        "others": [User(name="王小明"), User(username="ci-deploy")],
        "form": SampleForm(initial={"volume": 100}),
        "wrong": wrong_form(),
        "table": table,
        "page": Paginator(range(1234), 50).page(5),
        "support": "order 1043\nstep ensure_server\ncorrelation 7f3c-91ad-20e4",
        "budget": sample_budget(),
    }


def wrong_form() -> SampleForm:
    form = SampleForm({"volume": "9999", "ends": "", "name": "web-cache-02"}, auto_id="wrong_%s")
    form.is_valid()
    return form


def sample_scopes() -> dict[str, ScopeNode]:
    rows = [
        ("1", "Nordwind Group", "organization", "a"),
        ("2", "Retail", "tenant", "a.b"),
        ("3", LONG, "project", "a.b.c"),
        ("4", "web", "project", "a.b.d"),
        ("5", "数据分析平台", "project", "a.b.e"),
        ("6", "Logistics", "tenant", "a.f"),
    ]
    return {pk: ScopeNode(pk, name, kind, path) for pk, name, kind, path in rows}


def sample_rows() -> list[dict[str, Any]]:
    later = clock.now() + timedelta(days=6)
    rows = [
        ("web-front-01", "active", "web", "aws-main", None, "41.1234"),
        ("web-cache-02", "creating", "web", "openstack-fra", None, "0"),
        ("kp-dokumente-archiv-langzeit", "active", LONG, "aws-main", later, "19.75"),
        ("指标库", "drifted", "数据分析平台", "pg-shared", later + timedelta(days=30), "1844.0812"),
        ("kp-staging-03", "stopped", LONG, "openstack-fra", later, "-6.21"),
        ("kp-batch-01", "failed", LONG, "aws-main", None, "3.00"),
    ]
    names = ("name", "state", "project", "where", "ends", "cost")
    return [dict(zip(names, (*row[:5], Decimal(row[5])), strict=True)) for row in rows]


def sample_bars() -> list[Any]:
    return [
        bar("Budget of web, November", "1647.98", "80.35", "1800", "EUR", digits=2),
        bar("Budget of web, December", "1692.80", "194.40", "1800", "EUR", digits=2),
        bar("vCPU", 26, 12, 40),
        bar("Public addresses", 4, 0, 8),
        bar("Object buckets", 3, 1, None),
    ]


def sample_story() -> list[Moment]:
    now = clock.now()
    steps = [
        Stage("Create the volume", "done", "100 GiB", "4 s"),
        Stage("Create the server", "waiting", "asked once, the cloud is working", "12 s"),
        Stage("Wait until it answers on port 22", "planned"),
    ]
    return [
        Moment("Placed", "ok", at=now - timedelta(minutes=15), detail="1 server, 100 GiB volume. Quota held, budget has room."),
        Moment(
            "Approved by Bob Okafor", "ok", at=now - timedelta(minutes=2), after="after 13 min",
            quote="Fine, it replaces the cache we end on Friday.", detail="Policy “Servers”, version 3.", href="#", link="See the card he saw",
        ),
        Moment("Being made on openstack-fra", "move", "loader-2", at=now - timedelta(minutes=1), stages=steps),
        Moment("Active", "next", detail="Metering starts with the first hour it runs."),
    ]  # fmt: skip


def sample_budget() -> dict[str, Any]:
    """Data of the chart of cost against budget."""
    known, days = 18, 30
    actual: list[float | None] = [round(103.0 * day, 2) for day in range(1, known + 1)]
    ahead: list[float | None] = [round(1854 + 105.0 * day, 2) for day in range(days - known + 1)]
    before: list[float | None] = [None] * (known - 1)
    return {
        "days": [str(day) for day in range(1, days + 1)],
        "actual": actual + [None] * (days - known),
        "forecast": before + ahead,
        "low": before + [value - 15 * step if value else None for step, value in enumerate(ahead)],
        "band": before + [30 * step for step in range(len(ahead))],
        "budget": 4000,
        "max": 4800,
        "names": {"actual": "So far", "forecast": "Forecast", "budget": "Budget", "budgetLabel": "Budget 4,000"},
    }
