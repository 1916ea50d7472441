from __future__ import annotations

import pytest

from backoffice.browser import HOME, ONLINE, SIGN_IN, SIGN_OUT, Browser


@pytest.mark.parametrize("path", [f"{HOME}/", SIGN_OUT])
async def test_every_way_in_leads_to_the_form(browser: Browser, path: str) -> None:
    """
    Looking never signs out.
    """
    await browser.sign_in()
    answer = await browser.client.get(path, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, HOME)
    assert (await browser.get(ONLINE)).path == ONLINE


async def test_sign_in_page_leads_on_when_one_is_signed_in(admin: Browser) -> None:
    """
    To the page that was asked for.
    """
    page = await admin.get(SIGN_IN, params={"next": f"{HOME}/sent"})
    assert page.path == f"{HOME}/sent"
