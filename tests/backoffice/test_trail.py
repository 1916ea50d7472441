from __future__ import annotations

import pytest

from backoffice.browser import HOME, Browser
from notifier.backoffice import COMMAND_LINE, Act, AuditLog
from notifier.backoffice.languages import language
from notifier.backoffice.trail import MAX_ENTRIES, name_acts

AUDIT = f"{HOME}/audit"


def test_every_act_has_words() -> None:
    """
    One that is added must be added here.
    """
    assert name_acts(language("en")).keys() == set(Act)


async def test_acts_are_told_the_newest_first(admin: Browser, audit: AuditLog) -> None:
    """
    Who did what, to whom, and when, which a script tells by the reader's own clock.
    """
    audit.note("bob", Act.THROWN_OUT, "carla")
    page = await admin.get(AUDIT)
    newest, before = (
        page.text.index("bob threw out the user carla just now"),
        page.text.index("ada signed in just now"),
    )
    assert newest < before
    assert "8:00:00" in page.text
    assert page.html.count(" data-exact>") == 2


async def test_subject_leads_to_where_it_is_looked_at(admin: Browser, audit: AuditLog) -> None:
    """
    A notice to its page, a user to the users; whatever the id is made of.
    """
    audit.note("bob", Act.SENT, "n1")
    audit.note("bob", Act.DISABLED, "a/b?c&d#e")
    page = await admin.get(AUDIT)
    assert f'href="{HOME}/sent/n1"' in page.html
    assert f'href="{HOME}/users?q=a%2Fb%3Fc%26d%23e"' in page.html
    assert (await admin.get(f"{HOME}/users?q=a%2Fb%3Fc%26d%23e")).status == 200


async def test_role_and_command_line_are_said_in_the_pages_words(
    admin: Browser, audit: AuditLog
) -> None:
    """
    They are no names.
    """
    audit.note(COMMAND_LINE, Act.OPERATOR_ADDED, "eve", "admin")
    assert "the command line added the operator eve admin" in (await admin.get(AUDIT)).text


async def test_acts_are_found_by_operator_and_kind(admin: Browser, audit: AuditLog) -> None:
    """
    The choice stands in the form again.
    """
    audit.note("bob", Act.SENT, "n1")
    audit.note("eve", Act.SENT, "n2")
    audit.note("bob", Act.WITHDRAWN, "n3")
    page = await admin.get(f"{AUDIT}?operator=bob&act=sent")
    assert "n1" in page.text
    assert not [one for one in ("n2", "n3") if one in page.text]
    assert page.form(AUDIT).fields == {"operator": "bob", "act": "sent"}


async def test_trail_goes_on_page_by_page(admin: Browser, audit: AuditLog) -> None:
    """
    Each act stands on one of them, and what was looked for stays.
    """
    for number in range(MAX_ENTRIES + 5):
        audit.note("bob", Act.SENT, f"n{number:03}")
    first = await admin.get(f"{AUDIT}?operator=bob")
    older = first.html.split(f'<a href="{AUDIT}?')[1].split('"')[0].replace("&amp;", "&")
    second = await admin.get(f"{AUDIT}?{older}")
    assert [f"n{number:03}" in first.text for number in (54, 5, 4, 0)] == [True, True, False, False]
    assert [f"n{number:03}" in second.text for number in (5, 4, 0)] == [False, True, True]
    assert f'href="{AUDIT}?operator=bob"' in second.html


@pytest.mark.parametrize(
    "query", ["before=x", "before=-1", "before=²", "act=crown", "before=" + "9" * 19]
)
async def test_query_that_makes_no_sense_is_left_out(admin: Browser, query: str) -> None:
    """
    The trail is shown as if it was not there.
    """
    page = await admin.get(f"{AUDIT}?before={query}")
    assert page.status == 200
    assert "ada signed in" in page.text


async def test_page_says_so_when_nothing_is_found(admin: Browser) -> None:
    """
    With the way back to everything.
    """
    page = await admin.get(f"{AUDIT}?operator=nobody")
    assert "Nothing found" in page.text
    assert f'href="{AUDIT}"' in page.html


@pytest.mark.parametrize("act", list(Act))
async def test_subject_stays_text_whatever_it_is(admin: Browser, audit: AuditLog, act: Act) -> None:
    """
    Markup, a script's address and what is no text are shown as they are, or marked.
    """
    evil = "\"><script>alert(1)</script>'{{ 7 * 7 }}%(x)s\x00\u202e"
    scripts = (await admin.get(AUDIT)).html.count("<script")
    audit.note(evil, act, evil, evil)
    audit.note("bob", act, "javascript:alert(1)", "\x1b[31m")
    page = await admin.get(AUDIT)
    assert page.status == 200
    assert page.html.count("<script") == scripts
    assert "{{ 7 * 7 }}%(x)s" in page.text
    assert 'href="javascript' not in page.html
    assert "\x00" not in page.html
    assert "\x1b" not in page.html
