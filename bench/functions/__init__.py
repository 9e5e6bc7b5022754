"""Measures function calls as the upstream sees them: from FunctionCallRequest to FunctionCallResponse, over the socket.

    python -m bench.functions [overhead] [parts] [audio] [declared] [parallel] [replay]

The upstream is in this process, the daemon in one of its own. What is compared is measured in turn, in one run: ratios and
differences hold, absolute times do not travel.
"""
