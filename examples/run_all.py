"""Everything that one small real model shows, in one run: spectrum, LINGEN, learned surrogates.

``python examples/run_all.py FOLDER`` trains the model of ``train_small_lm.py`` in FOLDER/models
(unless it is there), asks it through transformers and through llama.cpp's own server, and writes
what every command printed, with the command and its time, to FOLDER/record.  Answers are kept in
FOLDER/answers.db: the same command goes on after an interruption.  ``--quick`` runs the same
commands in less than a minute, at sizes that only show that they run.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from compare_with_llamacpp import serving
from train_small_lm import find_text, split

HERE = Path(__file__).parent
CONTEXT = 256
TEXT = "held-out.txt"

PLOT = "--plot record"


@dataclass(frozen=True)
class Size:
    """How large a record is.

    Attributes:
        train, spectrum, ranks, lingen, surrogate, compare, speed: options of the commands about
            files.
        served_spectrum, served_lingen, served_surrogate: options of those about the server.
        spectrum_of, lingen_of, surrogate_of, learn_of: parameters of their targets.
    """

    train: str
    spectrum: str
    ranks: str
    lingen: str
    surrogate: str
    compare: str
    speed: str
    served_spectrum: str
    served_lingen: str
    served_surrogate: str
    spectrum_of: str = "T=16"
    lingen_of: str = "T=31"
    surrogate_of: str = "T=16,k=256"
    learn_of: str = "T=8,k=64"


FULL = Size(
    train="",
    spectrum=f"--histories 320 --futures 320 --sizes 4 --cuts 2,9,16 --error 0.5 {PLOT}",
    ranks="--histories 160 --futures 160 --sizes 1 --cuts all --error 0.5",
    lingen="--prompts 6 --length 16 --histories 25,50,100,200,400 --futures 10 --continuations 3 "
    + PLOT,
    surrogate="--calls 4000,16000,64000 --ranks 17,33,65,129 --distill --lean 4,8,16 --relaxed 16 "
    + PLOT,
    compare="",
    speed="",
    served_spectrum="--histories 80 --futures 80 --sizes 2 --cuts 9,16 --error 0.5",
    served_lingen="--prompts 4 --length 16 --histories 25,50,100 --futures 10 --continuations 2 "
    "--kinds chosen",
    served_surrogate="--calls 4000,16000 --ranks 33,65,129 --distill --words 256",
)

QUICK = Size(
    train="--steps 10",
    spectrum="--histories 16 --futures 8 --sizes 1",
    ranks="--histories 8 --futures 4 --sizes 1 --cuts all --error 2",
    lingen="--prompts 1 --length 4 --steps 3 --histories 5 --futures 5 --continuations 1",
    surrogate="--calls 100 --ranks 5 --words 10 --lean 2 --relaxed 2",
    compare="--prefixes 4",
    speed="--rounds 1",
    served_spectrum="--histories 8 --futures 4 --sizes 1 --cuts 6 --error 2",
    served_lingen="--prompts 1 --length 4 --steps 3 --histories 5 --futures 5 --continuations 1 "
    "--kinds chosen",
    served_surrogate="--calls 40 --ranks 5 --words 5",
    spectrum_of="T=6",
    lingen_of="T=7",
    surrogate_of="T=6,k=16",
    learn_of="T=4,k=16",
)
"""Says nothing about the model: it shows that everything runs."""


def asked_of_transformers(size: Size) -> Iterator[tuple[str, str]]:
    """Yield names and commands about the models on disk."""
    full, half, untrained = (f"hf:model=models/{name}" for name in ("full", "half", "untrained"))
    of = size.spectrum_of
    yield "spectrum", f"llr spectrum {full},{of} --control {untrained},{of} {size.spectrum}"
    yield "ranks", f"llr spectrum {full},{of} {size.ranks}"
    of = size.lingen_of
    text = f"--text {TEXT} --checkpoint {half},{of}"
    yield "lingen", f"llr lingen {full},{of} {text} {size.lingen}"
    yield "surrogate", f"llr surrogate {full},{size.surrogate_of} {size.surrogate}"
    learn = "--arithmetic float --epsilon 0.5 --rank 8 --relaxed"
    yield "learn", f"llr learn {full},{size.learn_of} {learn}"


def asked_of_server(url: str, size: Size) -> Iterator[tuple[str, str]]:
    """Yield names and commands about the model behind llama.cpp's server."""
    served = f"llamacpp:url={url}"
    half, untrained = (f"hf:model=models/{name}" for name in ("half", "untrained"))
    of = size.spectrum_of
    control = f"--control {untrained},{of}"
    yield "served-spectrum", f"llr spectrum {served},{of} {control} {size.served_spectrum}"
    of = size.lingen_of
    text = f"--text {TEXT} --checkpoint {half},{of}"
    yield "served-lingen", f"llr lingen {served},{of} {text} {size.served_lingen}"
    yield "served-surrogate", f"llr surrogate {served},{size.surrogate_of} {size.served_surrogate}"


def run(command: str, folder: Path, name: str) -> None:
    """Run a command in a folder; write it, what it printed and its time to record/NAME.txt.

    The certificate of a real model's learned one says nothing, and ``llr learn`` ends with 1.
    """
    click.echo(command, err=True)
    program, *words = shlex.split(command)
    if program == "python":
        words = [sys.executable, str(HERE / words[0]), *words[1:]]
    else:
        own = shutil.which(program, path=str(Path(sys.executable).parent))
        words = [own or program, *words]
    began = time.perf_counter()
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, cwd=folder)
    if done.returncode not in (0, 1 if name == "learn" else 0):
        done.check_returncode()
    spent = time.perf_counter() - began
    lines = [f"$ {command}", *(line.rstrip() for line in done.stdout.splitlines())]
    code = f"exit code {done.returncode}, " if done.returncode else ""
    text = "\n".join([*lines, "", f"{code}{spent:.0f} s", ""])
    (folder / "record" / f"{name}.txt").write_text(text, encoding="utf-8")


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--quick", is_flag=True, help="Run everything, with sizes that say nothing.")
def main(folder: Path, quick: bool) -> None:
    """Make the whole record in FOLDER/record."""
    size = QUICK if quick else FULL
    (folder / "record").mkdir(parents=True, exist_ok=True)
    if not (folder / "models" / "full.gguf").is_file():
        run(f"python train_small_lm.py --out models --gguf {size.train}".strip(), folder, "train")
    held_out = split(find_text(None).lines)[1]
    (folder / TEXT).write_text("\n".join(held_out) + "\n", encoding="utf-8")
    for name, command in asked_of_transformers(size):
        run(f"{command} --journal answers.db", folder, name)
    compare = f"python compare_with_llamacpp.py models/full models/full.gguf {size.compare}"
    run(compare.strip(), folder, "llamacpp")
    run(f"python oracle_speed.py models/full {size.speed}".strip(), folder, "oracle-speed")
    with serving(folder / "models" / "full.gguf", CONTEXT) as url:
        for name, command in asked_of_server(url, size):
            run(f"{command} --journal answers.db", folder, name)


if __name__ == "__main__":
    main()
