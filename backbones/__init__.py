"""The backbones that come with coldbench, one file per backbone; the file name is the backbone's key."""
