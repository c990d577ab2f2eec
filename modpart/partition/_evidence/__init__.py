"""Competition of closed-form experts: evidence decides cuts, merges, drops and the number of regimes."""
