"""Tests of the provider tencent."""
