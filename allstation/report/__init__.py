"""Reports and tables, built as plain data from one snapshot of a case.

``content`` computes, ``drawing`` draws, ``sections`` puts both on pages; :mod:`.pdf`, :mod:`.acceptance` and
:mod:`.evaluation` are the three documents.
"""
