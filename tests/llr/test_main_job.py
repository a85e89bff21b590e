"""The main job on real targets: what the learner must show, end to end."""

from fractions import Fraction

import pytest
from flint import fmpq

import llr
from bounds.potential import witness_epochs
from bounds.transfer import transfer_product
from llr.analysis.distance import mass
from llr.learning.printed import Residuals
from llr.models.base import words
from llr.numbers.arithmetic import EXACT
from llr.numbers.balls import Real
from llr.oracles.noise import NoisyOracle
from llr.oracles.protocol import ModelOracle
from llr.oracles.sampling import ModelWords
from properties.scenarios import mass_of

EXACTLY_LEARNED = [
    "isan:T=8,k=2,d=4",
    "parity:n=10,secret=1011001011,nu=1/10",
    "fourier:n=8,terms=11000000:1/2;00110000:-1/4;10101010:1/3;00000011:1/5",
]


@pytest.mark.parametrize("name", EXACTLY_LEARNED)
def test_exact_oracle_gives_distance_exactly_zero(name):
    target = llr.target(name)
    result = llr.learn(target, epsilon="0.01", delta="0.01", algorithm="printed")
    assert result.accepted
    apart = llr.total_variation(target, result.model)
    assert apart.enclosure.upper == 0
    assert apart.method == "exact"
    trivial = llr.UniformModel(target.alphabet_size, target.horizon, target.unit)
    assert llr.total_variation(target, trivial).enclosure.lower > Fraction(1, 5)
    assert sum(result.witnesses) <= witness_epochs(target.cut_ranks(), target.one_token_ranks())
    ended = result.epochs - result.infeasible_epochs - 1
    assert ended == sum(result.witnesses)


@pytest.mark.long
@pytest.mark.parametrize("name", ["copy:n=10", "spike:T=20"])
def test_long_targets_are_accepted_and_their_distance_is_explained(name):
    target = llr.target(name)
    assert target.horizon == 20
    result = llr.learn(target, epsilon="0.01", delta="0.01", algorithm="printed")
    assert result.accepted
    apart = llr.total_variation(target, result.model)
    assert apart.enclosure.upper <= Fraction(1, 100)
    missing = mass(target, result.model, lambda state: not result.model.represents(state))
    assert apart.enclosure.upper <= missing.enclosure.upper  # nothing else is wrong


@pytest.mark.parametrize(
    "name", ["isan:T=6,k=2,d=3", "parity:n=7,secret=1011001", "fourier:n=5,terms=11000:1;00111:-1"]
)
def test_adversarial_noise_stays_within_the_transfer_bound(name):
    target, xi = llr.target(name), fmpq(1, 10**6)
    oracle = NoisyOracle(ModelOracle(target), "adversarial", xi, target.unit)
    result = llr.learn(
        oracle,
        alphabet_size=target.alphabet_size,
        horizon=target.horizon,
        unit=target.unit,
        words=ModelWords(target),
        epsilon="0.01",
        delta="0.01",
        xi="1e-6",
        algorithm="printed",
    )
    assert result.accepted
    g = result.parameters["g"]
    residuals = Residuals(result.ledger, result.model.table, EXACT)
    bad = set()
    for length in range(1, target.horizon):
        for prefix in words(target.alphabet_size, length):
            solution = result.model.program.solution(prefix)
            if solution is None or any(
                EXACT.exceeds_nats(delta, target.unit, g)
                for _, _, delta in residuals.at(prefix, solution)
            ):
                bad.add(prefix)
    bound = transfer_product(target.horizon, mass_of(target, bad), g, xi)
    apart = llr.total_variation(target, result.model).value
    assert Real.of(0) < apart <= bound
    assert bound < Fraction(1, 100)
