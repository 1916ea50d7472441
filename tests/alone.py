"""
Imports modules, each as the first one of the package, and prints those that cannot be.

    python alone.py ROOT OUTSIDE,OUTSIDE MODULE MODULE

What comes from outside is imported once, before; each module then has a process of its own,
in which the package's `__init__` is left out: that one would import nearly all of them.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType

root, outside, *modules = sys.argv[1:]
for name in outside.split(","):
    import_module(name)
for name in modules:
    child = os.fork()
    if child == 0:
        package = ModuleType("notifier")
        package.__path__ = [root]
        sys.modules["notifier"] = package
        try:
            import_module(name)
        except BaseException as error:
            print(f"{name}: {error!r}", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
