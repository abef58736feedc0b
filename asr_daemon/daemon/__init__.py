"""The life of the daemon: start, serve, follow the configuration, drain, stop."""
