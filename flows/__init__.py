"""The way of a reading: plain steps, and the Prefect flows around them."""
