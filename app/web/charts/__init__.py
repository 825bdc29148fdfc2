"""Geometry of charts: numbers in the units of a drawing, for templates that write them as SVG."""
