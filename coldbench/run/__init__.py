"""A grid of cells: options, plan, tasks on Ray, records in a folder."""
