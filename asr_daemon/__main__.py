"""Makes ``python -m asr_daemon`` the same as ``asr-daemon``."""

import sys

from asr_daemon.cli import main

sys.exit(main())
