"""Tools of MCP servers as functions: ``[functions.mcp.<name>]``.

A server is a stranger: what it says is bounded, what it describes is cut, and it decides nothing about tiers. The ``mcp``
package (an extra, heavy) is imported only once a server is configured, and not on the loop.
"""
