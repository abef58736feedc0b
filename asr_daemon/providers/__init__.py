"""The vendors: one module each, and the protocol that they follow."""
