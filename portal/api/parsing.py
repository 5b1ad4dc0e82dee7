"""Bodies come and go as JSON, and what cannot be kept is refused before a service sees it."""

import json
import math
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from portal.api.auth import http_of

DEEPEST = 20


class StrictJson(JSONParser):
    """JSON as RFC 8259 has it: UTF-8, no NaN, no endless nesting, no characters that a database cannot keep."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = http_of((parser_context or {})["request"]).body
        try:
            read = json.loads(body.decode(), parse_float=number, parse_constant=number)
        except (ValueError, RecursionError) as error:
            raise ParseError(_("The body is no JSON that can be read.")) from error
        check_kept(read)
        return read


class OnlyJson(DefaultContentNegotiation):
    """Answers are JSON whatever is accepted; the one file there is says its own type."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


def number(text: str) -> int | float:
    """A number with a point or an exponent; a whole one is whole."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("not a number of JSON")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def check_kept(read: Any) -> None:
    """Refuse text with NUL or half a character, and nesting that nobody needs."""
    level = [read]
    for _depth in range(DEEPEST):
        below: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                below += [*part.keys(), *part.values()]
            elif isinstance(part, list):
                below += part
            elif isinstance(part, str) and ("\x00" in part or any("\ud800" <= letter <= "\udfff" for letter in part)):
                raise ParseError(_("The body holds characters that cannot be kept."))
        if not below:
            return
        level = below
    raise ParseError(_("The body is nested too deeply."))
