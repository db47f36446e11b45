"""Files to pixels, and what is measured in pixels.

``formats`` and ``readers`` decode; ``cells``, ``slides`` and ``fields`` stand on them, in this order. Beside
the rooms lie the import of files (:mod:`.intake`) and what a network gets (:mod:`.inputs`,
:mod:`.preprocess`).
"""
