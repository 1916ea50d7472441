"""
The database: one SQLite file, for the server and the command line.

Nothing here is async; a server calls it through `asyncio.to_thread`.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, inspect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateColumn


class Base(DeclarativeBase):
    """
    The tables, each declared by the store that keeps it.

    A column that is added to one later must be nullable or have a `server_default`:
    SQLite adds no other to a table that has rows.
    """


def open_database(path: Path) -> Engine:
    """
    Open the file, made when it is not there, with the tables and columns that it lacks.

    These are the tables of the stores that are imported by then. A column that
    came later may be empty, or has a `server_default`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Made by hand because SQLite would leave the hashes readable for everyone.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    # A connection a call: rarely used, from changing threads, and nothing is left to close.
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)
    Base.metadata.create_all(engine)
    _add_columns(engine)
    return engine


def _add_columns(engine: Engine) -> None:
    with engine.begin() as connection:
        there = inspect(connection)
        for table in Base.metadata.sorted_tables:
            names = {column["name"] for column in there.get_columns(table.name)}
            for column in table.columns:
                if column.name not in names:
                    described = CreateColumn(column).compile(engine)
                    connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {described}")


def cases(text: str) -> set[str]:
    """
    Give the ways to write a text that LIKE has to be asked for, to find it in any case.

    SQLite knows upper from lower case in ASCII alone. Beyond that it is found where it
    is written as given, in one case, or with a capital.
    """
    return {text} if text.isascii() else {text, text.lower(), text.upper(), text.capitalize()}
