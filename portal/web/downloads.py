"""A text to take home."""

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
