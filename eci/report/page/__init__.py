"""The parts of the HTML report: charts and tables."""
