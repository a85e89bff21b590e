"""A server with llama.cpp's shapes that misbehaves on command; and a proxy that keeps a log."""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3

SIZE = 6


class Faulty:
    """A model of SIZE tokens; token 0 is its start token, token i > 0 the i-th letter.

    Attributes:
        faults: what happens to the next questions for log-probabilities, one each.
        always: what happens to all others.
        instead: what happens at other paths, if it is not what should.
        key: what questions must show, if anything.
        name: of its file.
        shift: added to some logits.
        pause: seconds before every answer.
        size: V, as it says.
        asked: the prompts that came in.
        bodies: the questions.
        answered: how often each prompt was answered as it should be.
        headers: those of the last question.
        busy: the largest number of questions that were in flight at a time.
    """

    def __init__(self) -> None:
        self.faults: deque[Callable[[Any, dict[str, Any]], None]] = deque()
        self.always: Callable[[Any, dict[str, Any]], None] = good
        self.instead: dict[str, Callable[[Any, dict[str, Any]], None]] = {}
        self.key = ""
        self.name = "letters.gguf"
        self.shift = 0.0
        self.pause = 0.0
        self.size = SIZE
        self.asked: list[tuple[int, ...]] = []
        self.bodies: list[dict[str, Any]] = []
        self.answered: Counter[tuple[int, ...]] = Counter()
        self.headers: dict[str, str] = {}
        self.busy = self._now = 0
        self._lock = threading.Lock()
        self.url = ""

    def row(self, prompt: tuple[int, ...]) -> list[float]:
        """Return the log-probabilities at a prompt: those of a small automaton."""
        state = sum((i + 1) * token for i, token in enumerate(prompt)) % 5
        logits = [math.sin(1 + 2 * a + 3 * state) for a in range(SIZE)]
        logits[1] += self.shift
        logits[5] -= 12
        total = math.log(sum(map(math.exp, logits)))
        return [x - total for x in logits]

    def entries(self, prompt: tuple[int, ...]) -> list[dict[str, Any]]:
        """Return them as llama.cpp lists them: likeliest first."""
        row = self.row(prompt)
        order = sorted(range(SIZE), key=lambda a: -row[a])
        return [{"id": a, "token": text(a), "logprob": row[a]} for a in order]

    def handle(self, handler: Any, path: str, body: dict[str, Any]) -> None:
        """Answer one question."""
        self.headers = dict(handler.headers)
        if self.key and handler.headers.get("Authorization") != f"Bearer {self.key}":
            shown = handler.headers.get("Authorization")
            reply(handler, 401, {"error": {"message": f"Invalid API Key: {shown}"}})
        elif path in self.instead:
            self.instead[path](handler, body)
        elif path == "/v1/models":
            meta = {"n_vocab": self.size, "n_embd": 4, "n_params": 100, "size": 400}
            reply(handler, 200, {"data": [{"id": "m", "meta": meta}]})
        elif path == "/props":
            found = {
                "model_path": f"/home/someone/models/{self.name}",
                "build_info": "b1",
                "default_generation_settings": {"params": {"lora": []}},
            }
            reply(handler, 200, found)
        elif path == "/tokenize":
            ids = [ord(c) - 96 for c in body["content"]]
            reply(handler, 200, {"tokens": [0, *ids] if body["add_special"] else ids})
        elif path == "/detokenize":
            reply(handler, 200, {"content": "".join(map(text, body["tokens"]))})
        else:
            self._complete(handler, body)

    def _complete(self, handler: Any, body: dict[str, Any]) -> None:
        with self._lock:
            self.asked.append(tuple(body["prompt"]))
            self.bodies.append(body)
            self._now += 1
            self.busy = max(self.busy, self._now)
            fault = self.faults.popleft() if self.faults else self.always
        try:
            time.sleep(self.pause)
            fault(handler, body)
        finally:
            with self._lock:
                self._now -= 1


def text(token: int) -> str:
    """Return what a token stands for."""
    return chr(96 + token) if token else ""


def reply(handler: Any, status: int, value: object, headers: dict[str, str] | None = None) -> None:
    """Send a status and a JSON value, or bytes as they are."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    handler.send_response(status)
    for name, shown in {"Content-Length": str(len(data)), **(headers or {})}.items():
        handler.send_header(name, shown)
    handler.end_headers()
    handler.wfile.write(data)


def answer(entries: list[dict[str, Any]], prompt: tuple[int, ...]) -> dict[str, Any]:
    """Return what llama.cpp makes of a list of tokens."""
    return {
        "tokens_evaluated": len(prompt),
        "truncated": False,
        "completion_probabilities": [{"id": 0, "top_logprobs": entries}],
    }


def good(handler: Any, body: dict[str, Any]) -> None:
    """Answer as one should."""
    faulty, prompt = handler.server.faulty, tuple(body["prompt"])
    reply(handler, 200, answer(faulty.entries(prompt), prompt))
    faulty.answered[prompt] += 1


def legacy(handler: Any, body: dict[str, Any]) -> None:
    """Answer as /completions does: log-probabilities of the likeliest tokens, by text."""
    top = handler.server.faulty.entries(tuple(body["prompt"]))[: body["logprobs"]]
    found = {"top_logprobs": [{entry["token"]: entry["logprob"] for entry in top}]}
    reply(handler, 200, {"choices": [{"text": "a", "logprobs": found}]})


def changed(change: Callable[[list[dict[str, Any]]], object]) -> Callable[..., None]:
    """Return a fault: a good answer with its list of tokens changed in place."""

    def fault(handler: Any, body: dict[str, Any]) -> None:
        entries = handler.server.faulty.entries(tuple(body["prompt"]))
        change(entries)
        reply(handler, 200, answer(entries, body["prompt"]))

    return fault


def status(code: int, headers: dict[str, str] | None = None, value: object = None) -> Any:
    """Return a fault: a status."""
    return lambda handler, body: reply(handler, code, value or {"error": "so it is"}, headers)


def raw(data: bytes) -> Any:
    """Return a fault: status 200 with some bytes."""
    return lambda handler, body: reply(handler, 200, data)


def drop(handler: Any, body: dict[str, Any]) -> None:
    """Close the connection without a word."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def half(handler: Any, body: dict[str, Any]) -> None:
    """Close the connection in the middle of an answer."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"completion_prob')
    drop(handler, body)


def slow(seconds: float) -> Any:
    """Return a fault: a good answer that comes late."""

    def fault(handler: Any, body: dict[str, Any]) -> None:
        time.sleep(seconds)
        good(handler, body)

    return fault


class Proxy:
    """Passes everything on and keeps a log of the prompts that the server answered.

    Attributes:
        log: these prompts, in order.
        then: what happens when the log has so many, before the answer is passed on.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._http = urllib3.PoolManager(maxsize=8, retries=False)
        self._lock = threading.Lock()
        self.log: list[tuple[int, ...]] = []
        self.then: dict[int, Callable[[], object]] = {}
        self.url = ""

    def handle(self, handler: Any, path: str, body: dict[str, Any]) -> None:
        """Pass one question on; drop the connection if the server does not answer."""
        try:
            found = self._http.request(
                handler.command,
                f"http://127.0.0.1:{self._port}{path}",
                **({"json": body} if body else {}),
            )
        except urllib3.exceptions.HTTPError:
            drop(handler, body)
            return
        if path == "/completion" and found.status == 200:
            with self._lock:
                self.log.append(tuple(body["prompt"]))
                act = self.then.pop(len(self.log), None)
                if act is not None:
                    act()
        reply(handler, found.status, found.data)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._handled({})

    def do_POST(self) -> None:
        self._handled(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _handled(self, body: dict[str, Any]) -> None:
        try:
            self.server.faulty.handle(self, self.path, body)  # type: ignore[attr-defined]
        except (BrokenPipeError, ConnectionResetError):  # the client was killed or gave up
            self.close_connection = True

    def log_message(self, *words: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 32


@contextmanager
def served(what: Any) -> Iterator[Any]:
    """Serve a Faulty or a Proxy on a free port of loopback."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.faulty = what  # type: ignore[attr-defined]
        what.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield what
        finally:
            server.shutdown()
            thread.join()
