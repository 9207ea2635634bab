"""Raw files -> ``Dataset``; one file per dataset."""
