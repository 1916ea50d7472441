"""
Print the notices of a topic as they come: `python -m examples.listen URL TOKEN room:lobby`.
"""

import asyncio
import sys

from notifier_client import connect


async def main(url: str, token: str, topic: str) -> None:
    async with connect(url, token=token) as socket, socket.channel(topic) as room:
        async for message in room:
            print(message.event, message.payload, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
