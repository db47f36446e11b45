"""Commissioning: typed cells of a laboratory in, a measured model of its own or a reasoned refusal out."""
