"""
Runs the command line as `python -m notifier`.
"""

from __future__ import annotations

from notifier.cli import main

if __name__ == "__main__":
    main()
