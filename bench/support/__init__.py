"""What the benchmarks and the demonstration share."""
