"""How many witnesses a run can find (Lemma 5.1 and sec. 5, witness count)."""

from __future__ import annotations

from collections.abc import Sequence

from bounds.statement import require, statement


@statement(
    "witness-count",
    mark="sharpened",
    source="[P] Lemma 5.6, exact oracle, deterministic",
    summary="xi = 0: witnesses at cut s <= d_s - rank(one-token columns at cut s)",
)
def witnesses_at_cut(cut_rank: int, one_token_rank: int) -> int:
    """Bound the number of witnesses that Algorithm 1 adds at one cut, for an exact oracle.

    Proof.  A witness f has a nonzero residual Delta_s(f), while Delta_s vanishes on all of Fh_s.
    Delta_s is a combination of rows of cut s, so the column of f is not in the span of the columns
    of Fh_s: each witness raises their rank, which starts at the rank of the one-token columns and
    never exceeds d_s.

    Args:
        cut_rank: d_s, the rank of cut s.
        one_token_rank: the rank of its columns of one token.

    Raises:
        HypothesisError: the ranks are impossible.
    """
    require(
        0 <= one_token_rank <= cut_rank,
        "witness-count",
        "0 <= rank of some columns <= d_s",
        (one_token_rank, cut_rank),
    )
    return cut_rank - one_token_rank


@statement(
    "epoch-count",
    mark="sharpened",
    source="[P] Lemma 5.6, exact oracle, deterministic",
    summary="xi = 0: epochs that end in a witness <= sum over s = 2..T-1 of (d_s - one-token rank)",
)
def witness_epochs(cut_ranks: Sequence[int], one_token_ranks: Sequence[int]) -> int:
    """Bound the number of epochs of Algorithm 1 that end in a witness, for an exact oracle.

    Each such epoch adds one witness at one cut s = 2..T-1; see :func:`witnesses_at_cut`.

    Args:
        cut_ranks: d_1..d_T.
        one_token_ranks: per cut, the rank of its columns of one token.

    Raises:
        HypothesisError: the ranks are impossible.
    """
    require(
        len(cut_ranks) == len(one_token_ranks),
        "epoch-count",
        "one rank per cut",
        (len(cut_ranks), len(one_token_ranks)),
    )
    inner = zip(cut_ranks[1:-1], one_token_ranks[1:-1], strict=True)
    return sum(witnesses_at_cut(d, r) for d, r in inner)
