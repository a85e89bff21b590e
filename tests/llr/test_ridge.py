"""llr.analysis.ridge: against the same problems written out."""

from __future__ import annotations

import numpy as np
import pytest

from llr.analysis.ridge import STRENGTHS, NormalEquations, chosen_strength, path


def problem(m, w, seed):
    """Random rows and a target that is near one of their combinations."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(m, w))
    return rows, rng.normal(size=m) @ rows + rng.normal(size=w)


def equations(*parts):
    found = NormalEquations(len(parts[0][0]))
    for rows, target in parts:
        found.add(rows, target)
    return found


@pytest.mark.parametrize("strength", [1e-6, 0.1, 3.0])
@pytest.mark.parametrize("size", [2, 5])
def test_coefficients_minimise_the_penalised_loss(size, strength):
    rows, target = problem(5, 9, 0)
    found = equations((rows, target)).solve(size, strength)
    here = rows[:size]
    weight = np.sqrt(strength * (here**2).sum() / size)
    stacked = np.hstack([here, weight * np.eye(size)])
    wanted = np.concatenate([target, np.full(size, weight / size)])
    assert found == pytest.approx(np.linalg.lstsq(stacked.T, wanted, rcond=None)[0], rel=1e-9)


def test_sums_do_not_depend_on_how_the_equations_come():
    rows, target = problem(4, 10, 1)
    parts = equations((rows[:, :3], target[:3]), (rows[:, 3:], target[3:]))
    joined = equations((rows[:, :7], target[:7]))
    joined.add_all(equations((rows[:, 7:], target[7:])))
    whole = equations((rows, target)).solve(4, 0.01)
    assert parts.solve(4, 0.01) == pytest.approx(whole, rel=1e-12)
    assert joined.solve(4, 0.01) == pytest.approx(whole, rel=1e-12)


def test_a_strong_ridge_is_the_mean_of_the_rows():
    assert equations(problem(4, 9, 2)).solve(4, 1e9) == pytest.approx(np.full(4, 0.25), abs=1e-6)


def test_dependent_rows_have_finite_coefficients_that_fit():
    rows, _ = problem(3, 9, 3)
    rows = np.vstack([rows, rows[0] + rows[1]])
    target = 2 * rows[0] - rows[2]
    found = equations((rows, target)).solve(4, 1e-12)
    assert found @ rows == pytest.approx(target, abs=1e-6)
    assert np.abs(found).max() < 10


def test_rows_of_zeros_are_fitted_by_their_mean():
    assert equations((np.zeros((2, 3)), np.ones(3))).solve(2, 0.1).tolist() == [0.5, 0.5]


def test_the_chosen_strength_has_the_least_error_on_what_was_held_out():
    fitted, held_out = problem(6, 7, 4), problem(6, 40, 5)
    held_out = (held_out[0], np.random.default_rng(6).normal(size=40))
    fits = path(equations(fitted), 6)
    errors = [((v @ held_out[0] - held_out[1]) ** 2).sum() for v in fits]
    best = chosen_strength(equations(fitted), equations(held_out), 6)
    assert best == STRENGTHS[int(np.argmin(errors))]
    assert STRENGTHS[0] < best
