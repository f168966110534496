"""What so many visitors a day need: a model of constants that were measured, and a simulated day that checks it.

`constants` reads what was measured, `model` is the arithmetic, `day` simulates arrivals, workers, databases and web
processes, `keeping` simulates growth and prune. `python -m tests.benchmarks.scale --visitors 1000000` prints both.
"""
