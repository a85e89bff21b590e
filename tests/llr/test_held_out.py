"""Def 1.6's mean error on histories and futures held out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import llr
from llr.analysis.extended import Author
from llr.analysis.held_out import (
    CutErrors,
    HeldOutError,
    crossed_interval,
    held_out_errors,
    skeleton_errors,
)
from llr.errors import InputError
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import model_oracle


def errors_of(model, cut, histories=60, futures=40, ranks=None, seed=0, every=False):
    ledger = Ledger(model_oracle(model, FLOAT64), model.alphabet_size, model.horizon, FLOAT64)
    author = Author(ledger, model.alphabet_size, np.random.default_rng(seed))
    k, horizon = model.alphabet_size, model.horizon
    return held_out_errors(ledger, author, k, horizon, cut, histories, futures, ranks, every=every)


# -- ranks that are known -----------------------------------------------------------------------


@pytest.mark.parametrize("target", ["isan:T=7,k=3,d=4", "copy:n=3,k=2,c=2", "cauchy:n=2"])
def test_the_rank_of_an_exact_model_is_found_at_every_cut(target):
    model = llr.target(target)
    for cut, rank in enumerate(llr.cut_ranks(model), start=1):
        if cut == 1:
            continue
        found = errors_of(model, cut, ranks=range(7))
        assert found.singular_values == rank
        assert found.least_rank(1e-9) == found.least_rank(1e-9, sure=True) == rank
        assert found.errors[rank].largest < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_a_perturbed_model_has_rank_d_at_its_error(seed):
    model = llr.target(f"perturbed:T=7,k=3,d=3,xi=1/50,seed={seed}")
    found = errors_of(model, 4, 120, 60, ranks=range(8), seed=seed)
    assert found.singular_values > 8  # the noise has full rank
    assert found.least_rank(0.02) == 3
    assert found.least_rank(1e-4) is None


# -- the law of Def 1.6 -------------------------------------------------------------------------


def largest_mean(model, s):
    """E |L(h.f)| by enumeration, its maximum over t."""
    k, horizon = model.alphabet_size, model.horizon

    def law(word):
        found = 1.0
        for i, a in enumerate(word):
            p = np.exp(np.array(model.logits(word[:i]), dtype=float))
            found *= p[a] / p.sum()
        return found

    words = {w: law(w) for w in product(range(k), repeat=horizon - 1)}
    means = []
    for t in range(s + 1, horizon + 1):
        heads, tails = {}, {}
        for w, p in words.items():
            heads[w[: s - 1]] = heads.get(w[: s - 1], 0) + p
            tails[w[s : t - 1]] = tails.get(w[s : t - 1], 0) + p
        means.append(
            sum(
                p * q / k**2 * abs(float(model.logits((*h, a, *f))[b]))
                for (h, p), (f, q) in product(heads.items(), tails.items())
                for a, b in product(range(k), repeat=2)
            )
        )
    return means


def test_rank_0_has_the_error_of_def_1_6():
    # logits that depend on the last two tokens and on the place: all of the law matters
    def row(p):
        return [0, 2 + 3 * (p[-2:] == (0, 0)) - 3 * (p[-1:] == (0,)) - 4 * (len(p) == 3)]

    rows = {p: row(p) for n in range(5) for p in product(range(2), repeat=n)}
    model = llr.TabulatedModel(2, 5, rows)
    expected = largest_mean(model, 3)
    runs = [errors_of(model, 4, 80, 80, ranks=[0], seed=seed) for seed in range(40)]
    inside = sum(r.errors[0].low <= max(expected) <= r.errors[0].high for r in runs)
    assert inside >= 34  # 38 or more expected at 95 %; 34 or less with probability below 1 %
    means = np.array([r.errors[0].means for r in runs])
    off = np.abs(means.mean(axis=0) - expected) / (means.std(axis=0, ddof=1) / np.sqrt(40))
    assert (off < 4.5).all()


# -- the matrix ---------------------------------------------------------------------------------


def test_it_is_the_skeleton_of_the_training_data():
    m = np.random.default_rng(0).normal(size=(9, 6, 2, 3))
    most, found = skeleton_errors(m, 5, 4, [0, 2, 5, 9])
    assert most == 5
    corner = m[:5, :4].reshape(5, -1)
    u, s, v = np.linalg.svd(corner, full_matrices=False)
    rows, columns = m[5:, :4].reshape(4, -1), m[:5, 4:].reshape(5, -1)
    for rank, error in found:
        r = min(rank, 5)
        near = rows @ v[:r].T / s[:r] @ u[:, :r].T @ columns
        expected = np.abs(near.reshape(4, 2, 2, 3) - m[5:, 4:]).mean(axis=3)
        assert error == pytest.approx(expected)


def test_an_error_held_out_depends_on_its_own_entries_and_training_alone():
    m = np.random.default_rng(1).normal(size=(8, 6, 1, 2))
    before = skeleton_errors(m, 4, 3, [3])[1][0][1]
    m[7, :] += 1  # another history
    m[:, 5] += 1  # another word
    after = skeleton_errors(m, 4, 3, [3])[1][0][1]
    assert after[:3, :2] == pytest.approx(before[:3, :2])
    assert (np.abs(after - before)[3] > 1e-6).all()


def test_directions_of_no_size_are_left_out():
    rng = np.random.default_rng(2)
    m = (rng.normal(size=(12, 2)) @ rng.normal(size=(2, 10 * 3))).reshape(12, 10, 1, 3)
    most, found = skeleton_errors(m, 8, 5, [1, 2, 7])
    assert most == 2
    errors = {rank: error.max() for rank, error in found}
    assert errors[1] > 1e-3
    assert errors[2] < 1e-12
    assert errors[7] < 1e-12


# -- intervals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_crossed_intervals_cover(parts):
    rng = np.random.default_rng(3)
    runs, inside, n, m = 2000, 0, 12, 10
    for _ in range(runs):
        a, b, c = (
            scale * rng.normal(size=shape)
            for scale, shape in zip(parts, [(n, 1, 1), (1, m, 1), (n, m, 1)], strict=True)
        )
        means, half = crossed_interval(5 + a + b + c, 0.025)
        inside += abs(means[0] - 5) <= half[0]
    # at least 1,900 expected, standard deviation 9.7; at most 2,000
    assert inside >= 1850
    if 0 in parts and parts != (0, 0, 1):
        assert inside <= 1975  # and it is not trivially wide


def test_the_least_rank():
    errors = tuple(HeldOutError(r, (0.1, x), 0.0, x + 0.3) for r, x in [(0, 1), (2, 0.5), (3, 0.2)])
    found = CutErrors(2, 8, 8, 8, 8, 8, errors)
    assert [found.least_rank(x) for x in (2, 0.9, 0.5, 0.3, 0.15)] == [0, 2, 2, 3, None]
    assert [found.least_rank(x, sure=True) for x in (2, 0.9, 0.5, 0.3)] == [0, 2, 3, None]


def test_the_least_rank_is_sought_among_all():
    model = llr.target("isan:T=7,k=4,d=11,seed=2")
    grid, full = (errors_of(model, 4, 120, 60, every=every) for every in (False, True))
    assert full.errors == grid.errors
    assert grid.tried == (0, 1, 2, 3, 4, 6, 8, 11)
    assert full.tried == tuple(range(12))
    same = {e.rank: e for e in full.every}
    assert all(e.means == pytest.approx(same[e.rank].means, abs=1e-12) for e in full.errors)
    # more ranks share the risk
    assert all(same[e.rank].high > e.high for e in full.errors[:-1])
    aims = [e.largest for e in full.every[:-1]]
    found = [full.least_rank(x) for x in aims]
    assert found == [min(e.rank for e in full.every if e.largest <= x) for x in aims]
    # the grid has ranks that are too large
    assert sum(rank < grid.least_rank(x) for x, rank in zip(aims, found, strict=True)) >= 3
    assert all(rank <= grid.least_rank(x) for x, rank in zip(aims, found, strict=True))


def test_intervals_hold_together():
    model = llr.target("isan:T=6,k=2,d=3")
    one = errors_of(model, 3, ranks=[1]).errors[0]
    many = errors_of(model, 3, ranks=[0, 1, 2]).errors[1]
    assert one.means == many.means
    assert many.low <= one.low < max(one.means) < one.high < many.high


# -- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cut", "histories", "names"),
    [(1, 20, "cut must be in 2..5"), (6, 20, "cut must be in 2..5"), (3, 7, "at least 8, not 7")],
)
def test_refusals(cut, histories, names):
    with pytest.raises(InputError, match=names):
        errors_of(llr.target("isan:T=5,k=2,d=2"), cut, histories)
