"""
What docs/widget.md says of the widget, held against its source and the example page.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = (ROOT / "docs" / "widget.md").read_text()
SOURCE = ROOT / "client" / "js" / "src" / "toasts"
TOASTS = "\n".join(path.read_text() for path in SOURCE.glob("*.ts"))


def test_example_page_has_the_two_lines_of_the_docs_and_the_readme() -> None:
    """
    These two, and no other line of ours.
    """
    two = [line.strip() for line in DOCS.splitlines() if line.startswith("    <")][:2]
    page = (ROOT / "examples" / "page" / "index.html").read_text().splitlines()
    ours = [line for line in page if "notif" in line and "Content-Security-Policy" not in line]
    assert ours == two
    assert all(f"    {line}\n" in (ROOT / "README.md").read_text() for line in two)


def test_page_allows_what_the_docs_say_that_it_must() -> None:
    """
    All of it, and beyond it only what the page itself forbids.
    """
    page = (ROOT / "examples" / "page" / "index.html").read_text()
    allowed = set(re.search(r'Policy" content="(.*)"', page)[1].split("; "))  # type: ignore[index]  # it is there
    told = re.search(r"Policy: (.*?)\n\n", DOCS, re.DOTALL)
    assert told
    needed = {" ".join(one.split()) for one in told[1].split(";")}
    assert needed <= allowed
    assert all(extra.endswith("'none'") for extra in allowed - needed)


def test_every_custom_property_and_part_is_in_the_docs() -> None:
    """
    And none that is not there.
    """
    properties = set(re.findall(r"var\((--notifier-[a-z-]+)", TOASTS))
    assert properties == set(re.findall(r"--notifier-[a-z-]+", DOCS))
    parts = {word for found in re.findall(r'part: "([a-z ]+)"', TOASTS) for word in found.split()}
    told = re.search(r"^Parts: .*?\n\n", DOCS, re.DOTALL | re.MULTILINE)
    assert told
    assert parts - {"warning"} <= set(re.findall(r"`([a-z]+)`", told[0]))


def test_every_attribute_that_is_read_is_in_the_docs() -> None:
    """
    By the element's code or by its style.
    """
    read = set(re.findall(r'getAttribute\("([a-z]+)"\)', (SOURCE / "element.ts").read_text()))
    read |= set(re.findall(r":host\(\[([a-z]+)", (SOURCE / "style.ts").read_text()))
    for name in read - {"hidden"}:
        assert f"| `{name}` |" in DOCS


def test_pictures_are_small() -> None:
    """
    Below 120 kB each, and each is shown.
    """
    for path in (ROOT / "docs" / "widget").glob("*.png"):
        assert path.stat().st_size < 120_000
        assert f"widget/{path.name}" in DOCS
