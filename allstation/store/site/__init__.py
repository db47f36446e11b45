"""Site of a case: its models and commissionings, control log and releases."""
