"""A search for hyper-parameters: studies, samplers, trials."""
