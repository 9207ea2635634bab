"""The backbones that come with coldbench, one file each; the file's name is the backbone's key."""
