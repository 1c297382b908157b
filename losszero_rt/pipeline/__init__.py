"""The pipeline: sources through an engine into outputs, and the report."""
