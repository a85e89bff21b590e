"""The script that makes the record of examples/, on a model trained for seconds."""

from __future__ import annotations

from pathlib import Path

import convert_to_gguf
import pytest
import run_all
import small_models
import train_small_lm
from click.testing import CliRunner

WANTED = "needs llama.cpp's server and the extra llr[hf]: tox -e http"
pytest.importorskip("torch", reason=WANTED)
pytest.importorskip("transformers", reason=WANTED)
pytest.importorskip("xllamacpp", reason=WANTED)

SHOWN = {
    "spectrum": "  control ",
    "lingen": "prefixes with the prompt asked by LINGEN after the fit: 0",
    "surrogate": "relaxed lean learner (2)",
    "llamacpp": "float32 throughout",
    "served-spectrum": "best rank-r approximations",
    "served-lingen": "prefixes with the prompt asked by LINGEN after the fit: 0",
    "served-surrogate": "soft n-gram",
}


def test_the_whole_record_in_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)  # a script finds the one beside it
    models = tmp_path / "models"
    train_small_lm.one_thread()
    plan = small_models.small_plan(steps=30)
    train_small_lm.save(train_small_lm.train(small_models.documentation(), plan), models)
    convert_to_gguf.convert(models / "full", models / "full.gguf")
    monkeypatch.setattr(run_all, "CONTEXT", small_models.SMALL.context)
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
