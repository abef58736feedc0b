"""Measures asr-daemon next to bare Tornado and FastAPI with fsync."""
