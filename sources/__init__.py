"""One module per export layout, the landing zone and HTTP pulling."""
