"""Tests of the provider huawei."""
