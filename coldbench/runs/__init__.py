"""Runs a grid of cells: reads options, plans the missing cells, computes them on Ray and stores their records."""
