"""Train a small transformer on free text: a real language model, made here.

A 2-layer Llama with 512 byte-level BPE tokens (or the 256 bytes), on one thread, in minutes.  The
text is the King James one where Debian's package bible-kjv-text is installed, Python's own
documentation elsewhere.  The folder that it writes holds ``full``, ``half`` (after half the steps)
and ``untrained`` (the first weights), each in Hugging Face's format, and ``record.json``: what was
done.

    python examples/train_small_lm.py --out models --gguf

Nothing is downloaded.  The same seed, steps and versions give the same weights bit for bit.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from llr.errors import InputError, ShownAs
from llr.screen import INTERRUPTED, parse_integer, show, table

START = "<s>"
VOCABULARY = {"512": 512, "bytes": 257}
"""Tokens in all, the start token included."""

STEPS = 1000
LEARNING_RATE, WARM_UP, WEIGHT_DECAY = 6e-3, 50, 0.05
LAST_RATE = 0.05
"""Share of the learning rate that the cosine ends at."""

BLOCK, EVERY = 100, 20
"""Of blocks of so many lines, one in so many is held out."""

MIN_LINES = 2 * BLOCK
TIMED = 5
"""Steps done to see how many fit in the time."""


@dataclass(frozen=True)
class Text:
    """Lines to learn from, where they came from and under what terms."""

    lines: list[str]
    source: str
    licence: str


@dataclass(frozen=True)
class Size:
    """The architecture, and how many windows of a whole context one step learns from."""

    layers: int = 2
    width: int = 128
    inner: int = 384
    heads: int = 4
    context: int = 256
    batch: int = 8

    @property
    def tokens_per_step(self) -> int:
        """Targets in one step."""
        return self.batch * self.context


@dataclass(frozen=True)
class Plan:
    """How to train: for a number of steps or, where that is None, for some minutes."""

    seed: int
    vocabulary: int = 512
    steps: int | None = STEPS
    minutes: float = 0.0
    size: Size = Size()


@dataclass
class Trained:
    """The models by name as state dicts, with the tokenizer, the configuration and the record."""

    tokenizer: Any
    config: Any
    weights: dict[str, dict[str, Any]] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)


def find_text(path: str | None) -> Text:
    """Return a file's text, or the King James text, or Python's documentation.

    Raises:
        InputError: the file cannot be read, is not UTF-8 or is too short.
    """
    if path is not None:
        try:
            written = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("text", path, f"a readable file in UTF-8 ({error})") from None
        return Text(_lines(written, path), path, "the caller's")
    bible = shutil.which("bible")
    if bible is not None:
        done = subprocess.run(
            [bible, "-f", "gen1:1-rev22:21"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        # Each line is one verse after its reference.
        verses = "\n".join(line.partition(" ")[2] for line in done.stdout.splitlines())
        if done.returncode == 0 and verses:
            name = "King James text (Debian's package bible-kjv-text)"
            return Text(_lines(verses, name), name, "public domain (copyright expired)")
    return python_documentation()


def python_documentation() -> Text:
    """Return the text of Python's help on its own topics."""
    from pydoc_data.topics import topics

    name = f"Python {platform.python_version()}'s documentation (pydoc_data.topics)"
    return Text(_lines("\n".join(topics[k] for k in sorted(topics)), name), name, "PSF-2.0")


def _lines(text: str, source: str) -> list[str]:
    found = [line.strip() for line in text.splitlines()]
    found = [line for line in found if line]
    if len(found) < MIN_LINES:
        raise InputError("text", source, f"a text of at least {MIN_LINES} lines that are not blank")
    return found


def split(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the lines to learn from and those held out: one block in so many."""
    every = min(EVERY, len(lines) // BLOCK)
    held = [place // BLOCK % every == every - 1 for place in range(len(lines))]
    chosen = list(zip(lines, held, strict=True))
    return [line for line, out in chosen if not out], [line for line, out in chosen if out]


def make_tokenizer(lines: list[str], vocabulary: int) -> Any:
    """Return a byte-level BPE tokenizer whose token 0 is the start token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[START],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((line + "\n" for line in lines), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", special_tokens=[(START, 0)]
    )
    tokenizer.encode_special_tokens = True  # "<s>" inside a text is three letters
    return tokenizer


@dataclass(frozen=True)
class Tokens:
    """A text as ids, and where its lines start."""

    ids: np.ndarray
    starts: np.ndarray


def encode(tokenizer: Any, lines: list[str], context: int) -> Tokens:
    """Return the ids of the lines, each ended by a newline, and where whole windows start."""
    pieces = [tokenizer.encode(line + "\n", add_special_tokens=False).ids for line in lines]
    starts = np.cumsum([0, *map(len, pieces)])[:-1]
    ids = np.array([i for piece in pieces for i in piece], dtype=np.int64)
    starts = starts[starts <= len(ids) - context]
    if not len(starts):
        short = ShownAs(f"{len(lines)} lines of {len(ids)} tokens")
        raise InputError("text", short, f"long enough for a window of {context} tokens")
    return Tokens(ids, starts)


def windows(text: Tokens, context: int) -> np.ndarray:
    """Return windows that do not overlap, each from the start of a line."""
    found, end = [], 0
    for start in text.starts:
        if start >= end:
            end = start + context
            found.append(text.ids[start:end])
    return np.array(found)


def baselines(train: Tokens, held_out: np.ndarray, vocabulary: int) -> dict[str, float]:
    """Return what three simple models lose on the windows, in nats per token.

    The bigram backs off to the unigram by Witten and Bell's rule, the unigram to the uniform one.
    """
    counts = np.bincount(train.ids, minlength=vocabulary).astype(float)
    seen = (counts > 0).sum()
    unigram = (counts + seen / vocabulary) / (counts.sum() + seen)
    pairs = np.zeros((vocabulary, vocabulary))
    np.add.at(pairs, (train.ids[:-1], train.ids[1:]), 1.0)
    pairs[0] = np.bincount(train.ids[train.starts], minlength=vocabulary)
    followers = np.maximum((pairs > 0).sum(axis=1, keepdims=True), 1)
    bigram = (pairs + followers * unigram) / (pairs.sum(axis=1, keepdims=True) + followers)
    before = np.concatenate([np.zeros((len(held_out), 1), dtype=int), held_out[:, :-1]], axis=1)
    return {
        "uniform": float(np.log(vocabulary)),
        "unigram": float(-np.log(unigram[held_out]).mean()),
        "bigram": float(-np.log(bigram[before, held_out]).mean()),
    }


def configuration(vocabulary: int, size: Size) -> Any:
    """Return the architecture."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=size.width,
        intermediate_size=size.inner,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        max_position_embeddings=size.context,
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=None,
        pad_token_id=None,
    )


def new_model(config: Any, seed: int) -> Any:
    """Return a model with weights drawn from the seed; the global generator is left as it was."""
    import torch
    from transformers import LlamaForCausalLM

    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        model = LlamaForCausalLM(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.normal_(0.0, config.initializer_range, generator=generator)
    return model.float()


def loss_of(model: Any, targets: np.ndarray) -> Any:
    """Return the mean loss of windows in nats per token, each after the start token."""
    import torch

    ids = torch.from_numpy(targets)
    before = torch.cat([torch.zeros_like(ids[:, :1]), ids[:, :-1]], dim=1)
    logits = model(input_ids=before, use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten())


def held_out_loss(model: Any, held_out: np.ndarray, batch: int) -> float:
    """Return the mean loss of all windows."""
    import torch

    with torch.inference_mode():
        parts = [held_out[i : i + batch] for i in range(0, len(held_out), batch)]
        return float(sum(loss_of(model, p).item() * len(p) for p in parts) / len(held_out))


def rate(step: int, steps: int) -> float:
    """Return the share of the learning rate: a linear start, then a cosine."""
    warm = min(WARM_UP, max(1, steps // 10))
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    return LAST_RATE + (1 - LAST_RATE) * (1 + float(np.cos(np.pi * done))) / 2


class Trainer:
    """One run of AdamW over random windows; the same seed draws the same windows."""

    def __init__(self, config: Any, text: Tokens, plan: Plan) -> None:
        import torch

        self.model = model = new_model(config, plan.seed)
        self._text, self._size = text, plan.size
        self._rng = np.random.default_rng(plan.seed)
        matrices = [w for w in model.parameters() if w.dim() == 2]
        others = [w for w in model.parameters() if w.dim() != 2]
        self._optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": others}],
            lr=LEARNING_RATE,
            betas=(0.9, 0.98),
            weight_decay=0.0,
        )

    def step(self, share: float) -> float:
        """Do one step at a share of the learning rate; return the loss before it."""
        import torch

        for group in self._optimizer.param_groups:
            group["lr"] = LEARNING_RATE * share
        starts = self._rng.choice(self._text.starts, self._size.batch)
        ids = [self._text.ids[s : s + self._size.context] for s in starts]
        loss = loss_of(self.model, np.stack(ids))
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        return float(loss.item())


def train(
    text: Text,
    plan: Plan,
    told: Callable[[int, int, float], None] = lambda step, steps, loss: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train a model on a text, with as many threads as torch has been told to use.

    Args:
        told: called after every step with its number, the number of steps and the loss.
        stopped: asked before every step; True ends the run there.

    Returns:
        The weights ``untrained``, ``half`` (unless stopped before it) and ``full``.
    """
    size = plan.size
    learnt, kept_out = split(text.lines)
    tokenizer = make_tokenizer(learnt, plan.vocabulary)
    vocabulary = tokenizer.get_vocab_size()
    tokens = encode(tokenizer, learnt, size.context)
    held_out = windows(encode(tokenizer, kept_out, size.context), size.context)
    config = configuration(vocabulary, size)
    steps = steps_in(config, tokens, plan) if plan.steps is None else plan.steps
    trainer = Trainer(config, tokens, plan)
    found = Trained(tokenizer, config)

    def keep(name: str) -> None:
        weights = trainer.model.state_dict()
        found.weights[name] = {k: v.clone() for k, v in weights.items()}

    keep("untrained")
    begun, begun_cpu, done = time.monotonic(), time.process_time(), 0
    while done < steps and not stopped():
        loss = trainer.step(rate(done, steps))
        done += 1
        told(done, steps, loss)
        if done == steps // 2:
            keep("half")
    seconds, cpu = time.monotonic() - begun, time.process_time() - begun_cpu
    keep("full")
    losses = baselines(tokens, held_out, vocabulary)
    for name, weights in found.weights.items():
        trainer.model.load_state_dict(weights)
        losses[name] = held_out_loss(trainer.model, held_out, size.batch)
    found.record = {
        "text": {"source": text.source, "licence": text.licence, "lines": len(text.lines)},
        "tokens": {"train": len(tokens.ids), "held_out": int(held_out.size)},
        "vocabulary": vocabulary,
        "architecture": {
            "type": "llama",
            **asdict(size),
            "parameters": sum(w.numel() for w in trainer.model.parameters()),
        },
        "seed": plan.seed,
        "steps": steps,
        "steps_done": done,
        "interrupted": done < steps,
        "tokens_per_step": size.tokens_per_step,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "nats_per_token": losses,
        "versions": versions(),
    }
    return found


def steps_in(config: Any, tokens: Tokens, plan: Plan) -> int:
    """Return how many steps the time allows, from a few that are then thrown away."""
    trainer = Trainer(config, tokens, plan)
    trainer.step(0.0)
    begun = time.monotonic()
    for _ in range(TIMED):
        trainer.step(0.0)
    return max(2, int(plan.minutes * 60 * TIMED / (time.monotonic() - begun)))


def versions() -> dict[str, str]:
    """Return what the weights depend on beside the seed."""
    import tokenizers
    import torch
    import transformers

    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "machine": platform.machine(),
    }


def save(found: Trained, out: Path) -> None:
    """Write every model in Hugging Face's format, and the record."""
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=found.tokenizer, bos_token=START)
    with torch.random.fork_rng(devices=[]):
        model = LlamaForCausalLM(found.config)
    for name, weights in found.weights.items():
        model.load_state_dict(weights)
        model.save_pretrained(out / name)
        tokenizer.save_pretrained(out / name)
    text = json.dumps(found.record, indent=2) + "\n"
    (out / "record.json").write_text(text, encoding="utf-8")


@contextmanager
def progress() -> Iterator[Callable[[int, int, float], None]]:
    """Show a bar on a terminal's standard error; nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda step, steps, loss: None
        return
    columns = (
        TextColumn("training"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} steps, loss {task.fields[loss]:.3f}"),
        TextColumn("{task.fields[speed]:.0f} tokens/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=None, loss=float("nan"), speed=0.0)
        begun, smooth = time.monotonic(), None

        def told(step: int, steps: int, loss: float) -> None:
            nonlocal smooth
            smooth = loss if smooth is None else 0.9 * smooth + 0.1 * loss
            speed = step * Size().tokens_per_step / (time.monotonic() - begun)
            bar.update(task, completed=step, total=steps, loss=smooth, speed=speed)

        yield told


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C into an answer, so that no step is left half done; a second one kills."""
    asked = False

    def handler(number: int, frame: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def check_out(out: Path) -> Path:
    """Return a folder that can be written and holds no models yet, or raise InputError."""
    if any((out / name).exists() for name in ("full", "half", "untrained", "record.json")):
        raise InputError("out", str(out), "a folder without models in it")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("out", str(out), f"a folder ({error.strerror})") from None
    if not os.access(out, os.W_OK):
        raise InputError("out", str(out), "a folder that can be written")
    return out


def parse_minutes(written: str) -> float:
    """Return a positive number of minutes, or raise InputError."""
    try:
        minutes = float(written)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= 10_000:
        raise InputError("minutes", written, "a number in (0, 10000]")
    return minutes


def check_installed(option: str, module: str, wanted: str) -> None:
    """Raise InputError when a package is not installed."""
    if find_spec(module) is None:
        raise InputError(option, ShownAs(f"without {module}"), f"used after pip install {wanted}")


def one_thread() -> None:
    """Let this process compute on one thread, and draw no bars beside its own."""
    import torch
    from transformers.utils import logging

    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    logging.disable_progress_bar()


@click.command()
@click.option("--out", required=True, metavar="DIR", help="Folder for the models and the record.")
@click.option("--steps", metavar="N", help=f"Steps of training; {STEPS} unless --minutes is given.")
@click.option("--minutes", metavar="M", help="As many steps as fit; the record says how many.")
@click.option("--seed", default="0", metavar="N", show_default=True)
@click.option("--text", metavar="FILE", help="Text in UTF-8 to learn, in place of the usual one.")
@click.option("--vocabulary", type=click.Choice(list(VOCABULARY)), default="512", show_default=True)
@click.option("--gguf", is_flag=True, help="Write full.gguf as well, for llama.cpp.")
def main(
    out: str,
    steps: str | None,
    minutes: str | None,
    seed: str,
    text: str | None,
    vocabulary: str,
    gguf: bool,
) -> None:
    """Train a 2-layer transformer on public-domain text."""
    try:
        check_installed("training", "torch", '"llr[hf]"')
        check_installed("training", "transformers", '"llr[hf]"')
        if gguf:
            check_installed("--gguf", "gguf", "gguf")
        if steps is not None and minutes is not None:
            raise InputError("minutes", minutes, "left out where --steps is given")
        plan = Plan(parse_integer(seed, "seed"), VOCABULARY[vocabulary])
        if steps is not None:
            plan = replace(plan, steps=parse_integer(steps, "steps", 2))
        if minutes is not None:
            plan = replace(plan, steps=None, minutes=parse_minutes(minutes))
        lines = find_text(text)
        folder = check_out(Path(out))
        one_thread()
        with progress() as told, interruptible() as stopped:
            found = train(lines, plan, told, stopped)
        save(found, folder)
        if gguf:
            from convert_to_gguf import convert

            convert(folder / "full", folder / "full.gguf")
    except InputError as error:
        raise click.UsageError(str(error)) from None
    report = table(f"Held-out loss after {found.record['steps_done']} steps", "model", "nats/token")
    for name, loss in sorted(found.record["nats_per_token"].items(), key=lambda x: -x[1]):
        report.add_row(name, f"{loss:.4f}")
    show(report)
    click.echo(f"Text: {lines.source}, {lines.licence}. Models in {folder}.")
    if found.record["interrupted"]:
        steps_done, steps_wanted = found.record["steps_done"], found.record["steps"]
        click.echo(f"Interrupted: {steps_done} of {steps_wanted} steps done.")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
