"""A provider of a made-up vendor, which has this folder and touches no other file."""
