"""Property tests of the protocol run without a deadline: on a busy machine one slow example says nothing."""

from hypothesis import settings

settings.register_profile("protocol", deadline=None)
settings.load_profile("protocol")
