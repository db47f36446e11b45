"""Summary feature: fractions, open questions and agreement of a slide or case."""
