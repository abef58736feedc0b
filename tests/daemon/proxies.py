"""The real nginx and HAProxy, run with the configurations that docs/proxies.md shows."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import trustme

from tests.daemon.serving import eventually
from tests.free_port import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "proxies.md").read_text()
STOP_TIMEOUT_S = 10.0
NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
{user}
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def nginx() -> str | None:
    """Ask for nginx."""
    return None if _find("nginx") else "nginx (Debian: nginx)"


def haproxy() -> str | None:
    """Ask for HAProxy."""
    return None if _find("haproxy") else "haproxy (Debian: haproxy)"


def _find(program: str) -> str | None:
    # Debian keeps both where the paths of ordinary users do not lead.
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")


def block(language: str, filled: Mapping[str, str]) -> str:
    """Return the page's code block of a language, with each thing in `filled` replaced.

    Fails if one of them is not there.
    """
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    for shown, real in filled.items():
        assert shown in found, f"{shown} is not in the example"
        found = found.replace(shown, real)
    return str(found)


@contextmanager
def nginx_serving(folder: Path, daemon_port: int, **more: str) -> Iterator[int]:
    """Run nginx before a daemon, and return the port where it takes plain HTTP.

    Args:
        folder: where everything of it is kept, in `nginx` below.
        daemon_port: where the daemon listens.
        more: what else is replaced in the example, `tls_port` apart.
    """
    home = folder / "nginx"
    home.mkdir()
    port, tls_port = free_port(), int(more.pop("tls_port", 0)) or free_port()
    certify(home)
    site = block("nginx", {**nginx_places(home, daemon_port, tls_port), **more})
    listen = f"127.0.0.1:{tls_port} ssl;"
    (home / "site.conf").write_text(site.replace(listen, f"{listen}\n    listen 127.0.0.1:{port};"))
    main = home / "nginx.conf"
    # Its workers give up root, and could then not write into the test's folder.
    main.write_text(NGINX.format(folder=home, user="user root;" if os.geteuid() == 0 else ""))
    command = [str(_find("nginx")), "-e", "stderr", "-p", str(home), "-c", str(main)]
    with _running(command, port):
        yield port


def nginx_places(home: Path, daemon_port: int, tls_port: int) -> dict[str, str]:
    """Return what an admin would change in the example: addresses and paths."""
    return {
        "127.0.0.1:8787": f"127.0.0.1:{daemon_port}",
        "443 ssl;": f"127.0.0.1:{tls_port} ssl;",
        "/etc/ssl/callbacks/": f"{home}/",
        "/var/log/nginx/": f"{home}/",
    }


@contextmanager
def haproxy_serving(folder: Path, daemon_port: int, tls_port: int) -> Iterator[Path]:
    """Run HAProxy before a daemon, taking HTTPS at `tls_port`; return the file of its log."""
    home = folder / "haproxy"
    home.mkdir()
    certify(home)
    config = home / "haproxy.cfg"
    config.write_text(block("haproxy", haproxy_places(home, daemon_port, tls_port)))
    command = [str(_find("haproxy")), "-db", "-f", str(config)]
    checked = subprocess.run([*command, "-c"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    log = home / "log"
    with log.open("w") as output, _running(command, tls_port, output.fileno()):
        yield log


def haproxy_places(home: Path, daemon_port: int, tls_port: int) -> dict[str, str]:
    """Return what an admin would change in the example, and a log that a test can read."""
    return {
        "127.0.0.1:8787": f"127.0.0.1:{daemon_port}",
        "bind :443": f"bind 127.0.0.1:{tls_port}",
        "/etc/haproxy/callbacks.pem": f"{home}/callbacks.pem",
        "log /dev/log local0": "log stdout format raw local0",
    }


def certify(home: Path) -> None:
    """Write a certificate for localhost, in the files that the examples name, and its authority."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(home / "authority.pem")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    key = issued.private_key_pem.bytes()
    (home / "fullchain.pem").write_bytes(chain)
    (home / "privkey.pem").write_bytes(key)
    (home / "callbacks.pem").write_bytes(chain + key)


@contextmanager
def _running(command: list[str], port: int, output: int | None = None) -> Iterator[None]:
    """Run a server in the foreground, from when it listens until the block ends."""
    process = subprocess.Popen(command, stdout=output or sys.stderr, stderr=sys.stderr)
    try:
        eventually(lambda: process.poll() is not None or _listens(port), f"{command[0]} listens")
        assert process.poll() is None, f"{command[0]} has ended"
        yield
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
