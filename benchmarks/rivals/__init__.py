"""What the daemon is compared with."""
