"""Singular values, best approximations, Fact B.2 and fitted exponents, against what is planted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import llr
from llr.analysis import spectrum
from llr.analysis.extended import Author, Sampling, extended_matrix
from llr.analysis.fits import mean_interval
from llr.analysis.spectrum import (
    ViolationError,
    approximations,
    checked_divergences,
    decay,
    left_vectors,
    numerical_rank,
    rank_grid,
    spectra,
    triangle,
)
from llr.errors import InputError
from llr.numbers import floats
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import model_oracle


def planted(values, rows, columns, rng):
    """A matrix with these singular values."""
    r = len(values)
    left = np.linalg.qr(rng.normal(size=(rows, r)))[0]
    right = np.linalg.qr(rng.normal(size=(columns, r)))[0]
    return left * np.asarray(values) @ right.T


def sampled(target, length, n=40, seed=0):
    model = llr.target(target)
    ledger = Ledger(model_oracle(model, FLOAT64), model.alphabet_size, model.horizon, FLOAT64)
    author = Author(ledger, model.alphabet_size, np.random.default_rng(seed))
    law = Sampling((length, length), (1, model.horizon - length))
    histories, stems = author.histories(n, law), author.stems(n, law)
    return extended_matrix(ledger, histories, stems, range(model.alphabet_size))


# -- singular values ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 200), (7, 28), (7, 29), (6, 4), (1, 9), (3, 1)])
def test_the_triangle_has_the_rows_of_the_matrix(shape):
    m = np.random.default_rng(0).normal(size=shape)
    found = triangle(m)
    assert found.shape[1] == shape[0] >= found.shape[0]
    assert found.T @ found == pytest.approx(m @ m.T)
    values, vectors = left_vectors(m, offset_removed=False)
    expected = np.linalg.svd(m, compute_uv=False)
    assert values[: len(expected)] == pytest.approx(expected)
    assert m @ m.T == pytest.approx(vectors * values**2 @ vectors.T)
    centred = m - m.mean(axis=0)
    values, vectors = left_vectors(m, offset_removed=True)
    assert centred @ centred.T == pytest.approx(vectors * values**2 @ vectors.T, abs=1e-12)


def test_small_singular_values_survive():
    sizes = 10.0 ** -np.arange(13)  # a Gram matrix would lose all beyond the eighth
    m = planted(sizes, 20, 500, np.random.default_rng(1))
    values, _ = left_vectors(m, offset_removed=False)
    assert values[:13] == pytest.approx(sizes, rel=1e-2)


@pytest.mark.parametrize("d", [1, 3, 5])
def test_an_isan_of_rank_d_has_d_singular_values_at_a_cut(d):
    m = sampled(f"isan:T=8,k=3,d={d}", 4)
    for s in spectra(m, 1, offset_removed=False):
        assert s.numerical_rank == d
        last = s.approximations[-1]
        assert last.rank == d  # the grid ends there
        assert last.mean_absolute_error < 1e-13
        assert last.mean_divergence < 1e-13
        assert s.approximations[-2].mean_absolute_error > 1e-3


def test_taking_the_offset_away_lowers_a_planted_rank_by_one():
    rng = np.random.default_rng(2)
    rest = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 20 * 4))
    m = (rest + 5 * rng.normal(size=20 * 4)).reshape(30, 20, 4)  # plus 1 times a row
    kept, removed = (spectra(m, 0, offset)[0] for offset in (False, True))
    assert (kept.numerical_rank, removed.numerical_rank) == (4, 3)
    assert removed.approximations[-1].rank == 3
    assert removed.approximations[-1].mean_absolute_error < 1e-13


# -- approximations -----------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [False, True])
def test_errors_are_those_of_the_truncated_svd(offset, monkeypatch):
    monkeypatch.setattr(spectrum, "CHUNK", 100)  # several pieces
    m = np.random.default_rng(3).normal(size=(6, 9, 5))
    flat = m.reshape(6, -1)
    mean = flat.mean(axis=0) if offset else np.zeros(45)
    u, s, v = np.linalg.svd(flat - mean, full_matrices=False)
    _, vectors = left_vectors(flat, offset)
    for found in approximations(m, vectors, [0, 1, 2, 4], offset):
        r = found.rank
        near = (mean + u[:, :r] * s[:r] @ v[:r]).reshape(-1, 5)
        truth = flat.reshape(-1, 5)
        p, q = floats.softmax(truth), floats.softmax(near)
        kl = (p * np.log(p / q)).sum(axis=1)
        square = ((truth - near) ** 2).sum(axis=1)
        assert found.mean_absolute_error == pytest.approx(np.abs(truth - near).mean())
        assert found.mean_divergence == pytest.approx(kl.mean(), abs=1e-14)
        assert found.mean_square == pytest.approx((s[r:] ** 2).sum() / (6 * 9))
        assert found.sharpened == pytest.approx(found.mean_square / 4)
        assert found.largest_ratio == pytest.approx((4 * kl / square).max())


def test_the_grid_of_ranks():
    assert rank_grid(20, 100) == [0, 1, 2, 3, 4, 6, 8, 12, 16]
    assert rank_grid(20, 5) == [0, 1, 2, 3, 4, 5]
    assert rank_grid(20, 20) == [0, 1, 2, 3, 4, 6, 8, 12, 16, 20]
    assert rank_grid(3, 0) == [0]
    assert rank_grid(1, 9) == [0, 1]


# -- Fact B.2 -----------------------------------------------------------------------------------


def divergences(u, v, **constant):
    u, v = np.atleast_2d(u), np.atleast_2d(v)
    squares = ((u - v) ** 2).sum(axis=1)
    return checked_divergences(floats.softmax(u), v - u, squares, **constant), squares


rows = st.integers(2, 6).flatmap(
    lambda k: st.tuples(*[st.lists(st.floats(-40, 40), min_size=k, max_size=k)] * 2)
)


@given(rows)
def test_fact_b2_holds_with_a_quarter(pair):
    u, v = map(np.array, pair)
    found, _ = divergences(u, v)  # raises if not
    p, q = floats.softmax(u[None])[0], floats.softmax(v[None])[0]
    plain = float((p * (np.log(p) - np.log(q))).sum())
    assert found[0] == pytest.approx(plain, rel=1e-6, abs=1e-9)


@given(st.floats(1e-3, 0.1))
def test_a_quarter_is_nearly_reached_and_an_eighth_is_refuted(gap):
    u, v = [0.0, 0.0], [gap, -gap]
    found, squares = divergences(u, v)
    assert 0.99 < found[0] / (squares[0] / 4) <= 1
    with pytest.raises(ViolationError, match=r"against Fact B\.2"):
        divergences(u, v, constant=0.125)
    with pytest.raises(ViolationError):
        divergences(u, v, constant=0.247)


def test_the_bound_is_checked_at_every_prefix_of_every_approximation():
    m = np.zeros((4, 6, 2))
    m[2, 3] = 0.02, -0.02  # one prefix of 24 differs
    vectors = np.zeros((4, 1))
    vectors[0, 0] = 1.0
    (found,) = approximations(m, vectors, [1], offset_removed=False)
    assert found.largest_ratio == pytest.approx(1, abs=1e-3)
    assert found.mean_divergence == pytest.approx(found.sharpened, rel=1e-3)
    with pytest.raises(ViolationError):
        approximations(m, vectors, [1], offset_removed=False, constant=0.125)


def test_huge_differences_do_not_overflow():
    found, squares = divergences([0.0, 0.0, 0.0], [900.0, -900.0, 0.0])
    assert found[0] == pytest.approx(900 - np.log(3))
    assert squares[0] == 2 * 900.0**2


# -- exponents ----------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_a_planted_exponent_is_found(exponent):
    values = np.arange(1, 41.0) ** -exponent
    m = planted(values, 40, 360, np.random.default_rng(4)).reshape(40, 40, 9)
    (found,) = spectra(m, 0, offset_removed=False)
    assert found.values == pytest.approx(values)
    assert found.fit_range == (2, 10)
    assert found.decay.exponent == pytest.approx(-exponent)
    assert (found.scale, found.across, len(found.blocks)) == (120.0, None, 1)


def test_the_interval_of_a_planted_exponent_covers_as_often_as_it_says():
    rng = np.random.default_rng(5)
    runs, covered, ranks = 600, 0, np.arange(1, 31)
    for _ in range(runs):
        values = 7 * ranks**-0.55 * np.exp(rng.normal(0, 0.02, 30))
        m = planted(np.sort(values)[::-1], 30, 60, rng)
        found = decay(list(ranks), left_vectors(m, offset_removed=False)[0].tolist(), 2, 20)
        covered += found.low <= -0.55 <= found.high
    # 570 expected, standard deviation 5.3; sorting moves few values: six of them below, at most
    assert covered >= 538


def test_a_fit_takes_ranks_of_its_range_only():
    values = [100.0, *(i**-1.0 for i in range(2, 21)), *([1e-3] * 20)]
    found = decay(range(1, 41), values, 2, 20)
    assert (found.exponent, found.factor) == pytest.approx((-1, 1))
    assert decay(range(1, 41), values, 2, 40).exponent < -1.5


def test_every_octave_weighs_the_same():
    values = [i**-0.5 for i in range(1, 201)]
    plain = decay(range(1, 201), values, 1, 200)
    for rank, used in ((1, True), (180, False), (200, True)):
        bent = list(values)
        bent[rank - 1] *= 2
        assert (decay(range(1, 201), bent, 1, 200) != plain) == used


def test_too_few_values_are_not_fitted():
    assert decay(range(1, 6), [5.0, 4.0, 3.0, 2.0, 0.0], 1, 5) is None
    assert decay(range(1, 6), [5.0, 4.0, 3.0, 2.0, 1e-12], 1, 5) is None
    assert decay(range(1, 6), [5.0, 4.0, 3.0, 2.0, 1.0], 2, 5) is None
    assert decay(range(1, 6), [5.0, 4.0, 3.0, 2.0, 1.0], 1, 5) is not None
    assert decay([], [], 1, 5) is None


def test_sub_samples_share_neither_history_nor_stem():
    rng = np.random.default_rng(6)
    m = 100 * rng.normal(size=(40, 8, 40))
    exponents = [0.5, 1.0, 1.5, 2.0]
    for i, a in enumerate(exponents):
        block = planted(np.arange(1, 11.0) ** -a, 10, 80, rng)
        m[10 * i : 10 * i + 10, 2 * i : 2 * i + 2] = block.reshape(10, 2, 40)
    found = spectra(m, 2, offset_removed=False, fit_range=(1, 10))[2]
    assert found.blocks == pytest.approx([-a for a in exponents])
    assert (found.histories, found.stems, found.tokens) == (10, 2, 40)
    assert found.decay.exponent == pytest.approx(-0.5)  # of the first one
    assert found.across == mean_interval(found.blocks[::-1])
    half = 3.182446305 * np.std(exponents, ddof=1) / 2
    assert found.across == pytest.approx((-1.25 - half, -1.25 + half))


def test_sizes_that_do_not_fit():
    with pytest.raises(InputError, match="few enough for 12 histories and 3 futures"):
        spectra(np.zeros((12, 3, 2)), 2, offset_removed=False)
    assert [s.histories for s in spectra(np.zeros((12, 3, 2)), 1, offset_removed=False)] == [12, 6]


def test_a_uniform_model_has_no_spectrum():
    (found,) = spectra(np.zeros((8, 8, 2)), 0, offset_removed=True)
    assert found.numerical_rank == 0
    assert found.decay is None
    assert [a.mean_divergence for a in found.approximations] == [0.0]


def test_numerical_rank():
    assert numerical_rank([3.0, 1e-8, 1e-9]) == 2
    assert numerical_rank([0.0, 0.0]) == 0
