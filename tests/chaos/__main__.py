"""
Breaks things on purpose and counts what was lost: see `scripts/chaos --help`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from chaos.kill import KillRun


def main() -> int:
    """
    Run what is asked for; 1 if anything was lost, doubled or reordered.
    """
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--kill", action="store_true", help="kill -9 the server under load")
    parser.add_argument("--kills", type=int, default=20, help="how often (20)")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments (1)")
    given = parser.parse_args()
    if not given.kill:
        parser.error("say what to break: --kill")
    table = asyncio.run(KillRun(given.kills, given.seed).run())
    for name, value in table.items():
        print(f"{name:<34} {value}")
    return 0 if KillRun.is_clean(table) else 1


if __name__ == "__main__":
    sys.exit(main())
