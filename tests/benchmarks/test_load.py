"""What wrk printed, as a value."""

import pytest

from benchmarks.load import Load, RoundFailed, read_load

PRINTED = """Running 5s test @ http://127.0.0.1:8787
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     9.71ms    2.12ms  41.30ms   92.01%
Requests/sec:   3278.60

{"requests": 16393, "duration_us": 5000000, "p50_us": 9520, "p99_us": 17010, \
"longest_us": 41300, "errors": {"connect": 0, "read": 0, "write": 0, "timeout": 0, "not 200": 0}}
"""


def test_reads_what_the_script_prints() -> None:
    """The last line tells everything; what wrk prints for people is left out."""
    load = read_load(PRINTED)
    assert (load.requests, load.p50_us, load.p99_us) == (16393, 9520, 17010)
    assert load.requests_per_s == pytest.approx(3278.6)


@pytest.mark.parametrize("what", ["connect", "read", "write", "timeout", "not 200"])
def test_one_bad_answer_fails_the_round(what: str) -> None:
    """Whatever went wrong is named."""
    with pytest.raises(RoundFailed, match=f"16393 answers with 200: {{'{what}': 3}}"):
        read_load(PRINTED.replace(f'"{what}": 0', f'"{what}": 3'))


def test_rate_is_over_the_time_that_it_took() -> None:
    """A run that took longer than asked for is not faster for that."""
    assert Load(100, 2_500_000, 1, 1, 1, {}).requests_per_s == 40.0
