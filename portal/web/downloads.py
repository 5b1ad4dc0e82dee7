"""A text to take home."""

import json
from typing import Any

from django.http import HttpResponse
from django.utils.http import content_disposition_header


def csv_file(name: str, text: str) -> HttpResponse:
    """CSV that the browser saves under a name, in whatever script that is written."""
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = content_disposition_header(True, name)
    return answer


def text_file(name: str, text: str) -> HttpResponse:
    """Plain text that the browser saves under a name and shows nowhere."""
    answer = HttpResponse(text, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = content_disposition_header(True, name)
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def json_file(name: str, value: Any) -> HttpResponse:
    """JSON that the browser saves under a name."""
    answer = HttpResponse(json.dumps(value, ensure_ascii=False, indent=1), content_type="application/json")
    answer["Content-Disposition"] = content_disposition_header(True, name)
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
