"""What every call passes, whichever way it came in: one step after the other, each in a module of its own.

gate         the order of the steps, and what follows from them
policy       tier, caller, time of day, arguments: the rules of an agent
rates, loops how often, and again and again
duplicates   the same call before, in the same turn
once         the same call id before
confirm      a person's word, for tier high
taint        which conversations were told something from outside
switch       the kill switch
"""
