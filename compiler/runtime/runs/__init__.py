"""Saved runs, many at a time: found below a folder, filtered and ranked by what their records say.

folders -> index (what each run.json says, kept from one time to the next) -> where -> best -> a table, or members
"""
