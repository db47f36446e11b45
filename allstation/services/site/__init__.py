"""Site of the open case: commissioning of its model, measured optics, watch over its control."""
