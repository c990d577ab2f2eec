"""Formulas on discrete data: tables of numbers, bootstrap intervals, and answers that name what is missing."""
