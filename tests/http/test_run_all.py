"""The script that makes the record of examples/, training included, at sizes of seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
import run_all
from click.testing import CliRunner

WANTED = "needs llama.cpp's server and the extra llr[hf]: tox -e http"
pytest.importorskip("torch", reason=WANTED)
pytest.importorskip("transformers", reason=WANTED)
pytest.importorskip("xllamacpp", reason=WANTED)

SHOWN = {
    "train": "Held-out loss after 10 steps",
    "spectrum": "  control ",
    "lingen": "prefixes with the prompt asked after the fit: 0",
    "ranks": "cut 6: Def 1.6's mean error",
    "surrogate": "relaxed lean learner (2)",
    "learn": "lean learner on hf:model=models/full",
    "llamacpp": "float32 throughout",
    "oracle-speed": "with a journal, remembered",
    "served-spectrum": "best rank-r approximations of the control",
    "served-lingen": "  checkpoint ",
    "served-surrogate": "soft n-gram",
}


def test_the_whole_record_in_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)  # a script finds the one beside it
    done = CliRunner().invoke(run_all.main, [str(tmp_path), "--quick"])
    assert done.exit_code == 0, done.output
    record = tmp_path / "record"
    assert {path.stem for path in record.iterdir()} == set(SHOWN)
    for name, said in SHOWN.items():
        text = (record / f"{name}.txt").read_text()
        command, *_, seconds = text.splitlines()
        assert command in {f"$ {line}" for line in done.stderr.splitlines()}
        assert said in text, text
        assert seconds.endswith(" s")
