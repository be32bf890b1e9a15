"""What the read commands answer: flat records with stable keys (docs/reference/records.md)."""
