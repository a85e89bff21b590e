"""Sweeps: grids of targets, learners, parameters and seeds, task by task, on any number of workers.

:mod:`spec` reads what is wanted, :mod:`tasks` does one task, :mod:`results` keeps the rows,
:mod:`engines` spreads tasks over processes or machines, :mod:`summary` says what came out.
"""
