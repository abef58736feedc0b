"""The commands: one module each, what an admin types."""
