"""The planner of passes, against brute force."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llr.oracles import batches
from llr.oracles.batches import Run, chunks, plan, tokens_run

SEQUENCES = st.lists(
    st.lists(st.integers(0, 2), min_size=1, max_size=7).map(tuple), min_size=1, max_size=25
)
GRIDS = st.builds(
    lambda heads, tails: [h + t for h in heads for t in tails],
    st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=6).map(tuple), max_size=6),
    st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=4).map(tuple), max_size=6),
)


def answered(runs):
    """Return (number, sequence) of everything that the runs answer."""
    found = []
    for run in runs:
        found += [(i, run.tokens[: place + 1]) for place, i in run.reads]
        for tail in run.tails:
            assert not tail.tails
            assert tail.tokens
            found += [(i, run.tokens + tail.tokens[: place + 1]) for place, i in tail.reads]
    return found


def maximal(sequences):
    """Return the different sequences that are no proper prefix of another one."""
    return {
        s for s in sequences if not any(len(o) > len(s) and o[: len(s)] == s for o in sequences)
    }


def cost(leaves, split):
    """Return the tokens that run if heads of one length are shared."""
    heads = {leaf[:split] for leaf in leaves if len(leaf) > split}
    rest = sum(len(leaf) - split if len(leaf) > split else len(leaf) for leaf in leaves)
    return split * len(heads) + rest


@given(SEQUENCES | GRIDS, st.booleans())
def test_every_sequence_is_answered_once_at_its_end(sequences, share):
    runs = plan(sequences, share)
    assert Counter(answered(runs)) == Counter(enumerate(sequences))


@given(SEQUENCES | GRIDS)
def test_prefixes_of_others_do_not_run(sequences):
    runs = plan(sequences, share=False)
    assert all(not run.tails for run in runs)
    assert Counter(run.tokens for run in runs) == Counter(maximal(sequences))


@given(SEQUENCES | GRIDS)
def test_no_shared_length_runs_fewer_tokens(sequences):
    leaves = maximal(sequences)
    whole = sum(map(len, leaves))
    least = min((cost(leaves, s) for s in range(1, 8)), default=0)
    least = min(least, whole)
    runs = plan(sequences)
    pays = whole - least >= batches.WORTH * whole and least < whole
    assert tokens_run(runs) == (least if pays else whole)
    heads = [run.tokens for run in runs if run.tails]
    assert len({len(head) for head in heads}) <= 1
    assert len(heads) == len(set(heads))


def test_all_prefixes_of_a_word_are_one_run():
    word = tuple(range(32))
    runs = plan([word[:n] for n in range(1, 33)])
    assert [(run.tokens, run.tails) for run in runs] == [(word, ())]
    assert sorted(runs[0].reads) == [(n, n) for n in range(32)]


def test_histories_run_once_for_all_their_futures():
    histories = [(h,) * 8 for h in range(3)]
    futures = [(9, f) for f in range(10)]
    runs = plan([h + f for h in histories for f in futures])
    # the futures' first token is shared as well
    assert [run.tokens for run in runs] == [(*h, 9) for h in histories]
    assert [[tail.tokens for tail in run.tails] for run in runs] == [[(f,) for f in range(10)]] * 3
    assert tokens_run(runs) == 3 * 9 + 30


def test_nothing_asked_is_nothing_to_run():
    assert plan([]) == []
    assert list(chunks([], 0, 10, 10)) == []


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sets(st.integers(0, 8), max_size=3)), max_size=20),
    st.integers(0, 5),
    st.integers(1, 40),
    st.integers(1, 20),
)
def test_chunks_keep_their_limits(shapes, before, most_tokens, most_reads):
    runs = [
        Run((0,) * length, tuple((place, 0) for place in sorted(places) if place < length))
        for length, places in shapes
    ]
    found = list(chunks(runs, before, most_tokens, most_reads))
    assert sorted(i for chunk in found for i in chunk) == list(range(len(runs)))
    for chunk in found:
        assert chunk
        width = before + max(len(runs[i].tokens) for i in chunk)
        places = {place for i in chunk for place, _ in runs[i].reads}
        if len(chunk) > 1:
            assert len(chunk) * width <= most_tokens
            assert len(chunk) * len(places) <= most_reads
    # as few as a greedy packing by length needs: two neighbours never fit together
    for one, two in pairwise(found):
        together = [*one, two[0]]
        width = before + max(len(runs[i].tokens) for i in together)
        places = {place for i in together for place, _ in runs[i].reads}
        assert len(together) * width > most_tokens or len(together) * len(places) > most_reads


@pytest.mark.parametrize(("a", "b", "same"), [((1, 2, 3), (1, 2, 4), 2), ((1,), (2,), 0)])
def test_common_beginnings(a, b, same):
    assert batches._common(a, b) == same


@given(st.lists(st.integers(0, 1), max_size=9), st.lists(st.integers(0, 1), max_size=9))
def test_common_beginning_is_the_longest(a, b):
    n = batches._common(tuple(a), tuple(b))
    assert a[:n] == b[:n]
    assert n == min(len(a), len(b)) or a[n] != b[n]
