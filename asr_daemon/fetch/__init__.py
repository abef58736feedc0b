"""Fetches texts that a callback has only the URL of: what is allowed, how, when, and again."""
