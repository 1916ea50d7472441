from __future__ import annotations

import ast
import re

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from backoffice.extraction import ROOT, texts
from backoffice.fakes import NOW
from notifier.backoffice.languages import CODES, MAX_WANTED, choose, language

ENGLISH = language("en")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("fr", "fr"),
        ("fr-CH, en;q=0.5", "fr"),
        ("FR-ch", "fr"),
        ("de, fr;q=0.8, en;q=0.7", "fr"),
        ("fr;q=0.3, en;q=0.9", "en"),
        ("fr;q=0, en;q=0.1", "en"),
        ("fr;q=0", "en"),
        ("fr; q=0.9, en; q=0.8", "fr"),
        ("en-GB, fr", "en"),
        ("de", "en"),
        ("*", "en"),
        ("", "en"),
        (",;,q=,fr;q=x,;q=1", "en"),
        ("fr;q=nan", "en"),
        ("de," * MAX_WANTED + "fr", "en"),
    ],
)
def test_language_is_the_one_that_the_browser_likes_best(wanted: str, code: str) -> None:
    """
    Of those there are, and English where it likes none or says what nobody understands.
    """
    assert choose(wanted).code == code


@given(st.text(max_size=80) | st.text("frenq;=,.-_0123456789* \t@", max_size=80))
def test_language_is_found_whatever_the_browser_says(wanted: str) -> None:
    """
    Nothing in a header makes it fail.
    """
    assert choose(wanted).code in CODES


def test_values_stand_in_what_is_said() -> None:
    """
    Whatever they are called.
    """
    assert ENGLISH.say("%(words)s of %(self)s", words="a", self="b") == "a of b"


def test_values_are_escaped_in_a_page() -> None:
    """
    Unless they are markup; the words are ours.
    """
    said = ENGLISH.say_in_page("<b>%(a)s</b> %(b)s", a="<i>", b=Markup("<i>"))
    assert said == Markup("<b>&lt;i&gt;</b> <i>")
    said = ENGLISH.count_in_page("%(n)s %(a)s", "%(n)s %(a)ss", 2, a="<i>")
    assert said == Markup("2 &lt;i&gt;s")


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 users"), (1, "1 user"), (12_345, "12,345 users")]
)
def test_number_says_which_form_is_meant(number: int, words: str) -> None:
    """
    And is written as one writes it in the language.
    """
    assert ENGLISH.count("%(n)s user", "%(n)s users", number) == words


@pytest.mark.parametrize(
    ("age_s", "words"),
    [
        (-40, "just now"),
        (0, "just now"),
        (44, "just now"),
        (60, "1 minute ago"),
        (70 * 60, "70 minutes ago"),
        (7_200, "2 hours ago"),
        (86_400 * 3, "3 days ago"),
        (-7_200, "in 2 hours"),
    ],
)
def test_age_is_told_in_its_largest_unit(age_s: float, words: str) -> None:
    """
    Ago, or still to come; a little over one of a unit is told in the smaller one.
    """
    assert ENGLISH.ago(age_s) == words


def test_date_names_its_time_zone() -> None:
    """
    A page without scripts cannot know the reader's.
    """
    for code in CODES:
        assert language(code).date(NOW).endswith(" UTC")


def test_every_text_can_be_extracted() -> None:
    """
    Many are found, in code and in templates, and each stands there as it is.
    """
    found = list(texts())
    assert len({text.forms for text in found}) > 100
    assert {text.where.partition(".")[2][:2] for text in found} == {"py", "ht"}
    assert not [text for text in found if not all(text.forms)]


def test_forms_for_one_and_many_have_the_same_values() -> None:
    """
    Or one of the two fails when it is said.
    """
    for text in texts():
        values = [set(re.findall(r"%\((\w+)\)s", form)) for form in text.forms]
        assert all(one == values[0] for one in values), text


def test_words_are_literal_wherever_they_are_said() -> None:
    """
    What is put together cannot be extracted: only `_refused` says what `Refusal` was given.
    """
    loose = []
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and _is_said(node):
                first = node.args[1 if _name(node) == "Refusal" else 0]
                if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
                    loose.append(f"{path.name}: {ast.unparse(node)}")
    assert [one for one in loose if not one.startswith("languages.py")] == ALLOWED


ALLOWED = ["reception.py: language.say(refusal.words, **refusal.values)"]


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _is_said(call: ast.Call) -> bool:
    if _name(call) == "count":
        return len(call.args) == 3
    return _name(call) in ("say", "Refusal")


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%+\(\w+\)s|%%", text))


@pytest.mark.parametrize("code", [code for code in CODES if code != "en"])
def test_catalog_says_every_text_and_no_other(code: str) -> None:
    """
    Each with what stands in it, and for one and for many where English has both.
    """
    with (ROOT / "locales" / f"{code}.po").open("rb") as file:
        catalog = read_po(file, locale=code)
    said = {message.id: message.string for message in catalog if message.id}
    wanted = {found.forms[0] if len(found.forms) == 1 else found.forms for found in texts()}
    assert said.keys() == wanted
    for id, string in said.items():
        forms, strings = _forms(id), _forms(string)
        assert len(strings) == len(forms), id
        for form in strings:
            assert form, id
            assert placeholders(form) in [placeholders(one) for one in forms], id


def test_french_punctuation_stays_with_its_word() -> None:
    """
    Its space is no place to break a line.
    """
    with (ROOT / "locales" / "fr.po").open("rb") as file:
        catalog = read_po(file, locale="fr")
    said = [form for message in catalog if message.id for form in _forms(message.string)]
    assert any("\N{NO-BREAK SPACE}?" in form for form in said)
    assert not [form for form in said if re.search(r" [:;?!»]|« ", form)]


def _forms(said: str | tuple[str, ...] | list[str]) -> list[str]:
    return [said] if isinstance(said, str) else list(said)
