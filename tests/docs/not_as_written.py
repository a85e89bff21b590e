"""Commands of the pages that are not executed as they are written, each with its reason."""

from __future__ import annotations

from shell_pages import Instead

TRAIN = "python examples/train_small_lm.py --out models"
TEN_STEPS = "--steps 10 --text held-out.txt"
"""Training that takes seconds; conftest.py puts the text into the folder of a page."""

FULL, HALF, UNTRAINED = (f"hf:model=models/{name}" for name in ("full", "half", "untrained"))

CHECKOUT = Instead("executed by two_commands.py in a clean checkout")
NETWORK = Instead("installs over the network; the environment has what it names")
TRAINING = "trains for 150 s"
MINUTES = "runs for minutes"

INSTEAD = {
    # README
    "python3 -m venv .venv && .venv/bin/pip install --quiet . && .venv/bin/llr verify": CHECKOUT,
    "python3 -m venv .venv && .venv/bin/pip install --quiet tox && .venv/bin/tox": CHECKOUT,
    "llr verify": CHECKOUT,
    f'pip install ".[bench,hf]" && {TRAIN}': Instead(TRAINING, f"{TRAIN} {TEN_STEPS}"),
    f"llr spectrum {FULL},T=16 --control {UNTRAINED},T=16 --plot plots": Instead(
        MINUTES,
        f"llr spectrum {FULL},T=16 --control {UNTRAINED},T=16 --plot plots"
        " --histories 40 --futures 8 --sizes 1",
    ),
    f'llr lingen {FULL},T=64 --prompt "And the LORD said unto Moses," --futures 10': Instead(
        MINUTES,
        f'llr lingen {FULL},T=64 --prompt "And the LORD said" --futures 5 --histories 20'
        " --continuations 1",
    ),
    f"llr surrogate {FULL},T=16,k=256 --calls 4000,16000,64000 --ranks 17,33,65,129 --distill"
    " --lean 4,8,16 --relaxed 16 --plot plots": Instead(
        MINUTES,
        f"llr surrogate {FULL},T=16,k=256 --calls 400 --ranks 9 --words 32 --plot plots",
    ),
    # docs/claims.md
    "llr verify --update-records --profile nightly --seed 1 lemma-5.3-linear": Instead(
        "writes into the package", "llr verify --seed 1 lemma-5.3-linear"
    ),
    # docs/json.md
    "llr verify --json > results.jsonl": Instead(
        MINUTES, "llr verify --json lemma-5.3 lemma-5.7-printed > results.jsonl"
    ),
    "llr verify --resume results.jsonl": Instead(
        MINUTES, "llr verify --resume results.jsonl lemma-5.3 lemma-5.7-printed"
    ),
    # docs/lingen.md
    f"llr lingen {FULL},T=31 --text held-out.txt --prompts 6 --length 16"
    " --histories 25,50,100,200,400 --futures 10 --continuations 3"
    f" --checkpoint {HALF},T=31 --plot plots": Instead(
        MINUTES,
        f"llr lingen {FULL},T=31 --text held-out.txt --prompts 1 --length 16 --histories 20"
        f" --futures 5 --continuations 1 --checkpoint {HALF},T=31 --plot plots",
    ),
    # docs/noise.md
    "pytest tests/benchmarks/test_noise.py tests/benchmarks/test_noise_growth.py"
    " --benchmark-json=noise.json": Instead(
        "the bench environment runs them",
        "pytest {root}/tests/benchmarks/test_noise.py {root}/tests/benchmarks/test_noise_growth.py"
        " --benchmark-json=noise.json --collect-only -q",
    ),
    # docs/real.md
    'pip install ".[hf]" gguf': NETWORK,
    'llr learn "llamacpp:url=http://127.0.0.1:8080,T=8,k=64,prompt=In the beginning"'
    " --arithmetic float --epsilon 0.1 --rank 16 --relaxed --journal answers.db"
    " --out model.json": Instead(
        "asks a server of the reader's, for minutes; the small run accepts nothing",
        'llr learn "llamacpp:url={server},T=3,k=8,prompt=In the beginning" --arithmetic float'
        " --epsilon 0.9 --rank 8 --relaxed --journal answers.db --out model.json"
        " || test $? = 1",
    ),
    # docs/scale.md
    "llr sweep scale.toml": Instead(
        "54 tasks run for minutes",
        "sed -i 's/16, 32, 64/4, 8, 12/; s/2, 4, 8/2/; s/0, 1/0/' scale.toml"
        " && llr sweep scale.toml",
    ),
    # docs/spectrum.md
    f"llr spectrum {FULL},T=16 --control {UNTRAINED},T=16 --histories 320 --futures 320 --sizes 4"
    " --cuts 2,9,16 --error 0.5 --plot plots": Instead(
        MINUTES,
        f"llr spectrum {FULL},T=16 --control {UNTRAINED},T=16 --histories 40 --futures 8 --sizes 1"
        " --cuts 2,9 --error 0.5 --plot plots",
    ),
    # docs/surrogate.md
    f"llr surrogate {FULL},T=16,k=256 --calls 4000,16000,64000 --ranks 17,33,65,129 --distill"
    " --lean 4,8,16 --relaxed 16 --plot plots --journal answers.db": Instead(
        MINUTES,
        f"llr surrogate {FULL},T=8,k=32 --calls 300,600 --ranks 5,9 --words 32 --lean 2"
        " --relaxed 2 --plot plots --journal answers.db",
    ),
    f"llr learn {FULL},T=16,k=256 --algorithm shared --rank 65 --calls 16000 --arithmetic float"
    " --epsilon 0.5 --out network.json": Instead(
        MINUTES,
        f"llr learn {FULL},T=16,k=256 --algorithm shared --rank 9 --calls 600 --arithmetic float"
        " --epsilon 0.5 --out network.json",
    ),
    # docs/sweeps.md
    "llr sweep spec.toml --workers 2 --plot plots": Instead(
        "60 tasks run for minutes",
        "sed -i 's/0..4/0..0/; s/8, 16, 32/2, 3, 4/' spec.toml"
        " && llr sweep spec.toml --workers 2 --plot plots",
    ),
    "dask scheduler": Instead("runs until it is stopped; the sweep environment starts one"),
    "dask worker tcp://HOST:8786 --nthreads 1 --nworkers auto": Instead(
        "runs until it is stopped; the sweep environment starts some"
    ),
    # examples/README.md
    'pip install ".[bench,hf,http]" gguf xllamacpp': NETWORK,
    "apt-get install bible-kjv-text        # optional: the King James text, public domain": Instead(
        "installs a package of the system"
    ),
    f"{TRAIN} --gguf": Instead(TRAINING, f"{TRAIN} --gguf {TEN_STEPS}"),
    "python examples/run_all.py FOLDER": Instead(
        "runs for half an hour; tests/http runs it with --quick",
        "python examples/run_all.py --help",
    ),
}
"""Command, on one line -> what is executed in its place."""

EXITS = {
    # docs/tutorial.md: the certificate of another target
    "llr check proof.json model.json isan:T=8,k=2,d=3,seed=1": 1,
    # docs/real.md: the budget ends the first of two runs
    "llr learn isan:T=7,k=3,d=3 --epsilon 0.1 --delta 0.1 --journal answers --max-calls 100"
    " --out model.json": 3,
}
"""Command, on one line -> the exit code that it ends with, where it is not 0."""
