"""Where results become durable files; nothing else in the package touches the disk for them."""
