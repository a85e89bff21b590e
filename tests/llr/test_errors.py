"""Errors: what survives of them."""

from __future__ import annotations

import pickle

import pytest

from llr.errors import InputError, UnansweredError, one_of


def test_input_errors_survive_the_way_between_processes():
    error = InputError("epsilon", [1] * 99, "a number in (0, 1)")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert (again.argument, again.expected) == ("epsilon", "a number in (0, 1)")


NAMES = [f"lemma-5.{n}" for n in range(1, 22)]


@pytest.mark.parametrize(
    ("names", "given", "expected"),
    [
        (["a", "b"], "c", "one of a, b"),
        (iter("ab"), 3, "one of a, b"),
        (NAMES[:20], "x", "one of " + ", ".join(NAMES[:20])),
        (NAMES, "x", "one of 21 names, such as " + ", ".join(NAMES[:5])),
        (NAMES, ["lemma-5.33"], "one of 21 names, such as lemma-5.3, "),
        ([*NAMES, "theorem-2"], "theorem2", "one of 22 names, such as theorem-2"),
    ],
)
def test_few_names_are_listed_and_of_many_the_nearest(names, given, expected):
    found = one_of(names, given)
    assert found.startswith(expected)
    assert found.count(",") <= 19


def test_partial_answers_survive_it_too():
    error = UnansweredError("no more", [0, 2], [[1.5], [2.5]])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "no more"
    assert (again.places, again.answers) == ([0, 2], [[1.5], [2.5]])
