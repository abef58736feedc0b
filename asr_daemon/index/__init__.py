"""What is remembered of committed results."""
