"""A real nginx with a configuration of the project's, its ports and paths put where a test may have them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.patience import until

TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx:
    """`with Nginx(file, folder, {"listen 80": "listen 8081"}, port)`: each of those texts must be in the file."""

    def __init__(self, file: Path, folder: Path, puts: dict[str, str], port: int) -> None:
        content = file.read_text(encoding="utf-8")
        own = "".join(f"    {name}_temp_path {folder}/{name};\n" for name in TEMPORARY)
        for old, new in {"http {\n": f"http {{\n    access_log off;\n{own}", **puts}.items():
            assert old in content, old
            content = content.replace(old, new)
        self._file = folder / "nginx.conf"
        self._file.write_text(content, encoding="utf-8")
        self._folder = folder
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Nginx:
        binary = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if binary is None:
            reason = "SKIPPED LOUDLY: nginx is not installed (Debian: apt-get install nginx)"
            pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
        log = self._folder / "error.log"
        own = "user root;" if os.geteuid() == 0 else ""  # the folder is the tests' alone
        options = ["-c", str(self._file), "-e", str(log)]
        options += ["-g", f"daemon off; {own} pid {self._folder}/nginx.pid;"]
        self._process = subprocess.Popen([binary, *options], stderr=subprocess.DEVNULL)
        until(lambda: self._listens() or self._process is None or self._process.poll() is not None)
        assert self._process.poll() is None, log.read_text(encoding="utf-8")
        return self

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()
