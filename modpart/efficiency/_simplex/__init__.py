"""The engine: thousands of small linear programmes that share most columns, solved together in numpy."""
