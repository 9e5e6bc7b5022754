"""Further places of the Deepgram key: ``DEEPGRAM_API_KEY``, and the systemd credential ``deepgram-api-key``.

Whoever sets neither may still use ``[deepgram] api_key`` or ``AGENTD_DEEPGRAM__API_KEY``, as for any setting.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic_settings import InitSettingsSource

from agentd.config.sections import Settings
from agentd.config.shape import Origins
from agentd.errors import ConfigError

VARIABLE: Final = "DEEPGRAM_API_KEY"
CREDENTIAL: Final = "deepgram-api-key"


class _KeySource(InitSettingsSource):
    """The key alone; an empty one counts as none, so that the next place is asked."""

    def __init__(self, key: str, origin: str) -> None:
        given = bool(key.strip())
        super().__init__(Settings, {"deepgram": {"api_key": key}} if given else {})
        self.origins: Origins = {("deepgram", "api_key"): origin} if given else {}


class VariableSource(_KeySource):
    """The key from the variable that Deepgram's own tools read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ.get(VARIABLE, ""), VARIABLE)


class CredentialSource(_KeySource):
    """The key from systemd (``LoadCredential=`` in the unit).

    Raises:
        ConfigError: when made; the credential is there but cannot be read.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        folder = environ.get("CREDENTIALS_DIRECTORY")
        super().__init__(_read(Path(folder) / CREDENTIAL) if folder else "", f"the credential {CREDENTIAL}")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read the credential {file}: {type(error).__name__}; check LoadCredential in the unit."
        ) from error
