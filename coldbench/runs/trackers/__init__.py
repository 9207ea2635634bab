"""Trackers: copies of finished cells and trials in MLflow, TensorBoard or Weights & Biases."""
