"""Site of a case: commissioning of its model, measured optics, control."""
