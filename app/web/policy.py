"""Content security policies of pages."""

from typing import Final

_CLOSED: Final = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; connect-src 'self'"
# Forms send to this server only. Styles and scripts are files: no page has any of its own.
PAGE_POLICY: Final = f"{_CLOSED}; form-action 'self'; img-src 'self'; style-src 'self'; script-src 'self'"
# The editor inside GraphiQL writes its colours and positions as inline styles; scripts stay files of ours.
GRAPHIQL_POLICY: Final = (
    f"{_CLOSED}; form-action 'none'; img-src 'self' data:; font-src 'self' data:; style-src 'self' 'unsafe-inline';"
    " script-src 'self'; worker-src 'self'"
)
# The viewer of the REST API writes inline styles, too, and shows the images inside its own style sheet.
VIEWER_POLICY: Final = f"{_CLOSED}; form-action 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self'"
