"""Functions without a handler file: one HTTP request, or a client of the API that answers.

declared, arguments, references   what their tables have in common: options, and JSON Schema
http, places, pointer             one request to an allowed origin
delegated, delegations            an event goes out, a client answers
credentials                       what tables name and do not hold
under_way                         calls that run in their callers' tasks
"""
