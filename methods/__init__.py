"""The warm-up methods that come with coldbench, one file each; the file's name is the method's key."""
