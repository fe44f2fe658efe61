"""What `make bench` runs. docs/benchmarks.md says how, and what each row is."""
