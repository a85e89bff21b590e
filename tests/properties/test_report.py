"""properties.report: the page, without a browser."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import product

import pytest
from commands import call
from made import lines

from llr.errors import InputError
from properties.claims import CLAIMS
from properties.report import TEMPLATE, bar, page, size
from properties.results import parse_results

NAMES = ("lemma-5.3", "lemma-5.7-printed", "lemma-5.7", "needle-rank", "lean-drawn")

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Keeps ids, headings, links, attributes and texts; asserts that tags are balanced."""

    def __init__(self, written):
        super().__init__()
        self.open, self.ids, self.links, self.headings, self.attributes = [], [], [], [], []
        self.texts = {}
        self.feed(written)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.attributes.append((tag, found))
        if "id" in found:
            self.ids.append(found["id"])
            self.texts[found["id"]] = ""
        if tag == "a":
            self.links.append(found["href"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append((tag, found.get("id")))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, identifier in self.open:
            if identifier:
                self.texts[identifier] += data

    def text(self, identifier):
        return " ".join(self.texts[identifier].split())


def made(*arguments, **options):
    return page(parse_results(lines(*arguments, **options), "x"))


@pytest.fixture(scope="module")
def whole():
    return made()


@pytest.fixture(scope="module")
def read(whole):
    return Page(whole)


# -- what is on it ------------------------------------------------------------------------------


def test_every_claim_has_its_place_with_its_statement_and_verdict(read):
    for claim in CLAIMS.values():
        shown = read.text(f"claim-{claim.identifier}")
        assert shown.startswith(claim.identifier)
        assert claim.expected in shown
        assert claim.mark in shown
        assert f"#claim-{claim.identifier}" in read.links
        assert ("Worst instance" in shown or "Counterexample" in shown) is (
            claim.searched and claim.trials is None
        )
        assert shown.count("✓ caught") == len(claim.twins)
    assert sum(i.startswith("claim-") for i in read.ids) == len(CLAIMS)


def test_the_three_answers_come_first(read):
    answers = ["tightest", "false", "queries"]
    sections = [a["id"] for tag, a in read.attributes if tag == "section"]
    assert sections == [*answers, "tightness", "twins", "budget", "claims", "run"]
    for name in answers:
        assert f"#{name}" in read.links
    assert "lemma-5.3" in read.text("tightest")
    false = read.text("false")
    assert "6 printed steps" in false
    assert "Z in [0, 1]: Pr(Z ≥ E Z) ≥ E Z" in false
    assert "values = (1, 1/2)" in false
    assert "corrected: lemma-5.7" in false
    assert "lean-lemma-5.12" in false.partition("refuted elsewhere")[2]
    assert "slip-early-accept" in false.partition("refuted elsewhere")[0]
    assert "asked 448 prefixes to learn, 1.17 times the counting limit of 384" in read.text(
        "queries"
    )


def test_claims_are_ordered_by_tightness(read):
    shown = read.text("tightness")
    order = ["lemma-5.3-range", "lemma-5.3-linear", "fact-b.2-sharp", "remark-5.9"]
    places = [shown.index(f"{name} [") for name in order]
    assert places == sorted(places)


def test_the_budget_is_the_sum_of_the_shares(read):
    assert "is at most 1.0 × 10−9, of a budget of 1.0 × 10−9: 13 tests" in read.text("budget")
    assert "Nothing: this run has no statistical claims" in made(["lemma-5.3"])


def test_versions_and_seed_are_told(read):
    for word in ("Seed0", "Profileci", "Python3", "numpy", "python-flint"):
        assert word in read.text("run")


def test_a_sabotaged_verdict_shows_as_a_failure():
    good = made(NAMES)
    assert "✗" not in good
    assert 'id="failures"' not in good
    survivor = {"name": "g < 1 & <b>", "refuted": False, "tried": 77, "counterexample": ""}
    for change, words in (
        ({"verdict": "refuted", "counterexample": "(7, 8)"}, ["✗ refuted", "Broken by"]),
        (
            {"verdict": "twin survived", "twins": [survivor]},
            ["✗ twin survived", "✗ not caught", "Sabotage not caught in 77 instances"],
        ),
        ({"verdict": "record not reproduced"}, ["✗ record not reproduced"]),
    ):
        bad = Page(made(NAMES, {"lemma-5.3": change}))
        assert "#failures" in bad.links
        everywhere = " ".join(map(bad.text, ("failures", "claim-lemma-5.3")))
        for word in words:
            assert word in everywhere
    change = {"verdict": "verified", "counterexample": "", "counterexample_value": None}
    bad = Page(made(NAMES, {"lemma-5.7-printed": change}))
    assert "verified, but must be refuted" in bad.text("failures")


def test_a_run_that_did_not_finish_says_so():
    assert "The run did not finish: 5 of 9 claims are here." in made(NAMES, claims=9)
    assert "did not finish" not in made(NAMES)


def test_without_query_counts_the_page_says_so():
    assert "Query counts are not part of these results" in made(NAMES, costs=False)


@pytest.mark.parametrize("names", [[], ["def-1.2"], ["lemma-5.3"], ["lean-drawn"], ["needle"]])
def test_few_claims_make_a_page(names):
    Page(made(names))


# -- that it is safe and stands alone -----------------------------------------------------------


def test_the_same_results_give_the_same_bytes_whatever_the_times():
    found = lines(NAMES)
    again = [re.sub(r'"seconds": [\d.]+', '"seconds": 99.125', line) for line in found]
    assert found != again
    assert page(parse_results(found, "x")) == page(parse_results(again, "y"))


BYTES = """
import sys, hashlib
from made import lines
from properties.report import page
from properties.results import parse_results
print(hashlib.sha256(page(parse_results(lines(), "x")).encode()).hexdigest())
"""


def test_another_process_makes_the_same_bytes():
    def digest(hash_seed):
        return subprocess.run(
            [sys.executable, "-c", BYTES],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": hash_seed},
        ).stdout

    assert digest("1") == digest("2")


def test_everything_is_escaped():
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)> & \"'"
    values = [json.loads(line) for line in lines(NAMES)]

    def poison(value):
        if isinstance(value, dict):
            return {k: v if k in KEPT else poison(v) for k, v in value.items()}
        if isinstance(value, list):
            return [poison(v) for v in value]
        return evil if isinstance(value, str) else value

    poisoned = [json.dumps(poison(v)) for v in values]
    written = page(parse_results(poisoned, "x"))
    found = Page(written)
    assert "<script" not in written
    assert "<img" not in written
    assert all(not name.startswith("on") for _, found in found.attributes for name in found)
    assert "alert(2)" in written


KEPT = {
    *("claim", "verdict", "grade", "worst_value", "counterexample_value", "error_budget"),
    *("delta", "epsilon", "share_of_error_budget", "detectable_rate", "power"),
}
"""Fields that must keep their form; claims are poisoned below."""


@pytest.mark.parametrize(
    ("every", "told"),
    [
        (100, "Networks with k = 2, d ≤ 2: all with T ≤ 2, one in 100 with T = 3."),
        (1, "Networks with k = 2, d ≤ 2: all with T ≤ 3."),
    ],
)
def test_the_page_says_which_instances_were_listed(every, told):
    written = page(
        parse_results(lines(["telescope-small"], {"telescope-small": {"every": every}}), "x")
    )
    assert told in written
    assert "all instances" not in written.lower()


def test_a_claim_with_a_poisoned_name_stays_one_attribute():
    value = json.loads(lines(["needle"])[1]) | {"claim": 'x" onclick="y'}
    written = page(parse_results([lines([])[0], json.dumps(value)], "x"))
    assert "onclick" not in {name for _, found in Page(written).attributes for name in found}


def test_nothing_is_loaded_from_elsewhere(whole, read):
    assert "default-src 'none'" in whole
    assert all(link.startswith("#") for link in read.links)
    for tag, found in read.attributes:
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
        assert not {"src", "srcset", "href", "action", "data", "style"} & set(found) or (
            tag == "a" and set(found) <= {"href", "class"}
        )
    assert not re.search(r"url\(|@import|https?:", whole)


def test_links_lead_somewhere_and_ids_are_unique(read):
    assert len(read.ids) == len(set(read.ids))
    for link in read.links:
        assert link[1:] in read.ids
    for _, found in read.attributes:
        for name in ("aria-labelledby",):
            for identifier in found.get(name, "").split():
                assert identifier in read.ids


def test_it_is_small(whole):
    assert len(whole.encode()) < 1_000_000


# -- that it can be read ------------------------------------------------------------------------


def test_headings_go_down_one_level_at_a_time(read):
    assert read.headings.count(1) == 1
    assert read.headings[0] == 1
    steps = zip(read.headings, read.headings[1:], strict=False)
    assert all(b <= a + 1 for a, b in steps)
    assert read.headings.count(4) == len(CLAIMS)


def test_pictures_have_names_or_are_decoration(read):
    pictures = [found for tag, found in read.attributes if tag == "svg"]
    assert len(pictures) > 2
    for found in pictures:
        assert found.get("aria-hidden") == "true" or found["role"] == "img"
    for name in ("chart-queries", "chart-twins"):
        assert len(read.text(f"{name}-title")) > 10
        assert len(read.text(f"{name}-desc")) > 20


def test_tables_have_scopes_and_what_scrolls_can_be_reached(read):
    assert all("scope" in found for tag, found in read.attributes if tag == "th")
    scrolling = [f for tag, f in read.attributes if f.get("class") == "scroll"]
    assert len(scrolling) == 4
    for found in scrolling:
        assert (found["tabindex"], found["role"]) == ("0", "region")
        assert found["aria-label"]


def colours():
    """Return the colours of the light and of the dark scheme by name."""
    style = TEMPLATE.read_text(encoding="utf-8").partition("</style>")[0]
    light, dark = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in (light, dark)]


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


GROUNDS, DECORATION = {"paper", "card"}, {"rule"}


def test_the_measure_of_contrast_is_right():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_colour_can_be_read_on_every_ground(scheme):
    found = colours()[scheme]
    inks = set(found) - GROUNDS - DECORATION
    assert len(inks) == 12
    for ink, ground in product(inks, GROUNDS):
        assert contrast(found[ink], found[ground]) >= 4.5, (ink, ground)


def test_both_schemes_have_all_colours_and_no_other_colour_is_used():
    light, dark = colours()
    assert set(light) == set(dark)
    style = TEMPLATE.read_text(encoding="utf-8").partition("</style>")[0]
    rest = re.sub(r":root \{.*?\}", "", style, flags=re.DOTALL)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgb|hsl|opacity", rest)
    used = re.findall(r"(?:color|background|fill|stroke): ([^;]+);", rest)
    assert len(used) > 15
    for value in used:
        assert re.fullmatch(r"var\(--[\w{} ]+\)|none", value), value


# -- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (7, "7"),
        (999999, "999,999"),
        (10**6, "1.00&nbsp;×&nbsp;10<sup>6</sup>"),
        (18446744073709551615, "1.84&nbsp;×&nbsp;10<sup>19</sup>"),
        (9.996e29, "1.00&nbsp;×&nbsp;10<sup>30</sup>"),
        (0.25, "0.2500"),
        (4.99e-11, "5.0&nbsp;×&nbsp;10<sup>−11</sup>"),
    ],
)
def test_sizes(number, shown):
    assert size(number) == shown


@pytest.mark.parametrize(("ratio", "width"), [(0.5, "50.0"), (1.0, "100.0"), (None, "100.0")])
def test_bars(ratio, width):
    assert f'class="bar" width="{width}"' in bar({"worst_ratio": ratio})


# -- the commands -------------------------------------------------------------------------------


def test_verify_and_report_write_the_same_page(tmp_path):
    names = ["lemma-5.3-range", "lemma-5.7-printed"]
    first, second = tmp_path / "first.html", tmp_path / "second.html"
    options = ["--profile", "quick", "--jobs", "1", "--json", "--html", str(first)]
    saved = tmp_path / "results.jsonl"
    saved.write_text(call("verify", *names, *options).stdout, encoding="utf-8")
    assert [next(iter(json.loads(x))) for x in saved.read_text().splitlines()] == [
        *("run", "claim", "claim", "queries", "end")
    ]
    call("report", str(saved), "--html", str(second))
    assert first.read_bytes() == second.read_bytes()
    found = Page(first.read_text(encoding="utf-8"))
    assert "434 prefixes to learn" in found.text("queries")
    assert "values = (1, 1/2)" in found.text("claim-lemma-5.7-printed")


def test_a_page_that_cannot_be_written_is_said_before_any_work(tmp_path):
    result = call("verify", "--html", str(tmp_path / "no" / "page.html"), "--json", code=2)
    assert "--html" in result.stderr
    assert result.stdout == ""


def test_without_jinja2_the_error_names_the_extra(monkeypatch, tmp_path):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    result = call("verify", "--html", str(tmp_path / "page.html"), "--json", code=2)
    assert 'pip install "llr[report]"' in result.stderr
    assert result.stdout == ""
    with pytest.raises(InputError, match="report"):
        page(parse_results(lines(["needle"]), "x"))


def test_a_page_goes_with_a_search_of_claims_only():
    for option in ("--necessity", "--update-records"):
        assert "--html" in call("verify", option, "--html", "page.html", code=2).stderr
