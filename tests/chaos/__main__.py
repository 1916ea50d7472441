"""
Breaks things on purpose and counts what was lost: see `scripts/chaos --help`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from nginx import CONFIGURATIONS
from session.mutants import MUTANTS, break_rule

from chaos.kill import KillRun
from chaos.seeds import CLIENTS, SeedsRun, table


def main() -> int:
    """
    Run what is asked for; 1 if anything was lost, doubled or reordered.
    """
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--kill", action="store_true", help="kill -9 the server under load")
    parser.add_argument("--kills", type=int, default=20, help="how often (20)")
    parser.add_argument("--seeds", type=int, help="play so many random networks with each client")
    parser.add_argument("--first", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--at-once", type=int, default=16, help="networks at a time (16)")
    parser.add_argument(
        "--break", dest="rule", choices=MUTANTS, help="break a rule of the server's"
    )
    parser.add_argument("--client", choices=CLIENTS, action="append", help="only this client")
    parser.add_argument("--nginx", choices=CONFIGURATIONS, help="put nginx before the server")
    parser.add_argument("--calm", action="store_true", help="let the network do no harm")
    given = parser.parse_args()
    if not given.kill and not given.seeds:
        parser.error("say what to break: --kill or --seeds N")
    is_clean, patience_s = True, 40.0
    if given.rule:
        break_rule(given.rule)
        patience_s = 15.0
    if given.kill:
        counted = asyncio.run(KillRun(given.kills, given.first).run())
        is_clean &= KillRun.is_clean(counted)
        show(counted)
    if given.seeds:
        for client in given.client or CLIENTS:
            numbers = range(given.first, given.first + given.seeds)
            run = SeedsRun(client, given.at_once, patience_s, given.nginx, given.calm)
            seeds = asyncio.run(run.run(numbers))
            is_clean &= all(seed.is_clean for seed in seeds)
            show(table(client, seeds))
    return 0 if is_clean else 1


def show(counted: dict[str, object]) -> None:
    """
    Print a table.
    """
    for name, value in counted.items():
        print(f"{name:<34} {value}")
    print(flush=True)


if __name__ == "__main__":
    sys.exit(main())
