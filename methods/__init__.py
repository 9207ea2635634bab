"""The warm-up methods that come with coldbench, one file per method; the file name is the method's key."""
