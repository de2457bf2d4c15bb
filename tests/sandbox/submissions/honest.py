"""An honest model."""

from attempts import finish

finish()
