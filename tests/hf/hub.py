"""A hub of models on loopback: what huggingface_hub's client asks of the real one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

BRANCH = "main"


@dataclass
class Hub:
    """Models by name and revision, each a folder.

    Attributes:
        models: folder of every name and revision.
        url: where it is served.
        fetched: the files that were sent, by name.
    """

    models: dict[tuple[str, str], Path] = field(default_factory=dict)
    url: str = ""
    fetched: list[str] = field(default_factory=list)

    def put(self, name: str, folder: Path, revision: str = BRANCH) -> str:
        """Offer a folder under a name and a revision; return the commit."""
        self.models[name, revision] = folder
        return commit(name, revision)

    def folder(self, name: str, revision: str) -> tuple[str, Path] | None:
        """Return the commit and the folder of a revision or a commit."""
        for (own, written), folder in self.models.items():
            if own == name and revision in (written, commit(own, written)):
                return commit(own, written), folder
        return None

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of an answer."""
        parts = [unquote(part) for part in urlsplit(path).path.strip("/").split("/")]
        api = parts[:2] == ["api", "models"]
        if len(parts) < 4:
            return refusal(404, "EntryNotFound", "no such page")
        owner, model, verb, revision, *file = parts[2:] if api else parts
        name = f"{owner}/{model}"
        if all(own != name for own, _ in self.models):
            return refusal(401, "RepoNotFound", "no such model")
        found = self.folder(name, revision)
        if found is None:
            return refusal(404, "RevisionNotFound", "no such revision")
        sha, folder = found
        names = sorted(p.name for p in folder.iterdir())
        if api and verb == "revision":
            files = [{"rfilename": one} for one in names]
            return listing({"id": name, "modelId": name, "sha": sha, "siblings": files})
        if api and verb == "tree":
            return listing([entry(folder / one) for one in names])
        path = folder / "/".join(file)
        if verb != "resolve" or not path.is_file():
            return refusal(404, "EntryNotFound", "no such file")
        body = path.read_bytes()
        return 200, {"X-Repo-Commit": sha, "ETag": f'"{sha1(body).hexdigest()}"'}, body


def commit(name: str, revision: str) -> str:
    """Return the commit that a revision of a model stands for."""
    return sha1(f"{name} {revision}".encode()).hexdigest()


def entry(path: Path) -> dict[str, object]:
    """Return a file as the listing of a tree has it."""
    body = path.read_bytes()
    return {"type": "file", "oid": sha1(body).hexdigest(), "size": len(body), "path": path.name}


def listing(value: object) -> tuple[int, dict[str, str], bytes]:
    """Return an answer of JSON."""
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def refusal(status: int, code: str, why: str) -> tuple[int, dict[str, str], bytes]:
    """Return an answer that says no."""
    return (
        status,
        {"X-Error-Code": code, "X-Error-Message": why},
        json.dumps({"error": why}).encode(),
    )


@contextmanager
def serving() -> Iterator[Hub]:
    """Serve a hub without models."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.send(with_body=False)

        def do_GET(self) -> None:
            self.send(with_body=True)

        def send(self, with_body: bool) -> None:
            status, headers, body = hub.answer(self.path)
            if with_body and "X-Repo-Commit" in headers:
                hub.fetched.append(self.path.rsplit("/", 1)[1])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
