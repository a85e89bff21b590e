"""Other ways to learn the same targets through the same ledger."""
