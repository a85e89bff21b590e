"""JSON over HTTP, for oracles behind a server: retries, time-outs, several questions in flight.

Needs ``llr[http]``.  A key comes from the environment alone and is sent in one header; nothing that
this module says or keeps shows it.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any
from urllib.parse import urlsplit

from llr.errors import InputError, OracleError, ShownAs, UnansweredError, shorten
from llr.models.base import Word, check_size
from llr.numbers import floats

KEY = "LLR_API_KEY"
"""Environment variable of the key, unless another one is named."""

CONNECTIONS = 4
TIMEOUT = 60.0
RETRIES = 8

BACKOFF, LONGEST_BACKOFF = 0.25, 30.0
"""Seconds: the n-th retry of a question waits BACKOFF 2^(n-1) (the first one not at all)."""

LONGEST_WAIT = 60.0
"""Seconds: a server that says ``Retry-After`` is asked again after so many at the latest."""

RETRIED = (429, 500, 502, 503, 504)


class Server:
    """A server that is asked in JSON.

    A question is asked again after a dropped connection, a time-out and the statuses
    :data:`RETRIED`, after as long as ``Retry-After`` says where the server says it, but
    :data:`LONGEST_WAIT` at the most.  Where an answer holds the key, it reads ``(key)``.

    Args:
        url: ``http`` or ``https``, without user, query or fragment.
        key: environment variable that holds the server's key; None: :data:`KEY`, if it is set.
        connections: questions in flight at a time.
        timeout: seconds to connect, and seconds without a byte of the answer.
        retries: how often a question is asked again.

    Attributes:
        url: without a last slash.
        address: the same in one spelling, to know the server by; without the key.
        connections: as given.

    Raises:
        InputError: an argument cannot be used, or urllib3 is missing.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        connections: int = CONNECTIONS,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
    ) -> None:
        try:
            import urllib3
        except ImportError:
            needed = 'installed: pip install "llr[http]"'
            raise InputError("urllib3", ShownAs("missing"), needed) from None
        self.url = _checked_url(url)
        self._key = _key(key)
        self._spelled = _spellings(self._key)
        self.address = self._hidden(_one_spelling(self.url))
        self.connections = check_size(connections, 1, "connections")
        if not (math.isfinite(timeout) and timeout > 0):
            raise InputError("timeout", timeout, "a positive number of seconds")
        self._timeout = timeout
        self._retries = check_size(retries, 0, "retries")
        headers = {"Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._errors = urllib3.exceptions
        self._pool = urllib3.PoolManager(
            maxsize=connections,
            headers=headers,
            timeout=urllib3.Timeout(connect=timeout, read=timeout),
            retries=_retry(urllib3)(
                total=retries,
                allowed_methods=None,
                status_forcelist=RETRIED,
                backoff_factor=BACKOFF,
                backoff_max=LONGEST_BACKOFF,
                raise_on_status=False,
            ),
        )

    def get(self, path: str) -> Any:
        """Return the JSON value at a path.

        Raises:
            OracleError: no answer after the last retry, a status other than 200, or no JSON.
        """
        return self._ask("GET", path, None)

    def post(self, path: str, body: object) -> Any:
        """Return the JSON value that a path answers to a JSON value; raises as :meth:`get`."""
        return self._ask("POST", path, body)

    def rows(
        self, ask: Callable[[Word], Sequence[float]], sequences: Sequence[Word], columns: int
    ) -> floats.Array:
        """Return ``ask(sequence)``, a row, for each sequence; several of them at a time.

        Raises:
            UnansweredError: some sequence raised OracleError; those not begun by then are left.
        """
        pool = ThreadPoolExecutor(self.connections, thread_name_prefix="llr-http")
        try:
            asked = [pool.submit(ask, sequence) for sequence in sequences]
            wait(asked, return_when=FIRST_EXCEPTION)
        finally:
            pool.shutdown(cancel_futures=True)
        errors = [None if one.cancelled() else one.exception() for one in asked]
        for error in errors:
            if isinstance(error, OracleError):
                done = [i for i, one in enumerate(asked) if not (one.cancelled() or errors[i])]
                answers = floats.matrix([asked[i].result() for i in done], columns)
                raise UnansweredError(str(error), done, answers) from None
        return floats.matrix([one.result() for one in asked], columns)

    def _ask(self, method: str, path: str, body: object) -> Any:
        where = f"{self.url}{path}"
        try:
            given = {} if body is None else {"json": body}
            response = self._pool.request(method, where, redirect=False, **given)
        except self._errors.HTTPError as error:
            raise OracleError(f"{where} gave no answer: {self._why(error)}") from None
        if response.status != 200:
            raise OracleError(f"{where} answered {response.status}: {self._shown(response.data)}")
        try:
            return self._cleared(json.loads(response.data, object_pairs_hook=_without_repeats))
        except (ValueError, RecursionError) as error:
            why = (
                str(error)
                if isinstance(error, _RepeatedNameError)
                else "something that is not JSON"
            )
            raise OracleError(f"{where} answered {why}: {self._shown(response.data)}") from None

    def _why(self, error: Exception) -> str:
        """Return what went wrong, in words, and after how many retries."""
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, self._errors.NewConnectionError):
            what = "no connection"
        elif isinstance(reason, self._errors.TimeoutError):
            what = f"nothing came for {self._timeout:g} s"
        elif isinstance(reason, self._errors.ProtocolError):
            what = "the connection broke"
        else:
            what = self._hidden(str(reason))
        return f"{shorten(ShownAs(what), 200)} ({self._retries} retries)"

    def _shown(self, data: bytes) -> str:
        return shorten(ShownAs(self._hidden(data.decode("utf-8", "replace"))), 200) or "nothing"

    def _hidden(self, text: str) -> str:
        """Return a text without the key, should the server have sent it back."""
        return self._spelled.sub("(key)", text) if self._key else text

    def _cleared(self, value: Any) -> Any:
        """Return a JSON value without the key in any text, names included."""
        if not self._key:
            return value
        if isinstance(value, str):
            return value.replace(self._key, "(key)") if self._key in value else value
        if isinstance(value, list):
            return [self._cleared(item) for item in value]
        if isinstance(value, dict):
            return {self._cleared(name): self._cleared(item) for name, item in value.items()}
        return value


def _retry(urllib3: Any) -> Any:
    """Return urllib3's rules of asking again, with a limit on what a server may ask for."""

    class Retry(urllib3.Retry):  # type: ignore[misc]
        def get_retry_after(self, response: Any) -> float | None:
            found: float | None = super().get_retry_after(response)
            return None if found is None else min(found, LONGEST_WAIT)

    return Retry


class _RepeatedNameError(ValueError):
    """Report a JSON object in which a name stands twice."""


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedNameError("an object in which a name stands twice")
    return found


def _checked_url(written: str) -> str:
    """Return the URL without its last slash; what may be secret in a bad one is not shown."""
    expected = "http://HOST[:PORT][/PATH] or the like with https"
    try:
        parts = urlsplit(written)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        known = False
    if not known:
        raise InputError("url", ShownAs("something else"), expected)
    if "@" in parts.netloc or parts.query or parts.fragment:
        shown = ShownAs("a URL with more")
        raise InputError("url", shown, f"{expected}: no user, password, query or fragment in it")
    return written.rstrip("/")


def _one_spelling(url: str) -> str:
    """Return a checked URL with its host in lower case and the port that goes without saying."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}:{port}{parts.path}"


def _spellings(key: str) -> re.Pattern[str]:
    """Return what finds a key in a text, be its characters escaped as JSON allows or not."""
    return re.compile("".join(rf"(?:\\?{re.escape(c)}|\\u(?i:{ord(c):04x}))" for c in key))


def _key(name: str | None) -> str:
    """Return the key in an environment variable; whatever is wrong, neither is shown."""
    if name is None:
        found = os.environ.get(KEY, "")
    elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and os.environ.get(name):
        found = os.environ[name]
    else:
        expected = "the name of an environment variable that holds the server's key"
        raise InputError("key", ShownAs("a name of no variable that is set"), expected)
    if not (found.isascii() and found.isprintable()):
        raise InputError("key", ShownAs("a line with other characters"), "printable ASCII")
    return found
