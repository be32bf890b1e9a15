"""Alert: conditions of every kind from evaluated rows and from the ledger, and the messages that follow."""
