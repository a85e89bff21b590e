"""llr.models.realization: Fact 1.1 in both directions, on tables and on ISANs."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from by_hand import all_words, ranks_of

from llr.errors import InputError, TooLargeError
from llr.models.base import TabulatedModel, UniformModel
from llr.models.isan import Isan
from llr.models.realization import realize
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.units import NAT, LogitUnit


def prefixes(k, horizon):
    return [h for n in range(horizon) for h in all_words(k, n)]


def random_table(seed, k, horizon, values=range(-3, 4)):
    """Return random centred logits for every prefix."""
    rng = random.Random(seed)
    table = {}
    for h in prefixes(k, horizon):
        row = [Fraction(rng.choice(values), rng.randint(1, 3)) for _ in range(k)]
        table[h] = [x - sum(row) / k for x in row]
    return table


def random_parameters(seed, k, horizon, d):
    rng = random.Random(seed)

    def grid(rows):
        return [
            [Fraction(rng.randint(-3, 3), rng.randint(1, 2)) for _ in range(d)] for _ in range(rows)
        ]

    return (
        grid(1)[0],
        [[grid(d) for _ in range(k)] for _ in range(horizon - 1)],
        [grid(k) for _ in range(horizon)],
    )


def isan_table(parameters, k, horizon):
    """Return the logits of Def 1.5 at every prefix, sharing no code with llr."""
    start, transitions, readouts = parameters

    def times(m, v):
        return [sum((a * x for a, x in zip(row, v, strict=True)), Fraction(0)) for row in m]

    states, table = {(): start}, {}
    for h in prefixes(k, horizon):
        if h:
            states[h] = times(transitions[len(h) - 1][h[-1]], states[h[:-1]])
        row = times(readouts[len(h)], states[h])
        table[h] = [x - sum(row) / k for x in row]
    return table


def check(found, table, k, horizon, dimension):
    """Assert that the ISAN has this table, this dimension and the table's cut ranks."""
    assert isinstance(found, Isan)
    assert (found.alphabet_size, found.horizon) == (k, horizon)
    assert found.dimension == dimension
    for h in prefixes(k, horizon):
        assert list(found.logits(h)) == table[h]
    assert found.cut_ranks() == ranks_of(table, k, horizon)


SIZES = [(2, 1), (2, 2), (2, 3), (2, 4), (3, 1), (3, 3), (4, 2)]


@pytest.mark.parametrize(("k", "horizon"), SIZES)
@pytest.mark.parametrize("seed", [0, 1])
def test_any_table_is_an_isan_of_its_largest_cut_rank(k, horizon, seed):
    table = random_table(seed, k, horizon)
    dimension = max(1, *ranks_of(table, k, horizon))
    check(realize(TabulatedModel(k, horizon, table)), table, k, horizon, dimension)


@pytest.mark.parametrize("seed", range(6))
def test_sparse_tables(seed):
    table = random_table(seed, 2, 4, values=[0] * 8 + [1, -1])
    ranks = ranks_of(table, 2, 4)
    check(realize(TabulatedModel(2, 4, table)), table, 2, 4, max(1, *ranks))


@pytest.mark.parametrize("live", range(4))
def test_cuts_of_rank_zero_after_the_last_live_token(live):
    table = {h: row if len(h) < live else [0, 0] for h, row in random_table(2, 2, 4).items()}
    ranks = ranks_of(table, 2, 4)
    assert [r > 0 for r in ranks] == [s < live for s in range(4)]
    check(realize(TabulatedModel(2, 4, table)), table, 2, 4, max(1, *ranks))


@pytest.mark.parametrize(("k", "horizon", "d"), [(2, 5, 2), (2, 4, 3), (3, 4, 2), (2, 1, 3)])
@pytest.mark.parametrize("tabulated", [True, False])
def test_isans_have_cut_ranks_up_to_their_dimension_and_are_realized_again(
    k, horizon, d, tabulated
):
    for seed in range(3):
        parameters = random_parameters(seed, k, horizon, d)
        table = isan_table(parameters, k, horizon)
        ranks = ranks_of(table, k, horizon)
        assert max(ranks) <= d
        model = TabulatedModel(k, horizon, table) if tabulated else Isan(k, horizon, *parameters)
        check(realize(model), table, k, horizon, max(1, *ranks))


def doubled(parameters):
    """Return the same model with every state written twice, and half of each readout."""
    start, transitions, readouts = parameters
    d = len(start)
    zero = [Fraction(0)] * d
    blocks = [
        [[row + zero for row in a] + [zero + row for row in a] for a in step]
        for step in transitions
    ]
    return start * 2, blocks, [[[x / 2 for x in row] * 2 for row in b] for b in readouts]


@pytest.mark.parametrize("seed", range(3))
def test_states_that_are_too_large_are_minimized(seed):
    parameters = random_parameters(seed, 2, 4, 2)
    table = isan_table(parameters, 2, 4)
    large = Isan(2, 4, *doubled(parameters))
    assert large.dimension == 4
    check(realize(large), table, 2, 4, max(1, *ranks_of(table, 2, 4)))


def test_a_large_isan_is_realized_without_enumeration():
    one, other = [[1, 1], [0, 1]], [[0, 1], [1, 0]]
    large = Isan(2, 40, [1, 0], [[one, other]] * 39, [[[1, 0], [0, 0]]] * 40)
    found = realize(large)
    assert found.dimension == 2
    assert found.cut_ranks() == large.cut_ranks()
    rng = random.Random(0)
    for _ in range(20):
        h = tuple(rng.randrange(2) for _ in range(rng.randrange(40)))
        assert found.logits(h) == large.logits(h)


@pytest.mark.parametrize("extra", [0, 1, 4])
@pytest.mark.parametrize("isan", [True, False])
def test_the_dimension_may_be_padded(extra, isan):
    parameters = random_parameters(4, 2, 4, 2)
    table = isan_table(parameters, 2, 4)
    rank = max(ranks_of(table, 2, 4))
    model = Isan(2, 4, *parameters) if isan else TabulatedModel(2, 4, table)
    check(realize(model, rank + extra), table, 2, 4, rank + extra)


def test_a_dimension_below_a_cut_rank_is_refused():
    table = random_table(0, 2, 4)
    rank = max(ranks_of(table, 2, 4))
    assert rank == 3
    for small in (2, 1, 0, -1):
        with pytest.raises(
            InputError,
            match=rf"^dimension must be at least the largest cut rank, 3, not {small}$",
        ):
            realize(TabulatedModel(2, 4, table), small)


@pytest.mark.parametrize("horizon", [1, 3])
def test_the_uniform_model_is_realized_in_one_dimension(horizon):
    table = {h: [0, 0, 0] for h in prefixes(3, horizon)}
    check(realize(UniformModel(3, horizon)), table, 3, horizon, 1)
    check(realize(UniformModel(3, horizon), 2), table, 3, horizon, 2)
    with pytest.raises(InputError, match=r"^dimension must be at least .* rank, 1, not 0$"):
        realize(UniformModel(3, horizon), 0)


def test_an_isan_with_a_zero_start_is_realized():
    start, transitions, readouts = random_parameters(5, 2, 3, 2)
    model = Isan(2, 3, [0] * len(start), transitions, readouts)
    check(realize(model), {h: [0, 0] for h in prefixes(2, 3)}, 2, 3, 1)


def test_the_unit_is_kept():
    unit = LogitUnit.parse("ln 9")
    table = random_table(1, 2, 2)
    assert realize(TabulatedModel(2, 2, table, unit)).unit == unit
    assert realize(realize(TabulatedModel(2, 2, table, unit))).unit == unit
    assert realize(TabulatedModel(2, 2, table)).unit == NAT


def test_models_too_large_to_enumerate_are_refused():
    with pytest.raises(TooLargeError, match=r"^cut 1 of a model with k=2, T=30 is too large"):
        realize(UniformModel(2, 30))


def test_float_models_are_refused():
    model = Isan(2, 1, [1.0], [], [[[1.0], [0.0]]], NAT, FLOAT64)
    with pytest.raises(InputError, match=r"^arithmetic must be exact: float64 has no exact rank"):
        realize(model)
