"""properties.typeset: statements and instances as HTML."""

from __future__ import annotations

import doctest
import re
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest
from flint import fmpq

from bounds import STATEMENTS
from llr.models.base import TabulatedModel
from llr.models.families import copy, spike
from llr.numbers.units import LogitUnit
from properties import records, report, typeset
from properties.claims import CLAIMS
from properties.typeset import instance, statement


def plain(html):
    """Return HTML with *x* for variables, _{x} for indices and ^{x} for powers."""
    html = re.sub(r"</?(var)>", "*", html)
    html = re.sub(r"<sub>(.*?)</sub>", r"_{\1}", html)
    return re.sub(r"<sup>(.*?)</sup>", r"^{\1}", html)


@pytest.mark.parametrize(
    ("written", "set_as"),
    [
        ("W <= d", "*W* ≤ *d*"),
        ("a >= b != c -> d", "a ≥ *b* ≠ *c* → *d*"),
        ("Z > g < h", "*Z* &gt; *g* &lt; *h*"),
        ("2^-m (sigma(2) - 1/2)", "2^{−*m*} (*σ*(2) − 1/2)"),
        ("delta^(1/n)", "*δ*^{1/*n*}"),
        ("(1-eta)^(L+1)", "(1−*η*)^{*L*+1}"),
        ("e^(-2 lam) / k", "*e*^{−2 *λ*} / *k*"),
        ("k^3 T^13", "*k*^{3} *T*^{13}"),
        ("|u - v|_inf / 2", "|*u* − *v*|_{∞} / 2"),
        ("|u - v|_2^2", "|*u* − *v*|_{2}^{2}"),
        ("y_{1:t} and m_{s-1}", "*y*_{1:*t*} and *m*_{*s*−1}"),
        ("p_bad, eps_avg", "*p*_{bad}, *ε*_{avg}"),
        ("sum_{i<=r} C(N,i)", "∑_{*i*≤*r*} *C*(*N*,*i*)"),
        ("sum k r_t", "∑ *k* *r*_{*t*}"),
        (
            "sum over s, sum of ranks, all risks sum to delta",
            "sum over *s*, sum of ranks, all risks sum to *δ*",
        ),
        ("prod_{t<T} x", "∏_{*t*&lt;*T*} *x*"),
        ("sqrt(d Lam)", "√(*d* *Λ*)"),
        ("KL(u || v)", "KL(*u* ∥ *v*)"),
        ("L = <u_h, v_f>", "*L* = ⟨*u*_{*h*}, *v*_{*f*}⟩"),
        ("s = 2..T-1, 0, ..", "*s* = 2…*T*−1, 0, …"),
        ("Lhat(h.a) - Delta'_s(f)", "*L̂*(*h*.*a*) − *Δ*′_{*s*}(*f*)"),
        ("sigma'(2), K' epochs", "*σ*′(2), *K*′ epochs"),
        ("the cut's rank, others' ranks", "the cut’s rank, others’ ranks"),
        ("a model, token a, M(a | h), (a)", "a model, token *a*, *M*(*a* | *h*), (*a*)"),
        ("E Z, E|f - fhat|, E_x", "E *Z*, E|*f* − *f̂*|, E_{*x*}"),
        ("one-token, 2-sparse, (eta, 2)-spanners", "one-token, 2-sparse, (*η*, 2)-spanners"),
        ("g-e, t-1, 1-delta, exp(-eta N)", "*g*−*e*, *t*−1, 1−*δ*, exp(−*η* *N*)"),
        ("log2(2m/eta), log(32TK)", "log_{2}(2*m*/*η*), log(32*T**K*)"),
        ("<script>alert(1)</script> & \"'", "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;’"),
    ],
)
def test_a_statement_is_set(written, set_as):
    assert plain(statement(written)) == set_as


class Balance(HTMLParser):
    """Keeps the tags that are open, and every tag and text met."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(html):
    found = Balance()
    found.feed(html)
    found.close()
    assert found.open == []
    return found


def test_every_statement_of_the_project_is_set_in_balanced_markup_that_loses_no_word():
    written = [c.title for c in CLAIMS.values()] + [s.summary for s in STATEMENTS.values()]
    for text in written:
        found = parsed(statement(text))
        assert found.tags <= {"var", "sub", "sup"}
        shown = "".join(found.text)
        for word in re.findall(r"[a-z]{7,}", text):
            assert word in shown or word == "epsilon"
        assert not re.search(r"[_^{}]|<=|>=", shown.replace("{ys}", ""))


@dataclass(frozen=True)
class Pair:
    """Two fields."""

    left: tuple[fmpq, ...]
    horizon: int


@dataclass(frozen=True, repr=False)
class Own:
    """Has a form of its own."""

    n: int

    def __repr__(self):
        return f"<Own T={self.n}>"


def text_of(value):
    return " ".join("".join(parsed(instance(value)).text).split())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (fmpq(-1, 2), "−1/2"),
        (3, "3"),
        ((fmpq(1), fmpq(-2)), "(1, −2)"),
        ([(1, 0)], "[(1, 0)]"),
        (((1, 0), (0, 1)), "1001"),
        (((1, 0), (0,)), "((1, 0), (0))"),
        ((), "()"),
        (LogitUnit(fmpq(2)), "unit ln 2"),
        (Pair((fmpq(1, 2),), 3), "Pair left = (1/2) T = 3"),
        ((Pair((), 1), 2), "(Pair(left = (), T = 1), 2)"),
        (Own(4), "<Own T=4>"),
        ("<b>", "<b>"),
        (True, "True"),
    ],
)
def test_an_instance_is_shown(value, shown):
    assert text_of(value) == shown


def test_a_network_is_shown_with_equal_steps_once():
    shown = text_of(spike(4))
    assert shown.startswith("ISAN of dimension 1 k = 2, T = 4, unit nat x0 = [1]")
    assert "A1…" in shown
    assert "B2…4 = 0" in shown
    assert "<table" in instance(copy(2, 2))


def test_a_table_of_logits_is_cut_off():
    def rows(horizon):
        return TabulatedModel(2, horizon, {p: [0, 1] for p in prefixes(horizon)})

    def prefixes(horizon):
        found = [()]
        for p in found:
            if len(p) < horizon - 1:
                found += [(*p, 0), (*p, 1)]
        return found

    assert "L(·) = (−1/2, 1/2) L(0.·) = (−1/2, 1/2)" in text_of(rows(2))
    assert text_of(rows(5)).count("L(") == 31
    assert "more" not in text_of(rows(5))
    assert text_of(rows(6)).endswith("… = 32 more")


def test_every_instance_on_record_is_shown():
    shown = 0
    for identifier in CLAIMS:
        record = records.load(identifier)
        if record is not None:
            assert parsed(instance(record.instance)).text
            shown += 1
    assert shown > 90


def test_the_examples_in_the_docstrings_are_true():
    for module in (typeset, report):
        found = doctest.testmod(module)
        assert found.attempted > 0
        assert found.failed == 0
