"""The status page of the admin listener: templates, style and script, and what fills them."""
