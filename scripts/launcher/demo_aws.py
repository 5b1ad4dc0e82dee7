"""A simulated AWS for the demo: moto's server, put right where its answers differ from what AWS sends.

python -m scripts.launcher.demo_aws PORT [FILE]

What it holds is kept in FILE and is there again after any end (demo_state); without FILE it is gone with the process.
"""

import io
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.responses.account_attributes import AccountAttributes
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

from .demo_state import KeptState, restore

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

ZERO_BASED = re.compile(r"^([A-Za-z]+)\.0(?=\.|$)")
LISTED = re.compile(r"^([A-Za-z]+)\.(\d+)(?=\.|$)")
EC2_NAMESPACE = re.compile(rb'xmlns="(http://ec2\.amazonaws\.com/doc/\d{4}-\d\d-\d\d)/?"')
MOST_SERVERS = {"eu-central-1": 6}
"""How many servers an account may have in a region where that is not the usual 20: Frankfurt soon says no."""
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
        environ["concord.action"] = action_of(environ)
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


def action_of(environ: Environ) -> str:
    """The call a request asks for ("RunInstances"), from its body or its query; empty when it names none."""
    form = ""
    if str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
        sent = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(sent)
        form = sent.decode(errors="replace")
    return dict(parse_qsl(f"{environ.get('QUERY_STRING', '')}&{form}")).get("Action", "")


def most_servers(region: str) -> int:
    """The account's limit there."""
    return MOST_SERVERS.get(region, 20)


def hold_to_limits() -> None:
    """Let the account's limit on servers, which moto only tells, hold as it does at AWS."""
    backend: Any = EC2Backend
    answers: Any = AccountAttributes
    run, tell = backend.run_instances, answers.describe_account_attributes

    def run_within(self: EC2Backend, image_id: str, count: int, *rest: Any, **more: Any) -> Any:
        alive = sum(server.state != "terminated" for group in self.reservations.values() for server in group.instances)
        most = most_servers(self.region_name)
        if alive + count > most:
            text = f"You have requested more instances ({alive + count}) than your current instance limit of {most} allows."
            raise EC2ClientError("InstanceLimitExceeded", text)
        return run(self, image_id, count, *rest, **more)

    def tell_ours(self: AccountAttributes) -> Any:
        told: Any = tell(self)
        for attribute in told.result["AccountAttributes"]:
            if attribute["AttributeName"] == "max-instances":
                attribute["AttributeValues"] = [{"AttributeValue": str(most_servers(self.region))}]
        return told

    backend.run_instances, answers.describe_account_attributes = run_within, tell_ours


class Quiet(WSGIRequestHandler):
    """One log line for what was refused; the rest would fill the disk with polls."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if str(code)[:1] not in "23":
            super().log_request(code, size)


def main() -> None:
    """Serve on loopback until ended."""
    application: Application = DomainDispatcherApplication(create_backend_app)
    if len(sys.argv) > 2:
        restore(Path(sys.argv[2]))
        application = KeptState(application, Path(sys.argv[2]))
    hold_to_limits()
    run_simple("127.0.0.1", int(sys.argv[1]), AwsExact(application), threaded=True, request_handler=Quiet)


if __name__ == "__main__":
    main()
