"""The plain recursion: exact without noise; its minors; what it needs."""

from __future__ import annotations

from itertools import product

import pytest
from flint import fmpq

from llr.baselines.recursion import minor_table, minors, plain_recursion
from llr.errors import InputError
from llr.learning.learned import LearnedModel
from llr.models.isan import Isan
from llr.models.logits import logit_matrix
from llr.models.targets import family_target
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.oracles.ledger import Ledger
from llr.oracles.noise import NoisyOracle
from llr.oracles.protocol import ModelOracle

TARGETS = [
    "isan:T=5,k=2,d=3",
    "isan:T=4,k=3,d=2,kind=nilpotent,seed=1",
    "isan:T=4,k=2,d=2,kind=sparse,seed=3",
    "parity:n=4,secret=1011",
    "fourier:n=4,terms=1100:1/2;0011:-1/4",
    "copy:n=2,k=3",
    "spike:T=4",
]


def prefixes(model):
    k = model.alphabet_size
    return [p for t in range(model.horizon) for p in product(range(k), repeat=t)]


def ledger(model, oracle):
    return Ledger(oracle, model.alphabet_size, model.horizon, EXACT)


@pytest.mark.parametrize("written", TARGETS)
def test_without_noise_it_is_the_target(written):
    model = family_target(written)
    found = plain_recursion(model, minors(model), ledger(model, ModelOracle(model)))
    assert found.dimension == max(1, *model.cut_ranks())
    for prefix in prefixes(model):
        assert found.logits(prefix) == model.logits(prefix)


@pytest.mark.parametrize("written", TARGETS)
def test_minors_are_nonsingular_and_carry_the_rank(written):
    model = family_target(written)
    chosen = minors(model)
    assert chosen.histories[0] == ((),)
    for rank, histories, futures in list(
        zip(model.cut_ranks(), chosen.histories, chosen.futures, strict=True)
    )[1:]:
        assert len(histories) == len(futures) == rank
        assert logit_matrix(model, histories, futures).det() != 0


def test_it_asks_only_for_the_rows_that_it_uses():
    model = family_target("isan:T=6,k=2,d=2")
    asked = ledger(model, ModelOracle(model))
    chosen = minors(model)
    plain_recursion(model, chosen, asked)
    used = {
        h + f[:-1]
        for histories, futures in zip(chosen.histories, chosen.futures, strict=True)
        for h in histories
        for f in [(0,), *futures]
    } | {
        (*h, a, *f[:-1])
        for histories, futures in zip(chosen.histories, chosen.futures[1:], strict=False)
        for h in histories
        for a in range(2)
        for f in futures
    }
    assert set(asked.log) == used


def test_noise_reaches_it_and_its_table():
    model = family_target("isan:T=5,k=2,d=2")
    noisy = NoisyOracle(ModelOracle(model), "random", fmpq(1, 1000), model.unit, 0)
    chosen = minors(model)
    found = plain_recursion(model, chosen, ledger(model, noisy))
    assert any(found.logits(p) != model.logits(p) for p in prefixes(model))
    table = minor_table(model, chosen, ledger(model, noisy), EXACT)
    assert table.basis_sizes == tuple(map(len, chosen.histories[:-1]))
    (first,) = noisy.logits([()])
    assert table.cut(1).rows[0][:2] == tuple(first)


@pytest.mark.parametrize("written", TARGETS)
def test_its_table_learns_the_target_by_exact_programs(written):
    model = family_target(written)
    table = minor_table(model, minors(model), ledger(model, ModelOracle(model)), EXACT)
    learned = LearnedModel(table, model.unit)
    represented = [p for p in prefixes(model) if len(learned_state(learned, p)) == 1]
    assert () in represented
    for prefix in represented:
        assert learned.logits(prefix) == model.logits(prefix)


def learned_state(learned, prefix):
    """Return [state] if all chain programs along the prefix are feasible, else []."""
    state = learned.start()
    for token in prefix:
        state = learned.step(state, token)
    return [state] if learned.represents(state) else []


def test_float_models_are_refused():
    zero = Isan(2, 2, [0.0], [[[[0.0]], [[0.0]]]], [[[0.0], [0.0]]] * 2, arithmetic=FLOAT64)
    with pytest.raises(InputError, match=r"^arithmetic must be exact"):
        minors(zero)
