"""The datasets that come with coldbench, one file each."""
