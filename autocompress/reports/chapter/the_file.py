"""The file of a model: a link to its copy beside the page, and its digest."""

from autocompress.reports.html import Html, join, tag
from autocompress.reports.view import StudyView
from autocompress.values.trial import Trial


def the_file(view: StudyView, t: Trial, letters: int = 64) -> Html | None:
    """So many letters of its SHA-256; no link where there is no copy to follow it to."""
    digest, file = t.artifacts.get("model"), view.models.get(t.number)
    if digest is None:
        return None
    link = tag("a", file.place, href=file.place) if file else None
    return join(link, ", " if link else None, "SHA-256 ", tag("code", digest[:letters]))
