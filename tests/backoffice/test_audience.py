from __future__ import annotations

import pytest

from backoffice.browser import Browser
from backoffice.conftest import Connect
from notifier.accounts import Accounts
from notifier.backoffice.audience import Audience, count_audience
from notifier.backoffice.languages import language
from notifier.channels import Endpoint
from notifier.inbox import ToRoom, ToUsers


async def test_users_are_counted_by_name(
    browser: Browser, connect: Connect, endpoint: Endpoint, accounts: Accounts
) -> None:
    """
    Who is there, who was never met, and who is kept out.
    """
    for user in ("ann", "ann", "bob"):
        await connect(user)
    await accounts.create("carla")
    await accounts.disable("carla")
    asked = ToUsers(["ann", "bob", "carla", "dan"])
    assert await count_audience(asked, endpoint, accounts) == Audience(
        people=4, online=2, sessions=3, is_named=True, unknown=["dan"], kept_out=["carla"]
    )


async def test_room_is_counted_by_who_has_joined(
    browser: Browser, connect: Connect, endpoint: Endpoint, accounts: Accounts
) -> None:
    """
    A person with two pages is one; who is connected elsewhere is none.
    """
    for user in ("ann", "ann", "bob"):
        socket = await connect(user)
        await socket.send_json(["1", "1", "room:x", "phx_join", {}])
        await socket.receive_json()
    await connect("carla")
    found = await count_audience(ToRoom("room:x"), endpoint, accounts)
    assert found == Audience(people=2, online=2, sessions=3)


@pytest.mark.parametrize(
    ("audience", "words"),
    [
        (Audience(0, 0, 0), "Nobody is there now."),
        (Audience(0, 0, 2), "It reaches 2 open pages now."),
        (Audience(1, 1, 2), "It reaches 1 person now, on 2 open pages."),
        (Audience(1_200, 1_200, 1), "It reaches 1,200 people now, on 1 open page."),
        (Audience(1, 1, 1, is_named=True), "It is for 1 person who is online now."),
        (Audience(3, 3, 4, is_named=True), "It is for 3 people, all of them online now."),
        (Audience(1, 0, 0, is_named=True), "It is for 1 person, who is not online now: it waits."),
        (
            Audience(3, 0, 0, is_named=True),
            "It is for 3 people, none of them online now: it waits for them.",
        ),
        (
            Audience(3, 1, 1, is_named=True),
            "It is for 3 people. 1 of them is online now; it waits for the others.",
        ),
    ],
)
def test_audience_is_told_in_words(audience: Audience, words: str) -> None:
    """
    How many, and for whom it waits.
    """
    assert audience.words(language("en")) == words
