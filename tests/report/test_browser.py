"""The report in a real headless Chromium: opened from a file, looked at, measured, printed."""

from __future__ import annotations

import base64
import json
import shutil
import struct

import pytest
from made import lines

from properties.claims import CLAIMS
from properties.report import page
from properties.results import parse_results

webdriver = pytest.importorskip("selenium.webdriver", reason="needs a browser: tox -e report")

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-features=RenderDocument",  # else a picture may be of a frame that is being replaced
)

WIDE, NARROW, HEIGHT = 1280, 400, 800


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))
    )
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
    )
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The page of all claims, and one with failures in an unfinished run."""
    folder = tmp_path_factory.mktemp("pages")
    survivor = {"name": "bound halved", "refuted": False, "tried": 1000, "counterexample": ""}
    broken = {
        "lemma-5.3": {"verdict": "refuted", "counterexample": "((0, 1), (1, 0))" * 20},
        "copy-peak": {"verdict": "twin survived", "twins": [survivor]},
    }
    found = {"good": lines(), "bad": lines(list(broken), broken, costs=False, claims=9)}
    for name, written in found.items():
        (folder / f"{name}.html").write_text(page(parse_results(written, name)), encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in found}


@pytest.fixture
def show(browser, pages):
    def opened(name="good", width=WIDE, scheme="light", scripts=True):
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        browser.get(pages[name])
        if scripts:
            browser.execute_async_script(DRAWN)
        return browser

    return opened


DRAWN = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
"""Waits until the page has been drawn."""


@pytest.fixture(params=[(w, s) for w in (WIDE, NARROW) for s in ("light", "dark")], ids=str)
def view(request):
    return {"width": request.param[0], "scheme": request.param[1]}


def test_it_opens_offline_without_asking_for_anything_else(show, pages):
    browser = show()
    browser.get_log("browser")
    browser.get_log("performance")
    show()
    asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [
        m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"
    ]
    assert urls == [pages["good"]]
    assert browser.get_log("browser") == []
    assert browser.title == "Low logit rank: claims and verdicts"


def test_a_console_message_would_be_seen(show):
    browser = show()
    browser.get_log("browser")
    browser.execute_script("console.error('seen')")
    assert "seen" in browser.get_log("browser")[0]["message"]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_claim_has_a_row_that_shows(show, width):
    browser = show(width=width)
    heights = browser.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('article')]"
        ".map(e => [e.id, e.getBoundingClientRect().height]))"
    )
    assert set(heights) == {f"claim-{name}" for name in CLAIMS}
    assert all(height > 60 for height in heights.values())
    some = browser.find_element("id", "claim-lemma-5.7-printed").text
    assert "refuted, as it must be" in some
    assert "values = (1, 1/2)" in some


OVERFLOWING = """
const inside = e => e.closest('.scroll, .instance');
const found = [];
for (const e of document.querySelectorAll('body *')) {
  if (inside(e) && !e.matches('.scroll, .instance')) continue;
  if (e.matches('.skip') || e.closest('svg')) continue;
  const box = e.getBoundingClientRect();
  const scrolls = e.matches('.scroll, .instance');
  if (box.right > innerWidth + 0.5 || box.left < -0.5
      || (!scrolls && e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1)) {
    found.push(e.tagName + '.' + e.className + ' ' + e.textContent.trim().slice(0, 60));
  }
}
return [document.documentElement.scrollWidth <= innerWidth, found];
"""


@pytest.mark.parametrize("name", ["good", "bad"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_overflows_horizontally(show, name, width):
    fits, found = show(name, width).execute_script(OVERFLOWING)
    assert fits
    assert found == []


def test_an_overflow_would_be_seen(show):
    browser = show(width=NARROW)
    browser.execute_script(
        "document.querySelector('h4').style.whiteSpace = 'nowrap';"
        "document.querySelector('h4').textContent = 'x'.repeat(90)"
    )
    fits, found = browser.execute_script(OVERFLOWING)
    assert found
    assert not fits


@pytest.mark.parametrize("answer", ["tightest", "false", "queries"])
def test_each_answer_fits_one_screen(show, answer):
    browser = show()
    browser.get(browser.current_url.partition("#")[0] + f"#{answer}")
    top, bottom = browser.execute_script(
        "const box = document.getElementById(arguments[0]).getBoundingClientRect();"
        "return [box.top, box.bottom]",
        answer,
    )
    assert -1 <= top < 60
    assert bottom <= HEIGHT


CONTRAST = """
const parse = text => text.match(/[\\d.]+/g).map(Number);
const linear = x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
const light = c => 0.2126 * linear(c[0] / 255) + 0.7152 * linear(c[1] / 255)
  + 0.0722 * linear(c[2] / 255);
const ground = e => {
  for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c;
  }
};
let least = 99, texts = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || e.matches('title, desc')) continue;
  const style = getComputedStyle(e);
  const a = light(parse(e.closest('svg') ? style.fill : style.color)), b = light(ground(e));
  least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  texts += 1;
}
return [least, texts, getComputedStyle(document.body).backgroundColor];
"""


@pytest.mark.parametrize("name", ["good", "bad"])
def test_all_text_stands_out_in_both_schemes(show, name):
    grounds = set()
    for scheme in ("light", "dark"):
        least, texts, ground = show(name, scheme=scheme).execute_script(CONTRAST)
        assert texts > 50
        assert least >= 4.5
        grounds.add(ground)
    assert len(grounds) == 2


def screenshot(browser):
    picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
    return base64.b64decode(picture)


def test_screenshots_have_the_size_of_the_window(show, view):
    picture = screenshot(show(**view))
    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">II", picture[16:24]) == (view["width"], HEIGHT)
    assert len(picture) > 10_000


def test_it_looks_the_same_without_javascript(show):
    scripted = screenshot(show())
    assert screenshot(show(scripts=False)) == scripted


def test_charts_have_names_for_those_who_do_not_see_them(show, browser):
    show()
    browser.execute_cdp_cmd("Accessibility.enable", {})
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {n["name"]["value"] for n in nodes if n.get("role", {}).get("value") in IMAGES}
    assert any(name.startswith("Prefixes asked against the horizon") for name in named)
    assert any(name.startswith("Instances tried for a twin") for name in named)


IMAGES = {"image", "img", "graphics-document", "SvgRoot"}


A4 = 717
"""Pixels between the margins."""


def test_nothing_is_cut_off_on_paper(show, browser):
    show(width=A4)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        found = browser.execute_script(
            "return [...document.querySelectorAll('table.list, svg')]"
            ".filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.textContent)"
        )
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert found == []


def test_it_prints(show, browser):
    show(scheme="dark")
    made = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert made.startswith(b"%PDF-")
    assert len(made) > 50_000
    assert (
        made.count(b"/Type /Page\n") + made.count(b"/Type /Page/") + made.count(b"/Type /Page ") > 5
    )


def test_failures_are_on_the_first_screen(show):
    browser = show("bad")
    box = browser.find_element("id", "failures").rect
    assert box["y"] < HEIGHT / 2
    assert "lemma-5.3" in browser.find_element("id", "failures").text
    assert "The run did not finish" in browser.find_element("tag name", "header").text
