"""The runner of the pages notices what is wrong with a page."""

from __future__ import annotations

import pytest
import two_commands
from shell_pages import DiffersError, Instead, blocks, check, commands, same, stray_commands

PAGE = """
Text.

```sh
echo one > file  # written
# not a command
cat file \\
    file
```

- indented:

  ```console
  $ cat file
  one
  $ printf 'a\\nb\\nc\\n'
  a
  ...
  c
  ```
"""


def run(page, folder, instead=None, exits=None, names=None):
    for block in blocks("page.md", page):
        for command in commands(block):
            check(command, folder, instead or {}, exits or {}, names or {})


def test_commands_are_found_with_what_they_print():
    found = [c for block in blocks("page.md", PAGE) for c in commands(block)]
    assert [(c.text, c.shown) for c in found] == [
        ("echo one > file  # written", None),
        ("cat file file", None),
        ("cat file", "one"),
        ("printf 'a\\nb\\nc\\n'", "a\n...\nc"),
    ]
    assert [c.block.line for c in found] == [4, 4, 13, 13]


def test_a_true_page_passes(tmp_path):
    run(PAGE, tmp_path)
    assert (tmp_path / "file").read_text() == "one\n"


def test_a_wrong_output_is_caught(tmp_path):
    with pytest.raises(DiffersError, match=r"page.md:13: cat file\nshown:\ntwo\nprinted:\none"):
        run(PAGE.replace("  one\n", "  two\n"), tmp_path)


def test_output_that_the_page_leaves_out_is_caught(tmp_path):
    with pytest.raises(DiffersError, match="printed:\none"):
        run(PAGE.replace("  one\n", ""), tmp_path)


def test_a_failing_command_is_caught(tmp_path):
    with pytest.raises(DiffersError, match=r"(?s)page.md:4: cat file other\nexit code 1\n.*other"):
        run(PAGE.replace("    file\n", "    other\n"), tmp_path)


def test_a_command_that_does_not_exist_is_caught(tmp_path):
    with pytest.raises(DiffersError, match="exit code 127"):
        run("```sh\nllr-not-there\n```\n", tmp_path)


def test_a_failure_within_a_line_is_caught(tmp_path):
    with pytest.raises(DiffersError, match="exit code 1"):
        run("```sh\nfalse | cat\n```\n", tmp_path)


def test_other_exit_codes_are_those_that_are_named(tmp_path):
    run("```sh\nexit 3\n```\n", tmp_path, exits={"exit 3": 3})
    with pytest.raises(DiffersError, match="exit code 0"):
        run("```sh\ntrue\n```\n", tmp_path, exits={"true": 3})


def test_a_cheaper_form_runs_in_place_of_a_command(tmp_path):
    instead = {"sleep 1000": Instead("slow", "touch {name}"), "exit 7": Instead("nothing")}
    run("```sh\nsleep 1000\nexit 7\n```\n", tmp_path, instead, names={"name": "made"})
    assert (tmp_path / "made").is_file()
    with pytest.raises(DiffersError, match="exit code 5"):
        run("```sh\nsleep 1000\n```\n", tmp_path, {"sleep 1000": Instead("slow", "exit 5")})


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("```\nllr targets\n```\n", "page.md:1: a block marked ''"),
        ("```shell-session\n$ ls\n```\n", "page.md:1: a block marked 'shell-session'"),
        ("```text\n$ llr targets\n```\n", "page.md:1: a command in a block of text"),
        ("```text\nllr targets\n```\n", "page.md:1: a command in a block of text"),
    ],
)
def test_commands_in_other_blocks_are_caught(block, expected):
    (found,) = blocks("page.md", block)
    assert stray_commands(found) == [expected]


def test_blocks_without_commands_are_left_alone():
    for text in ("```text\nclaim  ratio\n```\n", "```pycon\n>>> 1\n```\n", PAGE):
        assert not [x for block in blocks("page.md", text) for x in stray_commands(block)]


def test_a_title_names_a_file():
    (found,) = blocks("page.md", '```toml title="grid.toml"\na = 1\n```\n')
    assert (found.language, found.title, found.text) == ("toml", "grid.toml", "a = 1\n")


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("a\n\nb", "\na  \n\nb\n\n", True),
        ("a\nb", "a\n\nb", False),
        ("a ... c", "a b\nb c", True),
        ("...", "anything", True),
        ("a", "a b", False),
        ("a.c", "abc", False),
    ],
)
def test_outputs_are_compared_line_by_line_with_dots_for_anything(shown, printed, expected):
    assert same(shown, printed) is expected


TWO = """
```sh
python3 -m venv .venv --help > help && echo one && echo two
```

```sh
python3 -m venv .venv --help > help && touch tested
```

```console
$ llr verify
...
two
```
"""


def test_both_commands_of_the_readme_are_executed(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(two_commands, "ROOT", tmp_path)
    (tmp_path / "README.md").write_text(TWO)
    two_commands.main()
    assert "one\ntwo\n" in capfd.readouterr().out
    assert (tmp_path / "tested").is_file()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("echo two", "echo three", "shows something else"),
        ("touch tested", "false", "exit code 1: .* false"),
        ("echo one", "exit 3", "exit code 3"),
    ],
)
def test_what_the_readme_promises_in_vain_is_caught(tmp_path, monkeypatch, old, new, message):
    monkeypatch.setattr(two_commands, "ROOT", tmp_path)
    (tmp_path / "README.md").write_text(TWO.replace(old, new))
    with pytest.raises(SystemExit, match=message):
        two_commands.main()
    assert not (tmp_path / "tested").exists()
