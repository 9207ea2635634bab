"""Discovery of methods, backbones and datasets: the registry, plugin files and the templates for new ones."""
