"""The parts of the efficiency classifier: class edges, scaling, one classifier per cluster, evaluation, report."""
