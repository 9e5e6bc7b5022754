"""Handler files in processes of their own, one call at a time each (docs/architecture.md, decision 6).

generation, fleet, watch               the files of one load, and their processes
files, loader, schema, docstrings,     what a file offers: in the worker that describes it
  faults, option_faults, plain
process, running, pipe, spawn,         the daemon's end of a process
  output, call_log, deadline
worker, confine, encoding, logged      the process itself
wire                                   the words both share
"""
