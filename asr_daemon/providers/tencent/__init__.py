"""Tencent Cloud ASR, recording recognition; `vendor.py` lists what the rest of the package uses."""
