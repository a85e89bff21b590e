"""Boolean functions (Corollary 5.15): from total variation to Fourier coefficients."""

from __future__ import annotations

from bounds.statement import require, statement
from llr.numbers import balls
from llr.numbers.balls import Number, Real


def _slope_at_two() -> Real:
    """Return sigma'(2) = sigma(2) (1 - sigma(2))."""
    sigma = 1 / (1 + balls.exp(-2))
    return sigma * (1 - sigma)


@statement(
    "corollary-5.15-label",
    mark="sharpened",
    source="[P] Corollary 5.15, first step",
    summary="E_x |sigma(2f(x)) - sigma(2fhat(x))| <= 2 TV(M, Q)",
)
def label_error(total_variation: Number) -> Real:
    """Bound E_x |sigma(2 f(x)) - sigma(2 fhat(x))| over uniform x by 2 TV(M, Q).

    M draws x uniform, then a label with P(1 | x) = sigma(2 f(x)); fhat is read off Q.

    Proof.  :func:`label_error_of_inputs`, where TV(M_x, Q_x) <= TV(M, Q).

    Raises:
        HypothesisError: TV is outside [0, 1].
    """
    apart = Real.of(total_variation)
    require(apart >= 0 and apart <= 1, "corollary-5.15-label", "0 <= TV <= 1", total_variation)
    return 2 * apart


@statement(
    "corollary-5.15-inputs",
    mark="sharpened",
    source="[P] Corollary 5.15, first step",
    summary="E_x |sigma(2f(x)) - sigma(2fhat(x))| <= TV(M, Q) + TV(M_x, Q_x)",
)
def label_error_of_inputs(total_variation: Number, inputs: Number) -> Real:
    """Bound E_x |sigma(2 f(x)) - sigma(2 fhat(x))| by TV(M, Q) + TV(M_x, Q_x).

    Equal to TV(M, Q) where Q's input bits are uniform, as with an exact oracle; TV(M, Q) alone does
    not bound it otherwise.

    Proof.  E_x of the label's total variation is the TV between M and the law with M's inputs and
    Q's labels, and that law is TV(M_x, Q_x) from Q.

    Args:
        total_variation: TV(M, Q), in [0, 1].
        inputs: TV of the input bits' laws, in [0, TV(M, Q)].

    Raises:
        HypothesisError: an argument is out of range.
    """
    apart, before = Real.of(total_variation), Real.of(inputs)
    name = "corollary-5.15-inputs"
    require(apart >= 0 and apart <= 1, name, "0 <= TV <= 1", total_variation)
    require(before >= 0 and before <= apart, name, "0 <= TV(M_x, Q_x) <= TV(M, Q)", inputs)
    return apart + before


@statement(
    "corollary-5.15",
    mark="sharpened",
    source="[P] Corollary 5.15, second step",
    summary="f, fhat in [-1, 1]: E|f - fhat| <= E|sigma(2f) - sigma(2fhat)| / (2 sigma'(2))",
)
def function_error(label: Number) -> Real:
    """Bound E_x |f(x) - fhat(x)| for f and (clipped) fhat in [-1, 1] by label / (2 sigma'(2)).

    1 / (2 sigma'(2)) = 4.76...

    Proof.  |sigma(2a) - sigma(2b)| >= 2 sigma'(2) |a - b| for a, b in [-1, 1], where sigma' is
    least at the ends.

    Args:
        label: E_x |sigma(2f) - sigma(2fhat)|, >= 0.

    Raises:
        HypothesisError: label < 0.
    """
    error = Real.of(label)
    require(error >= 0, "corollary-5.15", "label error >= 0", label)
    return error / (2 * _slope_at_two())
