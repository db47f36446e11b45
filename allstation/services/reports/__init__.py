"""Reports and exports of a case: previews, writing, signing, state."""
