"""The deep causal model behind ``ModularDCM``: columns, learned parts, training, answers."""
