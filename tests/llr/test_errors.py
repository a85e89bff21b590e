"""Errors: what survives of them."""

from __future__ import annotations

import pickle

from llr.errors import InputError, UnansweredError


def test_input_errors_survive_the_way_between_processes():
    error = InputError("epsilon", [1] * 99, "a number in (0, 1)")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert (again.argument, again.expected) == ("epsilon", "a number in (0, 1)")


def test_partial_answers_survive_it_too():
    error = UnansweredError("no more", [0, 2], [[1.5], [2.5]])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "no more"
    assert (again.places, again.answers) == ([0, 2], [[1.5], [2.5]])
