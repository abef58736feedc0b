"""Whether the tests notice when a step is missing that makes results durable."""
