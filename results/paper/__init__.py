"""The published tables as data.

``tables.csv`` has Tables 1 and 2 of AVAEW (Zhang et al. 2023, arXiv:2302.14395). ``csdm.csv`` has figure 2 (10 runs;
the bars' heights, which the drawing has in more digits than it shows) and Table 2 of the supplement of CSDM (Zhu, Wang,
Wu, AAAI 2025, DOI 10.1609/aaai.v39i12.33469), with the phase cold; its CSDM (no dropout) is the ablation of Table 2.
"""
