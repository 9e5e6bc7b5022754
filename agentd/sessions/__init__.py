"""Sessions: conversations that outlive their upstream connections."""
