"""Which texts are still to be fetched: those of results that no result was fetched for.

Nothing else is stored: the index knows the documents of callbacks that have a text elsewhere, and
what was fetched. An index that was lost is filled from the tree, where both are.
"""

from pathlib import Path

from asr_daemon.fetch.origin import text_path
from asr_daemon.index.queries import FollowUp, Queries


def find_pending(state: Path, since_s: float) -> list[FollowUp]:
    """Return the results since then whose text was not fetched, oldest first; on any thread.

    Raises:
        IndexUnavailable: the index cannot be read.
    """
    queries = Queries(state)
    try:
        wanted = queries.follow_ups(since_s)
        return [each for each in wanted if not queries.knows(text_path(each.path))]
    finally:
        queries.close()
