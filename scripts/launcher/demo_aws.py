"""A simulated AWS for the demo: moto's server, put right where its answers differ from what AWS sends.

python -m scripts.launcher.demo_aws PORT

One process holds everything in memory, so what was created is gone when it ends.
"""

import re
import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

ZERO_BASED = re.compile(r"^([A-Za-z]+)\.0(?=\.|$)")
LISTED = re.compile(r"^([A-Za-z]+)\.(\d+)(?=\.|$)")
EC2_NAMESPACE = re.compile(rb'xmlns="(http://ec2\.amazonaws\.com/doc/\d{4}-\d\d-\d\d)/?"')
ERROR_ROOT = re.compile(rb"<(?:Error)?Response\b[^>]*>\s*(?=<Errors>)")
ERROR_END = re.compile(rb"</ErrorResponse>\s*$")
ERROR = re.compile(rb"<Error>.*?(<Code>.*?</Code>).*?(<Message>.*?</Message>).*?</Error>", re.DOTALL)


def count_from_one(query: str) -> str:
    """Lists that start at 0, which AWS takes, as lists that start at 1, which is all moto takes."""
    pairs = parse_qsl(query, keep_blank_values=True)
    shifted = {found[1] for name, _ in pairs if (found := ZERO_BASED.match(name))}
    if not shifted:
        return query

    def shift(found: re.Match[str]) -> str:
        return f"{found[1]}.{int(found[2]) + 1}" if found[1] in shifted else found[0]

    return urlencode([(LISTED.sub(shift, name), value) for name, value in pairs])


def as_aws_sends(body: bytes) -> bytes:
    """An EC2 answer as AWS words it.

    A result's namespace ends with a slash; an error has no namespace, and in it stand a code and a message alone.
    """
    if ERROR_ROOT.search(body, 0, 400):
        bare = ERROR_END.sub(b"</Response>", ERROR_ROOT.sub(b"<Response>", body, count=1))
        return ERROR.sub(rb"<Error>\1\2</Error>", bare)
    return EC2_NAMESPACE.sub(rb'xmlns="\1/"', body, count=1)


class AwsExact:
    """WSGI around moto's application: the query on its way in, the answer on its way out."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        query = environ.get("QUERY_STRING", "")
        if "Action=" in query:
            environ["QUERY_STRING"] = count_from_one(query)
            environ["RAW_URI"] = environ["REQUEST_URI"] = f"{environ.get('PATH_INFO', '/')}?{environ['QUERY_STRING']}"
        started: list[Any] = []

        def remember(status: str, headers: list[tuple[str, str]], failure: Any = None) -> Callable[[bytes], None]:
            started[:] = [status, headers]
            return lambda data: None

        body = as_aws_sends(b"".join(self.application(environ, remember)))
        status, headers = started
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*kept, ("Content-Length", str(len(body)))])
        return [body]


class Quiet(WSGIRequestHandler):
    """One log line for what was refused; the rest would fill the disk with polls."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if str(code)[:1] not in "23":
            super().log_request(code, size)


def main() -> None:
    """Serve on loopback until ended."""
    application = AwsExact(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True, request_handler=Quiet)


if __name__ == "__main__":
    main()
