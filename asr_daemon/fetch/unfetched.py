"""Which texts are still to be fetched: those of results that no result was fetched for.

Nothing else is stored: the index knows the documents of callbacks that have a text elsewhere, and
what was fetched. An index that was lost is filled from the tree, where both are.
"""

from pathlib import Path

from asr_daemon.fetch.text_result import MARKER, SUFFIX
from asr_daemon.index.queries import FollowUp, Queries


def find_pending(state: Path, since_s: float, limit: int) -> list[FollowUp]:
    """Return the first results since then whose text was not fetched; on any thread.

    Raises:
        IndexUnavailable: the index cannot be read.
    """
    queries = Queries(state)
    try:
        return queries.follow_ups(since_s, MARKER, f"{SUFFIX}{MARKER}", limit)
    finally:
        queries.close()
