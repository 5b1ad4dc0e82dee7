"""The one wrapper around every call to a cloud: a hard deadline, no hidden retry, and CloudError as the only error.

`@asked(...)` goes on each public method of an adapter. The work runs in a thread of its own, since the time-outs of
the SDKs count per read (an answer that drips would hold a worker for ever). At the deadline the connections of the
thread are cut (`on_abort`), so that it ends too.
"""

import contextlib
import contextvars
import functools
import logging
import threading
import time
from collections.abc import Callable
from typing import ClassVar, Concatenate, ParamSpec, Protocol, TypeVar, cast
from urllib.parse import quote, quote_plus

from portal.clouds.base import Account, CloudError
from portal.core.errors import Refused

log = logging.getLogger("portal.clouds.calls")
P = ParamSpec("P")
T = TypeVar("T")


class Adapter(Protocol):
    """What an adapter brings: its account, and its SDK's errors in our words (None: the common reading below)."""

    kind: ClassVar[str]
    account: Account

    def translate(self, error: Exception) -> CloudError | None: ...


A = TypeVar("A", bound=Adapter)


class _Call:
    """One running call: when it must end, and what to cut then."""

    def __init__(self, within_s: float) -> None:
        self.deadline = time.monotonic() + within_s
        self.cut = False
        self._aborts: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def on_abort(self, abort: Callable[[], None]) -> None:
        with self._lock:
            if not self.cut:
                self._aborts.append(abort)
                return
        abort()

    def abort(self) -> None:
        with self._lock:
            self.cut, aborts = True, self._aborts
            self._aborts = []
        for abort in aborts:
            with contextlib.suppress(Exception):
                abort()


_current: contextvars.ContextVar[_Call | None] = contextvars.ContextVar("cloud_call", default=None)


def asked(within_s: float) -> Callable[[Callable[Concatenate[A, P], T]], Callable[Concatenate[A, P], T]]:
    """Let a method of an adapter run as one call to its cloud: within the deadline, failing with CloudError alone."""

    def wrap(method: Callable[Concatenate[A, P], T]) -> Callable[Concatenate[A, P], T]:
        @functools.wraps(method)
        def call(self: A, *args: P.args, **kwargs: P.kwargs) -> T:
            if _current.get() is not None:  # a public method that uses another one: the outer deadline holds
                return method(self, *args, **kwargs)
            return guarded(lambda: method(self, *args, **kwargs), self, method.__name__, within_s)

        call.__dict__["within_s"] = within_s
        return cast("Callable[Concatenate[A, P], T]", call)

    return wrap


def guarded(work: Callable[[], T], adapter: Adapter, what: str, within_s: float) -> T:
    """Run the work in a thread; return what it returns, or raise CloudError at the latest when the time is over."""
    call, name, started = _Call(within_s), f"{adapter.kind}.{what}", time.monotonic()
    answer: list[T] = []
    failure: list[Exception] = []

    def run() -> None:
        _current.set(call)
        try:
            answer.append(work())
        except Exception as error:  # whatever an SDK may raise; explained below
            failure.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name=name, daemon=True)
    thread.start()
    thread.join(within_s)
    took = time.monotonic() - started
    if answer:
        log.debug("%s: %.2f s", name, took)
        return answer[0]
    if failure:
        error = explain(failure[0], adapter)
    else:
        call.abort()
        error = CloudError(f"No answer within {within_s:g} seconds.", retry=True, kind="unreachable")
    log.info("%s: %s after %.2f s: %s", name, error.kind, took, error.message)
    raise error from None  # the SDK's own error may carry a request with its credentials


def on_abort(abort: Callable[[], None]) -> None:
    """Have the connection cut when the running call's time is over."""
    if (call := _current.get()) is not None:
        call.on_abort(abort)


def seconds_left(at_most: float) -> float:
    """How long a single read may take: what is left of the running call, at most so much."""
    call = _current.get()
    left = at_most if call is None else call.deadline - time.monotonic()
    return max(0.05, min(at_most, left))


def explain(error: Exception, adapter: Adapter) -> CloudError:
    """Any error as a CloudError. What nobody can place is garbage: the cloud answered and made no sense."""
    known = error if isinstance(error, CloudError) else None
    if known is None:
        with contextlib.suppress(Exception):  # translating must never hide the first error
            known = adapter.translate(error)
    if known is None and isinstance(error, Refused) and not isinstance(error.__cause__, OSError):
        known = CloudError(str(error), retry=False, kind="refused")  # the address policy
    if known is None and isinstance(error, OSError | Refused):
        known = CloudError(f"Not reachable: {shown(error)}", retry=True, kind="unreachable")
    if known is None:
        known = CloudError(f"An answer that makes no sense: {shown(error)}", retry=True, kind="garbage")
    text = shortened(without(adapter.account, known.message))
    return CloudError(text, retry=known.retry, kind=known.kind, hint=known.hint)


def shown(error: BaseException) -> str:
    """The error in one line. By repr: the str of some of Libcloud's errors raises."""
    try:
        return " ".join(repr(error).split())
    except Exception:
        return type(error).__name__


def shortened(text: str, limit: int = 400) -> str:
    """At most so many characters; what is cut is marked."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def without(account: Account, text: str) -> str:
    """The text without any of the account's credentials, as they are and as they stand in a URL."""
    for value in account.credentials.values():
        if isinstance(value, str) and len(value) >= 4:
            for form in (value, quote(value, safe=""), quote_plus(value)):
                text = text.replace(form, "***")
    return text
