"""The engine's server with a script for ears, mind and voice: for the tests of clients, the daemon's among them.

``docs/scripted.md`` is its guide. From the outside in: ``loading`` reads a script, ``peer`` chooses the scenario of a
connection, ``dialogue`` gives what comes to the ``conversation`` or to the ``rules``, ``performer`` does the steps.
"""
