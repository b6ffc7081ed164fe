"""Samples with truth: one data set per file; knows no model and no metric."""
