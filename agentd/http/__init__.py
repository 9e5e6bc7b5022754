"""The control API: it translates HTTP into calls of managers and sessions, and decides nothing itself."""
