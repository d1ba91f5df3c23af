"""Virtual hospitals: data sets, partitioners, engines, benchmarks."""
