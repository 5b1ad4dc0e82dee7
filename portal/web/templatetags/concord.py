"""The words of our templates: icon, state, meter, money, number, when, person, field, pager."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.core.paginator import Page
from django.forms import BoundField, CheckboxInput, Select
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from portal.core import clock
from portal.web import figures
from portal.web.bars import Bar, bar
from portal.web.states import look_of

register = template.Library()


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """One icon of the sprite; decoration only, so a word stands beside it."""
    css = f"icon {extra}".strip()
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>', css, static("icons.svg"), name)


@register.simple_tag
def state(value: Any, kind: str = "resource", *, tag: bool = False, word: str = "") -> SafeString:
    """A state as icon and one word: `{% state order.state "order" %}`; `tag=True` has a ground, for heads."""
    look = look_of(str(value), kind)
    css = f"state {'state-tag ' if tag else ''}{look.kind}"
    turning = "turn" if tag and look.icon == "loader-2" else ""
    return format_html('<span class="{}">{}{}</span>', css, icon(look.icon, turning), word or look.word)


@register.simple_tag
def mark(kind: str, icon_name: str, word: str, *, tag: bool = False) -> SafeString:
    """A state said freely: `{% mark "wait" "clock" _("in 6 days") %}`."""
    css = f"state {'state-tag ' if tag else ''}{kind}"
    return format_html('<span class="{}">{}{}</span>', css, icon(icon_name), word)


@register.simple_tag
def meter(used: Any, mine: Any, limit: Any, label: str, unit: str = "", *, digits: int = 0, near: bool = False) -> SafeString:
    """What is used and what this act adds, of a limit. Over the limit: red, or with `near=True` (a forecast) amber."""
    return draw_meter(bar(label, used, mine, limit, unit, digits=digits), near=near)


@register.simple_tag
def meter_of(drawn: Bar) -> SafeString:
    """The meter of a Bar."""
    return draw_meter(drawn)


def draw_meter(drawn: Bar, *, near: bool = False) -> SafeString:
    """The SVG of a bar: widths are attributes, so the CSP needs no style."""
    adds = ("m-near" if near else "m-over") if drawn.is_over else "m-mine"
    parts = [("m-used", "0", drawn.used_width), (adds, drawn.used_width, drawn.mine_width)]
    if drawn.is_over and drawn.limit:
        parts.append(("m-limit", drawn.limit_at, "0.6"))
    rects = format_html_join("", '<rect class="{}" x="{}" width="{}" height="8"/>', parts)
    head = '<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    return format_html(head, drawn.spoken, rects)


@register.simple_tag
def money(
    value: Decimal | None, currency: str = "", *, digits: int | None = None, sign: bool = False, bare: bool = False
) -> SafeString:
    """An amount at two digits with its currency; the exact one in `title` and `value`. `bare` leaves the currency out."""
    if value is None:
        return format_html('<span class="quiet">{}</span>', figures.DASH)
    value = Decimal(value)
    shown = figures.amount(value, currency, digits=digits, sign=sign)
    title = _("%(amount)s %(currency)s exactly") % {"amount": figures.exact(value), "currency": currency}
    unit = "" if bare or not currency else format_html("{}<span>{}</span>", figures.NARROW, currency)
    return format_html('<data class="amount" value="{}" title="{}">{}{}</data>', f"{value:f}", title, shown, unit)


@register.filter
def number(value: Any, digits: int = 0) -> str:
    """A figure with grouped digits and a true minus; a dash for nothing."""
    return figures.DASH if value is None or value == "" else figures.figure(Decimal(value), digits)


@register.filter
def percent_of(part: Any, whole: Any) -> str:
    """`{{ used|percent_of:limit }}`: one digit, a dash where there is no whole."""
    return figures.percent(part or 0, whole or 0)


@register.simple_tag
def when(at: datetime | None, *, due: bool = False) -> SafeString:
    """A moment in words up to 14 days away, else the date; exact on hover. `due=True` says the clock time too."""
    if at is None:
        return format_html('<span class="quiet">{}</span>', figures.DASH)
    now = clock.now()
    words = figures.age(at, now)
    if due and abs(at - now) < figures.RELATIVE_FOR:
        words = f"{words}, {figures.clock_time(at)}"
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), figures.stamp(at), words)


@register.simple_tag
def person(user: Any, *, face: bool = True) -> SafeString:
    """A person by initials and name; the system's own acts are Concord's."""
    name = str(user) if user else _("Concord")
    head = format_html('<span class="face" aria-hidden="true">{}</span>', initials(name)) if face else ""
    return format_html('<span class="who">{}{}</span>', head, name)


@register.filter
def initials(name: Any) -> str:
    """`AB` for Alice Brandt, `小明` for 王小明, `ci` for ci-deploy."""
    words = str(name).split()
    if not words:
        return "–"
    if ord(words[0][0]) >= 0x2E80:
        return words[-1][-2:]
    return words[0][:2] if len(words) == 1 else words[0][0] + words[-1][0]


@register.simple_tag
def control(field: BoundField) -> SafeString:
    """The input of a form field with the classes of the look; Django adds its aria attributes."""
    widget = field.field.widget
    css = {"checkbox": "form-check-input", "select": "form-select"}.get(shape(field), "form-control")
    if isinstance(widget, Select) and len(getattr(widget, "choices", ())) > 12:
        widget.attrs.setdefault("data-search", "")
    own = f"{css} is-invalid" if field.errors else css
    return field.as_widget(attrs={**widget.attrs, "class": f"{own} {widget.attrs.get('class', '')}".strip()})


@register.filter
def shape(field: BoundField) -> str:
    """How a field is laid out: `hidden`, `checkbox`, `choices` (a list of inputs), `select` or `input`."""
    if field.is_hidden:
        return "hidden"
    if isinstance(field.field.widget, CheckboxInput):
        return "checkbox"
    if field.use_fieldset:
        return "choices"
    return "select" if isinstance(field.field.widget, Select) else "input"


@register.simple_tag(takes_context=True)
def page_link(context: template.Context, number: int, field: str = "page") -> str:
    """The address of another page of this list, with the filters kept."""
    query = context["request"].GET.copy()
    query[field] = str(number)
    return f"?{query.urlencode()}"


@register.inclusion_tag("parts/pager.html", takes_context=True)
def pager(
    context: template.Context, page: Page[Any], field: str = "page", target: str = "", label: str = ""
) -> dict[str, Any]:
    """Links to the other pages of a list; with `target` they swap that element where there is a script."""
    numbers = list(page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1))
    given = {"page": page, "field": field, "target": target, "label": label}
    return {"request": context["request"], "numbers": numbers, **given}
