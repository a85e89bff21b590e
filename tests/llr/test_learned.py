"""Algorithm 2: the learned model emits the target's own logits, and survives its JSON file."""

from __future__ import annotations

import copy
import json
from fractions import Fraction
from itertools import product

import pytest
from flint import fmpq

from llr.errors import InputError
from llr.learning.api import learn
from llr.learning.learned import LearnedModel, learned_from_json, learned_to_json
from llr.learning.table import Cut, Table
from llr.models.base import TabulatedModel
from llr.models.targets import family_target
from llr.numbers.arithmetic import EXACT
from llr.numbers.units import LogitUnit


def learned(target, **options):
    options = {"epsilon": "0.01", "delta": "0.01"} | options
    result = learn(family_target(target), algorithm="printed", **options)
    assert result.accepted
    return result.model


def prefixes(model):
    return [p for t in range(model.horizon) for p in product(range(model.alphabet_size), repeat=t)]


def all_logits(model):
    return {p: model.logits(p) for p in prefixes(model)}


def state_of(model, prefix):
    state = model.start()
    for token in prefix:
        state = model.step(state, token)
    return state


TARGETS = [
    "isan:T=1,k=3,d=2",
    "isan:T=2,k=2,d=1",
    "isan:T=3,k=2,d=2",
    "isan:T=6,k=2,d=3",
    "isan:T=4,k=3,d=2,seed=1",
    "isan:T=4,k=2,d=2,seed=1,kind=permutation",
    "parity:n=5,secret=10110,nu=1/10",
    "fourier:n=5,terms=11000:1/2;00110:-1/4;00000:1/3",
    "copy:n=2,k=2",
]


@pytest.mark.parametrize("target", TARGETS)
def test_the_learned_model_has_the_target_s_logits(target):
    model = learned(target)
    assert isinstance(model, LearnedModel)
    expected = all_logits(family_target(target))
    assert all_logits(model) == expected
    assert model.unit == family_target(target).unit
    assert all(type(x) is Fraction for row in expected.values() for x in row)


def test_a_tabulated_target_that_no_family_has():
    rows = {
        p: [Fraction(3 * p[0] - 1, 7) if len(p) > 1 else Fraction(i, 5), -len(p), 0]
        for i, p in enumerate(q for t in range(3) for q in product(range(3), repeat=t))
    }
    result = learn(TabulatedModel(3, 3, rows), epsilon="0.01", delta="0.01", algorithm="printed")
    for p, row in rows.items():
        mean = sum(map(Fraction, row)) / 3
        assert result.model.logits(p) == tuple(x - mean for x in row)


def test_parity_by_its_formula():
    model = learned("parity:n=5,secret=10110,nu=1/10")
    assert str(model.unit) == "ln 9"
    for x in product((0, 1), repeat=5):
        label = (x[0] + x[2] + x[3]) % 2
        half = Fraction(1, 2) if label == 0 else Fraction(-1, 2)
        assert model.logits(x) == (half, -half)
        assert model.logits(x[:4]) == (0, 0)


def test_float_models_are_near():
    model = learned("isan:T=5,k=2,d=2", arithmetic="float")
    for p, row in all_logits(family_target("isan:T=5,k=2,d=2")).items():
        assert model.logits(p) == pytest.approx(tuple(map(float, row)), abs=1e-4)
        assert all(type(x) is float for x in model.logits(p))


def test_logits_are_centred_and_prefixes_checked():
    model = learned("isan:T=4,k=3,d=2,seed=1")
    assert all(sum(row) == 0 for row in all_logits(model).values())
    with pytest.raises(InputError, match=r"^prefix must be at most 3 tokens long, not"):
        model.logits((0, 0, 0, 0))
    with pytest.raises(InputError, match=r"^prefix must be made of tokens 0\.\.2, not \(3,\)"):
        model.logits((3,))


# -- where no program is feasible -----------------------------------------------------------------


def rare_history_table():
    """k = 2, T = 4: histories that begin with 1 have rows that no basis history explains."""
    one = ((0,), (1,))
    columns = (*one, *product((0, 1), repeat=2))

    def row(history):
        values = {(): 2, (1,): 3}
        entries = [Fraction(values.get((history + f)[:-1], 0)) * (1 - 2 * f[-1]) for f in columns]
        return tuple(fmpq(x.numerator, x.denominator) for x in entries)

    cuts = (
        Cut(((),), one, columns, (row(()),)),
        Cut((), one, columns, ()),
        Cut((), one, columns, ()),
    )
    return Table(2, 4, cuts, one, EXACT)


def test_uniform_to_the_end_after_an_infeasible_program():
    model = LearnedModel(rare_history_table(), LogitUnit(fmpq(3)))
    assert model.logits((1,)) == (3, -3)  # the output alone meets the unexplained row
    for prefix in prefixes(model):
        bad = prefix[:1] == (1,) and len(prefix) >= 2
        assert model.represents(state_of(model, prefix)) == (not bad)
        if prefix not in ((), (1,)):
            assert model.logits(prefix) == (0, 0)
    assert model.logits(()) == (2, -2)


# -- JSON -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
def test_json_round_trip_bit_for_bit(target):
    model = learned(target)
    text = json.dumps(learned_to_json(model))
    again = learned_from_json(json.loads(text))
    assert json.dumps(learned_to_json(again)) == text
    assert again.table == model.table
    assert again.unit == model.unit
    assert all_logits(again) == all_logits(model)


def test_json_round_trip_in_float64():
    model = learned("isan:T=5,k=2,d=2", arithmetic="float")
    value = learned_to_json(model)
    assert value["arithmetic"] == "float64"
    assert value["logit_unit"] == "nat"
    text = json.dumps(value)
    again = learned_from_json(json.loads(text))
    assert json.dumps(learned_to_json(again)) == text
    assert all_logits(again) == all_logits(model)


def test_json_by_hand():
    value = learned_to_json(LearnedModel(rare_history_table(), LogitUnit(fmpq(3, 2))))
    one = [[0], [1]]
    row = ["2", "-2", "0", "0", "3", "-3"]
    assert value == {
        "format": 1,
        "kind": "learned",
        "alphabet_size": 2,
        "horizon": 4,
        "logit_unit": "ln 3/2",
        "cuts": [
            {"histories": [[]], "futures": one, "rows": [row]},
            {"histories": [], "futures": one, "rows": []},
            {"histories": [], "futures": one, "rows": []},
        ],
        "last_futures": one,
    }
    assert learned_from_json(value).table == rare_history_table()


def good_value():
    """T = 3, k = 2, with a two-token future at cut 2."""
    return {
        "format": 1,
        "kind": "learned",
        "alphabet_size": 2,
        "horizon": 3,
        "logit_unit": "nat",
        "cuts": [
            {
                "histories": [[]],
                "futures": [[0], [1]],
                "rows": [["1", "-1", "1/2", "-1/2", "2", "1/3", "-1/3", "3"]],
            },
            {
                "histories": [[0], [1]],
                "futures": [[0], [1], [1, 0]],
                "rows": [["1/2", "-1/2", "5", "7", "-7", "-5"], ["0", "0", "2", "1", "-1", "-2"]],
            },
        ],
        "last_futures": [[0], [1]],
    }


def test_the_good_value_is_good():
    model = learned_from_json(good_value())
    # columns of cut 1: its futures, then 0.f and 1.f for f in (0,), (1,), (1, 0)
    assert model.table.cut(1).columns == (
        (0,), (1,), (0, 0), (0, 1), (0, 1, 0), (1, 0), (1, 1), (1, 1, 0)
    )  # fmt: skip
    # columns of cut 2: (1, 0) stands among its futures already
    assert model.table.cut(2).columns == ((0,), (1,), (1, 0), (0, 0), (0, 1), (1, 1))
    assert learned_to_json(model) == good_value()


def changed(*path, to):
    def change(value):
        for key in path[:-1]:
            value = value[key]
        value[path[-1]] = to

    return change


def without(*path):
    def change(value):
        for key in path[:-1]:
            value = value[key]
        del value[path[-1]]

    return change


CUT = "an object with histories, futures and rows"
FUTURES = "different nonempty words, all one-token futures first"
MALFORMED = [
    (without("cuts"), r"^cuts must be present in the file, not missing"),
    (without("last_futures"), r"^last_futures must be present"),
    (without("horizon"), r"^horizon must be present"),
    (without("alphabet_size"), r"^alphabet_size must be present"),
    (without("logit_unit"), r"^logit_unit must be present"),
    (changed("extra", to=1), r"^extra must be absent"),
    (changed("format", to=2), r"^format must be 1, not 2"),
    (changed("alphabet_size", to=1), r"^alphabet_size must be an integer of at least 2, not 1"),
    (changed("alphabet_size", to="2"), r"^alphabet_size must be an integer of at least 2"),
    (changed("horizon", to=0), r"^horizon must be an integer of at least 1, not 0"),
    (changed("horizon", to=4), r"^cuts must be a list of 3, not '?a list of 2"),
    (changed("horizon", to=True), r"^horizon must be an integer"),
    (changed("logit_unit", to="ln 1"), r"^logit_unit must be"),
    (changed("logit_unit", to=3), r"^logit_unit must be"),
    (changed("arithmetic", to="decimal"), r"^arithmetic must be \"exact\" or \"float\""),
    (changed("cuts", to={}), r"^cuts must be a list, not {}"),
    (changed("cuts", to=None), r"^cuts must be a list, not None"),
    (changed("cuts", 1, to=[]), rf"^cuts\[1\] must be {CUT}"),
    (without("cuts", 1, "rows"), rf"^cuts\[1\] must be {CUT}"),
    (changed("cuts", 0, "more", to=1), rf"^cuts\[0\] must be {CUT}"),
    (changed("cuts", 1, "futures", to="01"), r"^cuts\[1\]\.futures must be a list"),
    (changed("cuts", 1, "futures", to=[0, 1]), r"^cuts\[1\]\.futures must be a list, not 0"),
    (changed("cuts", 1, "futures", 2, to=[]), rf"^cuts\[1\]\.futures must be {FUTURES}"),
    (changed("cuts", 1, "futures", 2, to=[1]), rf"^cuts\[1\]\.futures must be {FUTURES}"),
    (changed("cuts", 1, "futures", to=[[1], [0]]), rf"^cuts\[1\]\.futures must be {FUTURES}"),
    (changed("cuts", 1, "futures", to=[[0]]), rf"^cuts\[1\]\.futures must be {FUTURES}"),
    (changed("cuts", 1, "futures", 2, to=[1, 2]), r"^cuts\[1\]\.futures must be made of tokens 0"),
    (changed("cuts", 1, "futures", 2, to=[1, True]), r"^cuts\[1\]\.futures must be made of tokens"),
    (changed("cuts", 1, "futures", 2, to=[1, "0"]), r"^cuts\[1\]\.futures must be made of tokens"),
    (changed("cuts", 1, "futures", 2, to=[1, 0, 1]), r"^cuts\[1\]\.futures must be at most 2 tok"),
    (changed("last_futures", to=[[0], [1], [0, 1]]), r"^last_futures must be at most 1 tokens"),
    (changed("last_futures", to=[[0]]), rf"^last_futures must be {FUTURES}"),
    (changed("last_futures", to=5), r"^last_futures must be a list, not 5"),
    (changed("cuts", 1, "histories", to=None), r"^cuts\[1\]\.histories must be a list, not None"),
    (
        changed("cuts", 1, "histories", 0, to=[]),
        r"^cuts\[1\]\.histories must be words of 1 tokens, not \[\]$",
    ),
    (changed("cuts", 1, "histories", 0, to=[0, 1]), r"^cuts\[1\]\.histories must be at most 1 tok"),
    (changed("cuts", 1, "histories", 0, to=[7]), r"^cuts\[1\]\.histories must be made of tokens"),
    (changed("cuts", 1, "histories", 0, to="0"), r"^cuts\[1\]\.histories must be a list"),
    (changed("cuts", 0, "histories", to=[]), r"^cuts\[0\]\.histories must be .* alone, not \[\]$"),
    (changed("cuts", 0, "rows", to=[]), r"^cuts\[0\]\.rows must be a list of 1, not a list of 0$"),
    (changed("cuts", 1, "histories", to=[[0]]), r"^cuts\[1\]\.rows must be a list of 1, not"),
    (changed("cuts", 1, "rows", to={}), r"^cuts\[1\]\.rows must be a list, not {}"),
    (changed("cuts", 1, "rows", 1, to=None), r"^cuts\[1\]\.rows\[1\] must be a list, not None"),
    (
        changed("cuts", 1, "rows", 1, to=["0"] * 5),
        r"^cuts\[1\]\.rows\[1\] must be a list of 6, not a list of 5$",
    ),
    (
        changed("cuts", 1, "rows", 1, 3, to="x"),
        r"^cuts\[1\]\.rows\[1\]\[3\] must be a rational str",
    ),
    (changed("cuts", 1, "rows", 1, 3, to="1/0"), r"^cuts\[1\]\.rows\[1\]\[3\] must be .*nonzero"),
    (changed("cuts", 1, "rows", 1, 3, to=0.5), r"^cuts\[1\]\.rows\[1\]\[3\] must be a rational"),
    (changed("cuts", 1, "rows", 1, 3, to=True), r"^cuts\[1\]\.rows\[1\]\[3\] must be a rational"),
    (changed("arithmetic", to="float64"), r"^cuts\[0\]\.rows\[0\]\[0\] must be a finite number"),
]


@pytest.mark.parametrize(("change", "message"), MALFORMED)
def test_malformed_values(change, message):
    value = copy.deepcopy(good_value())
    change(value)
    with pytest.raises(InputError, match=message) as caught:
        learned_from_json(value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_the_format_may_be_missing():
    value = good_value()
    del value["format"]
    assert learned_to_json(learned_from_json(value)) == good_value()


def test_one_token_models_name_their_futures_twice():
    value = learned_to_json(learned("isan:T=1,k=2,d=1"))
    assert learned_to_json(learned_from_json(value)) == value
    value["last_futures"] = [[0], [1], [1]]
    with pytest.raises(InputError, match=r"^last_futures must be"):
        learned_from_json(value)


def test_a_file_cannot_bring_in_rows_that_are_not_centred():
    # LanguageModel.logits promises mean-centred logits (Def 1.2): refuse such a file or centre it
    value = good_value()
    value["cuts"][0]["rows"][0][:2] = ["1", "0"]
    try:
        model = learned_from_json(value)
    except InputError:
        return
    assert sum(model.logits(())) == 0
