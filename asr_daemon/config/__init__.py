"""The configuration: frozen values, and how a YAML file becomes them."""
