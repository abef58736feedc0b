"""Packaging of asr-daemon: what is installed and what it needs, each bound with its reason."""

from setuptools import find_packages, setup

setup(
    name="asr-daemon",
    version="0.1.0",
    description="Receives speech recognition callbacks and commits transcripts as durable files",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["asr_daemon", "asr_daemon.*"]),
    package_data={"asr_daemon": ["py.typed"]},
    entry_points={"console_scripts": ["asr-daemon = asr_daemon.cli:main"]},
    install_requires=[
        # The listener relies on how 6.6 hands over bodies; 6.7 will change signatures.
        "tornado>=6.6.1,<6.7",
        # YAML with line numbers; 6.0 is the first with wheels for every Python we support.
        "PyYAML>=6.0.1,<7",
        # Notices edits of the configuration; 4 renamed what we import.
        "watchdog>=4,<8",
        # Typed, strict and fast JSON; 0.19 is the first with deterministic order and formatting.
        "msgspec>=0.19,<1",
        # Time zones on machines that carry none of their own, such as a minimal Debian.
        "tzdata>=2024.1",
    ],
    extras_require={
        "test": [
            # Runs the tests; pytest-tornado uses hooks that pytest 10 removes.
            "pytest>=8,<10",
            # The event loop fixtures of the listener's tests.
            "pytest-tornado>=0.8.1,<0.9",
            # pytest-tornado imports pkg_resources, which setuptools 81 removed.
            "setuptools<81",
            # Generated bodies for the decoders.
            "hypothesis>=6.100,<7",
        ],
        "lint": [
            # Lint and format; minor releases change rules, so one minor at a time.
            "ruff>=0.17,<0.18",
            # Strict types; the same.
            "mypy>=2.4,<2.5",
            # Types of PyYAML.
            "types-PyYAML>=6.0.12,<7",
        ],
    },
)
