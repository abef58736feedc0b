"""Packaging of asr-daemon: what is installed and what it needs, each bound with its reason."""

from setuptools import find_packages, setup

setup(
    name="asr-daemon",
    version="0.1.0",
    description="Receives speech recognition callbacks and commits transcripts as durable files",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["asr_daemon", "asr_daemon.*"]),
    package_data={
        "asr_daemon": ["py.typed"],
        # A link to etc/asr-daemon.yaml, the one original; wheels get what is behind it.
        "asr_daemon.config": ["asr-daemon.yaml"],
    },
    entry_points={"console_scripts": ["asr-daemon = asr_daemon.cli:main"]},
    install_requires=[
        # The listener relies on how 6.6 hands over bodies; 6.7 will change signatures.
        "tornado>=6.6.1,<6.7",
        # YAML as a tree with line numbers; 6.0.1 is the first that builds with Cython 3.
        "PyYAML>=6.0.1,<7",
        # Will notice edits of the configuration; tried with 7.
        "watchdog>=6,<8",
        # Typed, strict and fast JSON and frozen values; tried with 0.22, and it is not yet 1.0.
        "msgspec>=0.20,<0.23",
        # Metrics in the format that Prometheus reads; tried with 0.26.
        "prometheus_client>=0.21,<1",
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
            # Serves the disks that lose power; 3.1 is what they are tried with.
            "mfusepy>=3.1,<4",
            # Certificates for the tests of TLS, on cryptography, which makes an encrypted key.
            "trustme>=1.2,<2",
            # Judges by the schemas that the daemon prints; 4.0 is the first with draft 2020-12.
            "jsonschema>=4,<5",
            # Reads captions back; 1.8 is what they are tried with.
            "pysubs2>=1.8,<2",
            # The same; tried with 0.6, and it is not yet 1.0.
            "webvtt-py>=0.6,<0.7",
            # The same; tried with 3.5.
            "srt>=3.5,<4",
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
