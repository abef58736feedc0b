"""Huawei CEC/OIAP, offline conversion; `vendor.py` lists what the rest of the package uses."""
