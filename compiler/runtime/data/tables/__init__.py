"""Tables: files with a row a sample and a named column a feature, whose columns are typed, filled, scaled and encoded.

What that takes (types, medians, scales, categories) is fitted on the training rows alone, is plain JSON, and prepares
new rows in the same way. pandas reads the files and is imported only then.
"""

from compiler.runtime.data.tables import csv, parquet

__all__ = ["csv", "parquet"]
