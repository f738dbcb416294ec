"""A real PostgreSQL on a free loopback port: to be asked, stopped, killed and paused. Nothing of it is synced to
disk, and nothing outlives it.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

from tests.support.patience import PATIENCE, until
from tests.support.redis_server import free_port

INSTALLED = Path("/usr/lib/postgresql")
QUICK = ("fsync=off", "full_page_writes=off", "max_connections=200")


class PostgresServer:
    """One server. It refuses to run as root, and so is another user's where the tests are root's."""

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = next(one for one in pwd.getpwall() if one.pw_name in {"postgres", "nobody"})
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Until it answers. What was in it before a stop is in it again."""
        found = sorted(INSTALLED.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
        if not found:
            reason = "SKIPPED LOUDLY: postgresql is not installed (Debian: apt-get install postgresql)"
            pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
        data, binaries = self._folder / "data", found[-1].parent
        if not data.exists():
            make = [binaries / "initdb", "-D", data, "-U", "muxi", "-A", "trust", "--no-sync", "-E", "UTF8"]
            subprocess.run([*make, "--locale=C"], check=True, stdout=subprocess.DEVNULL, cwd="/", **self._as)
        options = [f"-p{self.port}", "-h127.0.0.1", f"-k{self._folder}", *(f"-c{one}" for one in QUICK)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [binaries / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd="/", **self._as
            )
        until(self._answers)

    def _answers(self) -> bool:
        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def run(self, statement: str, database: str = "postgres") -> list[Any]:
        """The rows of a statement, outside of any transaction."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="muxi", dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def database(self, like: str = "template0") -> str:
        """The URL of a new database, as *like* is."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {like}")
        return f"postgresql://muxi@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        """At once: connections break, and nobody can connect."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(PATIENCE)

    def pause(self) -> None:
        """All of its processes: connected, and silent."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        main = self._process.pid
        others = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for each in (main, *map(int, others)):
            with suppress(ProcessLookupError):  # its work may be done by now
                os.kill(each, number)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.resume()
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
