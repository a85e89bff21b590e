"""All statements at one size, exact and noisy, in one go: under 50 ms."""

from __future__ import annotations

from flint import fmpq

from bounds import STATEMENTS
from bounds.parameters import Parameters
from llr.numbers.balls import Real

SIZE = {"horizon": 8, "alphabet_size": 2, "rank": 4}
RISKS = {"epsilon": "1/100", "delta": "1/100"}
XI = "1/1000000000000"
MOST_SECONDS = 0.05

CALLS = [
    *(
        ("parameters", SIZE | RISKS | {"xi": xi, "tolerant": tolerant})
        for xi in (0, XI)
        for tolerant in (False, True)
    ),
    ("parameters-printed", SIZE | RISKS | {"alpha": 1, "xi": XI, "constant": 1}),
    ("theorem-5.11-printed", SIZE | {"epsilon": "1/100"}),
    ("theorem-5.11-mausberg", {"horizon": 8, "rank": 4, "epsilon": "1/100"}),
    (
        "theorem-5.14",
        {
            "samples": 10**6,
            "horizon": 8,
            "alphabet_size": 2,
            "average": XI,
            "delta": "1/100",
        },
    ),
    ("alpha", {"rank": 4, "lam": 8}),
    ("alpha-gamma-2", {"rank": 4, "lam": 8}),
    (
        "lemma-5.10",
        {
            "horizon": 8,
            "alphabet_size": 2,
            "epochs": 25,
            "draws": 10**10,
            "words": 1704,
            "width": 21,
        },
    ),
    ("counting-limit", {"alphabet_size": 2, "cut_ranks": (1, 2, 4, 4, 4, 4, 4, 2)}),
    ("needle", {"length": 7}),
    ("scalar-lower-bound", {"horizon": 32, "xi": "1/100"}),
    ("lemma-5.1", {"w": 5, "d": 4, "b2": 7056, "r2": 1, "e": XI, "g": "1/2100", "lam": "1/8"}),
    ("lemma-5.1-printed", {"w": 5, "d": 4, "b": 84, "r": 1, "e": XI, "constant": 1}),
    ("lemma-5.1-exact", {"d": 4}),
    (
        "lemma-5.6-printed",
        {"horizon": 8, "w": 5, "d": 4, "b": 84, "r": 1, "e": XI, "constant": 1},
    ),
    ("witness-count", {"cut_rank": 4, "one_token_rank": 1}),
    (
        "epoch-count",
        {"cut_ranks": (1, 2, 4, 4, 4, 4, 4, 2), "one_token_ranks": (1,) * 8},
    ),
    ("lemma-5.2", {"n": 10**10, "r": 4, "eta": "1/100000000"}),
    ("lemma-5.2-simple", {"n": 10**10, "r": 4, "eta": "1/100000000"}),
    ("lemma-5.2-mausberg", {"m": 4, "eta": "1/100000000", "delta": "1/10000"}),
    ("lemma-5.2-printed", {"m": 21, "eta": "1/100000000", "delta": "1/10000", "constant": 1}),
    ("spanner-coverage", {"n": 10**10, "r": 4}),
    ("lemma-5.5", {"t": 7, "eta": "1/100000000"}),
    ("lemma-5.5-printed", {"t": 7, "eta": "1/100000000"}),
    ("pool-additions", {"volume_ratios": (1, 7, "15/2", 1000)}),
    ("lemma-5.7-printed", {"mean": "1/100"}),
    ("lemma-5.7", {"g": "1/2100", "tail": "1/100"}),
    ("lemma-5.7-words", {"horizon": 8, "epochs": 25, "delta": "1/100", "g": "1/2100"}),
    ("lemma-5.7-sharp", {"n": 1704, "delta": "1/100"}),
    ("clopper-pearson", {"n": 1704, "failures": 1, "delta": "1/100"}),
    ("attempts", {"attempt": 3, "p": "1/200", "delta": "1/100"}),
    ("lemma-5.3", {"gap": fmpq(1)}),
    ("lemma-5.3-linear", {"gap": fmpq(1)}),
    ("lemma-5.3-range", {"width": fmpq(1)}),
    ("fact-b.2", {"squared_distance": "1/100"}),
    ("fact-b.2-sharp", {"squared_distance": "1/100"}),
    ("fact-b.2-range", {"width": "1/100"}),
    *(
        (name, {"horizon": 8, "p_bad": "1/200", "g": "1/2100", "xi": xi})
        for name in ("lemma-5.9", "lemma-5.9-product")
        for xi in (0, XI)
    ),
    ("lemma-5.8", {"t": 7, "g": "1/2100", "xi": XI}),
    ("lemma-5.9-printed", {"means": ("1/800",) * 8}),
    ("lean-transfer", {"horizon": 8, "p_bad": "1/200", "tau": "1/600", "xi": XI}),
    ("lean-localisation", {"t": 7, "tau": "1/600"}),
    ("remark-5.8-floor", {"lam": 4, "alphabet_size": 2}),
    ("remark-5.8", {"alphabet_size": 2, "gamma": "1/100", "xi": "1/100", "zeta": "1/100"}),
    ("remark-5.8-binary", {"gamma": "1/100", "xi": "1/100", "zeta": "1/100"}),
    ("remark-5.9", {"alphabet_size": 2, "lam": 4, "xi": "1/100", "zeta": "1/100"}),
    ("hard-teacher", {"copies": 8, "strength": 2}),
    ("hard-teacher-rank", {"bits": 8}),
    ("cauchy-ranks", {"bits": 8}),
    ("copy-ranks", {"tokens": 4, "alphabet_size": 2}),
    ("lingen", {"cut_rank": 4}),
    ("corollary-5.15-label", {"total_variation": "1/100"}),
    ("corollary-5.15-inputs", {"total_variation": "1/100", "inputs": "1/200"}),
    ("corollary-5.15", {"label": "2/100"}),
]


def settle(value):
    """Evaluate what is lazy: a Real computes its ball only when asked."""
    if isinstance(value, Real):
        value.ball(64)
    elif isinstance(value, tuple):
        for item in value:
            settle(item)
    elif isinstance(value, Parameters):
        assert value.total_words > 0
        assert value.queries().entries > 0


def evaluate_all():
    for identifier, arguments in CALLS:
        settle(STATEMENTS[identifier].function(**arguments))


def test_all_bounds_of_a_size_in_under_50_ms(benchmark):
    assert {identifier for identifier, _ in CALLS} == set(STATEMENTS)
    benchmark.extra_info["statements"] = len(STATEMENTS)
    benchmark.extra_info["evaluations"] = len(CALLS)
    benchmark.extra_info["size"] = "T=8,k=2,d=4,epsilon=delta=1/100"
    benchmark.pedantic(evaluate_all, rounds=10, iterations=1, warmup_rounds=1)
    assert benchmark.stats.stats.min < MOST_SECONDS
