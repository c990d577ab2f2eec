"""Networks of a deep causal model: a mechanism for every variable, and what trains them."""
