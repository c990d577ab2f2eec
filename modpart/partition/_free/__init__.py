"""Competition of any other experts: hold-out loss decides, teams of experts learn and answer."""
