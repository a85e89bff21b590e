"""Everything that one small real model shows, in one run: spectrum, LINGEN, learned surrogates.

``python examples/run_all.py FOLDER`` trains the model of ``train_small_lm.py`` in FOLDER/models
(unless it is there), asks it through transformers and through llama.cpp's own server, and writes
what every command printed, with the command and its time, to FOLDER/record.  Answers are kept in
FOLDER/answers.db: the same command goes on after an interruption.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
from compare_with_llamacpp import serving
from train_small_lm import find_text, split

HERE = Path(__file__).parent
CONTEXT = 256
TEXT = "held-out.txt"

SPECTRUM = "--histories 320 --futures 320 --sizes 4 --cuts 2,9,16 --error 0.5"
LINGEN = "--prompts 6 --length 16 --histories 25,50,100,200,400 --futures 10 --continuations 3"
SURROGATE = "--calls 4000,16000,64000 --ranks 17,33,65,129 --distill --lean 4,8,16 --relaxed 16"

SERVED_SPECTRUM = "--histories 40 --futures 40 --sizes 1 --cuts none"
SERVED_LINGEN = (
    "--prompts 2 --length 16 --histories 25,50 --futures 10 --continuations 2 --kinds chosen"
)
SERVED_SURROGATE = "--calls 4000 --ranks 33,65,129 --words 128"


PLOT = "--plot record"


def asked_of_transformers() -> Iterator[tuple[str, str]]:
    """Yield names and commands about the models on disk."""
    full, half, untrained = (f"hf:model=models/{name}" for name in ("full", "half", "untrained"))
    yield "spectrum", f"llr spectrum {full},T=16 --control {untrained},T=16 {SPECTRUM} {PLOT}"
    text = f"--text {TEXT} --checkpoint {half},T=31"
    yield "lingen", f"llr lingen {full},T=31 {text} {LINGEN} {PLOT}"
    yield "surrogate", f"llr surrogate {full},T=16,k=256 {SURROGATE} {PLOT}"


def asked_of_server(url: str) -> Iterator[tuple[str, str]]:
    """Yield names and commands about the model behind llama.cpp's server."""
    served = f"llamacpp:url={url}"
    yield "served-spectrum", f"llr spectrum {served},T=16 {SERVED_SPECTRUM}"
    yield "served-lingen", f"llr lingen {served},T=31 --text {TEXT} {SERVED_LINGEN}"
    yield "served-surrogate", f"llr surrogate {served},T=16,k=256 {SERVED_SURROGATE}"


def run(command: str, folder: Path, name: str) -> None:
    """Run a command in a folder; write it, what it printed and its time to record/NAME.txt."""
    click.echo(command, err=True)
    program, *words = shlex.split(command)
    if program == "python":
        words = [sys.executable, str(HERE / words[0]), *words[1:]]
    else:
        own = shutil.which(program, path=str(Path(sys.executable).parent))
        words = [own or program, *words]
    began = time.perf_counter()
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, cwd=folder)
    spent = time.perf_counter() - began
    lines = [f"$ {command}", *(line.rstrip() for line in done.stdout.splitlines())]
    text = "\n".join([*lines, "", f"{spent:.0f} s", ""])
    (folder / "record" / f"{name}.txt").write_text(text, encoding="utf-8")


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Make the whole record in FOLDER/record."""
    (folder / "record").mkdir(parents=True, exist_ok=True)
    if not (folder / "models" / "full.gguf").is_file():
        run("python train_small_lm.py --out models --gguf", folder, "train")
    held_out = split(find_text(None).lines)[1]
    (folder / TEXT).write_text("\n".join(held_out) + "\n", encoding="utf-8")
    for name, command in asked_of_transformers():
        run(f"{command} --journal answers.db", folder, name)
    run("python compare_with_llamacpp.py models/full models/full.gguf", folder, "llamacpp")
    with serving(folder / "models" / "full.gguf", CONTEXT) as url:
        for name, command in asked_of_server(url):
            run(f"{command} --journal answers.db", folder, name)


if __name__ == "__main__":
    main()
