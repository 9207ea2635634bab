"""The worlds that come with coldbench, one file each; the file name is the world's key."""
