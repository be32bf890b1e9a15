"""One file a schema version, oldest first; what stands here never changes again."""
