"""Plain types and rules: no Qt, no disk, no model runtime.

Everything here can be read, tested and reasoned about without starting the program.
"""
