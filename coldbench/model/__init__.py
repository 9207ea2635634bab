"""Models and their training: base classes of backbones and methods, layers, batches, phases and the optimiser."""
