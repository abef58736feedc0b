"""The vendors: one package each, and the protocol that they follow."""
