"""Rules, episodes, outbox and channels."""
