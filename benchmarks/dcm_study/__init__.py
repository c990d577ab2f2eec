"""Models, rivals and pages of the study of deep causal models."""
