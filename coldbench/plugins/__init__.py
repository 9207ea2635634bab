"""Where methods, backbones and datasets come from: the registry, plugin files, the scaffold."""
