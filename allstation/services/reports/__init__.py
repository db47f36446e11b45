"""Reports and exports of a case: previews, writing, signing and its hold while control is broken."""
