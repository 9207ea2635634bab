"""What is trained: batches, layers, the bases of backbones and methods, phases and their optimiser."""
