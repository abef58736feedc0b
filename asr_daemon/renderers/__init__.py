"""The output formats: one module each, a transcript in and bytes out."""
