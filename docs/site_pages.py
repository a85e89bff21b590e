"""Site hooks: the README and the examples become pages, and links follow them.

On disk a page links to others as they lie in the repository, so that links work there too.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]

PAGES = {"README.md": "index.md", "examples/README.md": "examples/index.md"}
"""Pages outside ``docs`` -> their places on the site."""
FILES = ("examples/record/*", "LICENSE")
"""Other files that pages link to; they have the same places on the site."""

LINK = re.compile(r"(\]\()([^)\s#]+)([)#])")
FENCED = re.compile(r"(^ *```.*?^ *```)", re.M | re.S)


def on_files(files, config):
    """Add the pages and files that lie outside ``docs``."""
    for source, place in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=text))
    for pattern in FILES:
        for path in sorted(ROOT.glob(pattern)):
            place = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, place, abs_src_path=str(path)))
    return Files(list(files))


def on_page_markdown(markdown, page, config, files):
    """Point links at the places that pages have on the site."""
    here = {place: source for source, place in PAGES.items()}.get(
        page.file.src_uri, f"docs/{page.file.src_uri}"
    )
    parts = FENCED.split(markdown)
    parts[::2] = [
        LINK.sub(lambda m: m[1] + moved(m[2], here, page.file.src_uri) + m[3], x)
        for x in parts[::2]
    ]
    return "".join(parts)


def moved(link: str, source: str, place: str) -> str:
    """Return a link of a page in the repository as one of the page on the site.

    Args:
        link: without its anchor.
        source: of the page, from the root of the repository.
        place: of the page, on the site.
    """
    if ":" in link:
        return link
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    target = PAGES.get(target, target.removeprefix("docs/"))
    return posixpath.relpath(target, posixpath.dirname(place) or ".")
