"""The offline thinker: understands commands and questions that a declared function answers, and is honest about the rest.

No model, no network, no list of functions of its own. Deterministic: the same words give the same call.
"""
