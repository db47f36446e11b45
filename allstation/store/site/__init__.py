"""Sites: of a case, its commissionings and releases; of the station, its library and control log."""
