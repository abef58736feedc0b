"""The listeners: HTTP in, and the answers out."""
