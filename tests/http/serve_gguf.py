"""Serve a GGUF with llama.cpp's own HTTP server: ``python serve.py FILE PORT [SLOTS]``."""

from __future__ import annotations

import sys
import time

import xllamacpp

p = xllamacpp.CommonParams()
p.model.path = sys.argv[1]
p.port = int(sys.argv[2])
p.n_parallel = int(sys.argv[3]) if len(sys.argv) > 3 else 1
p.n_ctx = 64 * p.n_parallel
p.cpuparams.n_threads = 1
p.cpuparams_batch.n_threads = 1
p.n_gpu_layers = 0
p.warmup = False
server = xllamacpp.Server(p)
print(server.listening_address, flush=True)
while True:
    time.sleep(3600)
