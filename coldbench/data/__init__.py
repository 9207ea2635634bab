"""Raw files -> ``Dataset``; readers, checks and the cache."""
