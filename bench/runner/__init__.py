"""The modules of bench/run: what is measured, how, and how it is reported."""
