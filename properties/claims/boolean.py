"""Claims about Boolean functions: the two steps of Corollary 5.15."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from bounds.boolean import function_error, label_error, label_error_of_inputs
from llr.analysis.distance import total_variation
from llr.models.base import TabulatedModel, Word, words
from llr.numbers import balls
from llr.numbers.balls import Real, total
from llr.numbers.units import LN2, LogitUnit
from properties.claim import Claim, Measurement, Twin

Pair = tuple[TabulatedModel, TabulatedModel]

FINE = LogitUnit(fmpq(65, 64))


@st.composite
def labelled_pairs(draw: DrawFn, uniform: bool = False) -> Pair:
    """Return M with uniform input bits and a label, and Q; all probabilities rational.

    Q is any model, or one near to M, or gives every input with label 1 about as much as M does.

    Args:
        uniform: Q's input bits are uniform too.
    """
    n = draw(st.integers(1, 2))
    unit, most = draw(st.sampled_from([(LN2, 3), (LN2, 12), (FINE, 300)]))
    far = draw(st.sampled_from([most, 3]))
    joined = not uniform and draw(st.booleans())
    m: dict[Word, list[int]] = {}
    q: dict[Word, list[int]] = {}
    mass: dict[Word, fmpq] = {(): fmpq(1)}
    for length in range(n + 1):
        for x in words(2, length):
            last = length == n
            label = draw(st.integers(-most, most)) if last else 0
            m[x], q[x] = [0, label], [0, label]
            if last and joined:
                q[x][1] = _nearly(_chance(unit, label) / (mass[x] * (1 << n)), unit, most)
            elif last or not uniform:
                q[x][1] += draw(st.integers(-far, far))
            one = _chance(unit, q[x][1])
            mass[*x, 0], mass[*x, 1] = mass[x] * (1 - one), mass[x] * one
    return TabulatedModel(2, n + 1, m, unit), TabulatedModel(2, n + 1, q, unit)


def _chance(unit: LogitUnit, label: int) -> fmpq:
    """Return the probability of label 1 with this logit against 0."""
    assert unit.base is not None
    return 1 - 1 / (1 + unit.base**label)


def _nearly(p: fmpq, unit: LogitUnit, most: int) -> int:
    """Return the largest logit from -2 most to 2 most whose chance is at most p."""
    larger = range(1 - 2 * most, 2 * most + 1)
    return bisect_right(larger, p, key=lambda n: _chance(unit, n)) - 2 * most


def labels_apart(pair: Pair) -> Real:
    """Return E_x |M(1 | x) - Q(1 | x)| over uniform x."""
    m, q = pair
    n = m.horizon - 1
    found = total(
        abs(m.unit.probabilities(m.read(x))[1] - q.unit.probabilities(q.read(x))[1])
        for x in words(2, n)
    )
    return found * fmpq(1, 1 << n)


def apart(pair: Pair) -> Real:
    """Return TV(M, Q)."""
    found = total_variation(*pair).value
    assert found is not None
    return found


def inputs(model: TabulatedModel) -> TabulatedModel:
    """Return the law of the input bits."""
    n = model.horizon - 1
    table = {x: model.read(x) for length in range(n) for x in words(2, length)}
    return TabulatedModel(2, n, table, model.unit)


def labels(pair: Pair) -> Measurement:
    """Measure E_x |M(1 | x) - Q(1 | x)| against 2 TV(M, Q)."""
    return Measurement(labels_apart(pair), label_error(apart(pair)))


def labels_of_inputs(pair: Pair) -> Measurement:
    """Measure E_x |M(1 | x) - Q(1 | x)| against TV(M, Q) + TV(M_x, Q_x)."""
    first, second = map(inputs, pair)
    bound = label_error_of_inputs(apart(pair), apart((first, second)))
    return Measurement(labels_apart(pair), bound)


def labels_alone(pair: Pair) -> Measurement:
    """Tightened: TV(M, Q) alone."""
    return Measurement(labels_apart(pair), apart(pair))


def labels_exactly(pair: Pair) -> Measurement:
    """Measure |E_x |M(1 | x) - Q(1 | x)| - TV(M, Q)| against 0."""
    both = label_error_of_inputs(apart(pair), 0)
    return Measurement(abs(labels_apart(pair) - both), Real.of(0))


@dataclass(frozen=True)
class Functions:
    """Values of f and fhat on a few points, in [-1, 1]."""

    f: tuple[fmpq, ...]
    fhat: tuple[fmpq, ...]


@st.composite
def functions(draw: DrawFn) -> Functions:
    """Return two functions on one, two or four points with values in tenths."""
    size = draw(st.sampled_from([1, 2, 4]))
    tenths = st.integers(-10, 10).map(lambda n: fmpq(n, 10))
    values = st.lists(tenths, min_size=size, max_size=size).map(tuple)
    return Functions(draw(values), draw(values))


def values(pair: Functions) -> Measurement:
    """Measure E|f - fhat| against E|sigma(2f) - sigma(2fhat)| / (2 sigma'(2))."""

    def sigma(x: fmpq) -> Real:
        return 1 / (1 + balls.exp(-2 * x))

    both = [(a, b) for a, b in zip(pair.f, pair.fhat, strict=True) if a != b]
    size = fmpq(1, len(pair.f))
    label = total(abs(sigma(a) - sigma(b)) for a, b in both) * size
    return Measurement(total(abs(a - b) for a, b in both) * size, function_error(label))


CLAIMS = (
    Claim(
        "corollary-5.15-label",
        "E_x |sigma(2f) - sigma(2fhat)| <= 2 TV(M, Q)",
        "[P] Corollary 5.15, first step",
        "sharpened",
        labelled_pairs,
        labels,
        statements=("corollary-5.15-label",),
        examples=300,
    ),
    Claim(
        "corollary-5.15-inputs",
        "E_x |sigma(2f) - sigma(2fhat)| <= TV(M, Q) + TV(M_x, Q_x)",
        "[P] Corollary 5.15, first step",
        "sharpened",
        labelled_pairs,
        labels_of_inputs,
        (Twin("TV(M, Q) alone", labels_alone),),
        statements=("corollary-5.15-inputs",),
        examples=200,
    ),
    Claim(
        "corollary-5.15-uniform",
        "Q's input bits uniform: E_x |sigma(2f) - sigma(2fhat)| = TV(M, Q)",
        "[P] Corollary 5.15, first step",
        "sharpened",
        lambda: labelled_pairs(uniform=True),
        labels_exactly,
        (Twin("any input bits", labels_exactly, labelled_pairs),),
        statements=("corollary-5.15-inputs",),
        sharp=True,
        examples=200,
    ),
    Claim(
        "corollary-5.15",
        "f, fhat in [-1, 1]: E|f - fhat| <= E|sigma(2f) - sigma(2fhat)| / (2 sigma'(2))",
        "[P] Corollary 5.15, second step",
        "sharpened",
        functions,
        values,
        statements=("corollary-5.15",),
        examples=300,
    ),
)
