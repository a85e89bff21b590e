"""Spanners: feasibility of chain programs (Lemma 5.5)."""

from __future__ import annotations

from bounds.statement import require, statement
from llr.numbers.balls import Number, Real


@statement(
    "lemma-5.5",
    mark="corrected",
    source="[P] Lemma 5.5, less the cut that never fails",
    summary="(eta, 2)-distributional spanners: y_{1:t} is infeasible with probability <= (t-1) eta",
)
def infeasibility(t: int, eta: Number) -> Real:
    """Bound the probability that a fresh prefix y_{1:t} has an infeasible chain program.

    If the basis rows of every cut s = 2..t are an (eta, 2)-distributional spanner of the rows of
    fresh histories, the bound is (t-1) eta.

    Proof.  Where every row of y_{1:s-1}, s = 2..t, is a combination with coefficients in [-2, 2] of
    the basis rows on Ft_s, those coefficients solve the program: on Fh_s they give (10a), on
    a.Fh_{s+1} they give (10c).  Cut 1 has its own row as basis and never fails; a union bound over
    the other t - 1 cuts does the rest.

    Args:
        t: length of the prefix, >= 1.
        eta: in [0, 1].

    Raises:
        HypothesisError: t < 1 or eta outside [0, 1].
    """
    require(t >= 1, "lemma-5.5", "t >= 1", t)
    real = Real.of(eta)
    require(real >= 0 and real <= 1, "lemma-5.5", "0 <= eta <= 1", eta)
    return real * (t - 1)


@statement(
    "lemma-5.5-printed",
    mark="printed",
    source="[P] Lemma 5.5",
    summary="(eta, 2)-distributional spanners: y_{1:t} is infeasible with probability <= t eta",
)
def infeasibility_printed(t: int, eta: Number) -> Real:
    """Bound the probability that a fresh prefix y_{1:t} has an infeasible chain program by t eta.

    Hypotheses as :func:`infeasibility`, which is sharper by one eta.
    """
    require(t >= 1, "lemma-5.5-printed", "t >= 1", t)
    return Real.of(eta) * t
