"""Notebooks to start from: preprocessing, training, evaluation, biomarkers.

Each runs in seconds on the synthetic cohort, and on I-SPY2 where ``FEDCHEMO_REALDATA`` names the folder that
holds ``ispy2``; a test executes them. They come without outputs: pictures of real patients stay where they were drawn.
"""
