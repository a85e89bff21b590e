"""Servers for the tests: llama.cpp's own with tiny random weights, and one that misbehaves."""

from __future__ import annotations

import pytest
from faulty import Faulty, served
from serve_gguf import serving
from tiny_gguf import Tiny

from llr.oracles import transport


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    """Retry soon, and know no key."""
    monkeypatch.setattr(transport, "BACKOFF", 0.001)
    monkeypatch.delenv(transport.KEY, raising=False)


@pytest.fixture(scope="session")
def gguf(tmp_path_factory):
    """Return the path of a random model."""
    return Tiny().write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="session")
def llama(gguf):
    """Serve it, one question at a time."""
    with serving(gguf) as server:
        yield server


@pytest.fixture
def faulty():
    """Serve a model of six tokens that misbehaves on command."""
    with served(Faulty()) as server:
        yield server
