"""The reduced multivariate polynomial: its terms, least squares with leave-one-out, and a classifier made of both."""
