"""Packaging of asr-daemon: what is installed and what it needs, each bound with its reason."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
[VERSION] = re.findall(
    r'^__version__ = "(.+)"$', (HERE / "asr_daemon/__init__.py").read_text(), re.M
)

GENERATE = [
    # Completion for bash and zsh; what it makes is compared with the files here, so one minor
    # release at a time.
    "shtab>=1.13,<1.14",
    # asr-daemon(1); the same.
    "argparse-manpage>=4.8,<4.9",
]

setup(
    name="asr-daemon",
    version=VERSION,
    description="Receives speech recognition callbacks and stores each transcript durably",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    # A URL is missing as the project has no public address yet: project_urls={"Source": ...}.
    author="The asr-daemon maintainers",
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords=[
        "speech recognition",
        "ASR",
        "transcription",
        "callback",
        "webhook",
        "Tencent Cloud",
        "Huawei",
        "Tornado",
    ],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: No Input/Output (Daemon)",
        "Framework :: AsyncIO",
        "Intended Audience :: System Administrators",
        "Intended Audience :: Telecommunications Industry",
        "Natural Language :: English",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Internet :: WWW/HTTP :: HTTP Servers",
        "Topic :: Multimedia :: Sound/Audio :: Speech",
        "Typing :: Typed",
    ],
    # tomllib, ExceptionGroup and asyncio.timeout are in the standard library since then.
    python_requires=">=3.11",
    packages=find_packages(include=["asr_daemon", "asr_daemon.*"]),
    package_data={
        "asr_daemon": ["py.typed"],
        # What init and schema print; scripts/generate writes them.
        "asr_daemon.config": ["asr-daemon.yaml", "asr-daemon.schema.json"],
        # The status page.
        "asr_daemon.web.status": ["*.html", "*.css", "*.js", "*.svg"],
    },
    entry_points={"console_scripts": ["asr-daemon = asr_daemon.cli:main"]},
    install_requires=[
        # 6.6 parses heads strictly and bounds folded headers and tiny chunks (SECURITY.md has the
        # advisories). asr_daemon/web drives tornado.http1connection and a subclass of IOStream:
        # public, but with few users, so 7 may change them at any time.
        "tornado>=6.6.1,<7",
        # YAML as a tree with line numbers; 6.0.1 is the first that builds with Cython 3, and 7 may
        # change the nodes.
        "PyYAML>=6.0.1,<7",
        # Reports edits of the configuration; 7 tells writes from changes of attributes and needs
        # one inotify instance for all directories, 7.1 is the first that was tried.
        "watchdog>=7.1,<8",
        # Typed, strict and fast JSON and frozen values; tried with 0.22, and it is not yet 1.0.
        "msgspec>=0.20,<0.23",
        # Metrics in the format that Prometheus reads; tried with 0.26.
        "prometheus_client>=0.21,<1",
        # Time zones on machines that have none of their own, such as a minimal Debian. Releases are
        # counted by date, so there is no bound above.
        "tzdata>=2024.1",
    ],
    extras_require={
        "generate": GENERATE,
        "lock": [
            # Writes requirements*.lock for scripts/lock; its output changes with major versions.
            "pip-tools>=7.5,<8",
        ],
        "test": [
            # The tests check that generated files are up to date.
            *GENERATE,
            # Runs the tests; pytest-tornado uses hooks that pytest 10 removes.
            "pytest>=8,<10",
            # Runs the everyday tests on two cores; tried with 3.8.
            "pytest-xdist>=3.6,<4",
            # Ends a test that hangs, and shows where it did; tried with 2.4.
            "pytest-timeout>=2.3,<3",
            # The event loop fixtures of the listener's tests.
            "pytest-tornado>=0.8.1,<0.9",
            # pytest-tornado imports pkg_resources, which setuptools 81 removed. Packages are built
            # with it, too, and 70.1 is the first that makes wheels by itself.
            "setuptools>=70.1,<81",
            # Generated bodies for the parsers.
            "hypothesis>=6.100,<7",
            # Serves the disks that lose power; 3.1 is what they are tried with.
            "mfusepy>=3.1,<4",
            # Certificates for the tests of TLS, on cryptography, which makes an encrypted key.
            "trustme>=1.2,<2",
            # Validates by the schemas that the daemon prints; 4.0 is the first with draft 2020-12.
            "jsonschema>=4,<5",
            # Reads captions back; 1.8 is what they are tried with.
            "pysubs2>=1.8,<2",
            # The same; tried with 0.6, and it is not yet 1.0.
            "webvtt-py>=0.6,<0.7",
            # The same; tried with 3.5.
            "srt>=3.5,<4",
            # Drives Debian's Chromium over the status page; 1.65 is what it is tried with.
            "playwright>=1.50,<2",
            # Brings axe-core, which finds what keeps people from using a page; not yet 1.0.
            "axe-playwright-python>=0.1.7,<0.2",
        ],
        "bench": [
            # What the daemon is compared with; tried with 0.165, and it is not yet 1.0.
            "fastapi>=0.115,<0.200",
            # Serves it; the same, tried with 0.54.
            "uvicorn>=0.30,<1",
            # Reads forms for FastAPI, which asks for no less; tried with 0.0.34.
            "python-multipart>=0.0.18,<0.1",
        ],
        "lint": [
            # Lint and format; minor releases change rules, so one minor at a time.
            "ruff>=0.17,<0.18",
            # Strict types; the same.
            "mypy>=2.4,<2.5",
            # Types of PyYAML.
            "types-PyYAML>=6.0.12,<7",
            # Types of jsonschema.
            "types-jsonschema>=4,<5",
        ],
    },
)
