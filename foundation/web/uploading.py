"""Uploads are cut off before they fill memory or disk, whatever page they are sent to.

A view that takes larger files says so by its `most_upload_bytes`.
"""

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

from foundation.sheets import MOST_BYTES

# The fields beside the file.
ROOM = 64 * 1024


class CappedUpload(FileUploadHandler):
    """Refuse, before a byte of it is read, a request that says it is larger than any file may be, and cut off one that lies."""

    def __init__(self, request=None) -> None:
        super().__init__(request)
        self.received = 0
        match = getattr(request, "resolver_match", None)
        self.most = getattr(match and match.func, "most_upload_bytes", MOST_BYTES + ROOM)

    def handle_raw_input(self, input_data, META, content_length, boundary, encoding=None) -> None:  # noqa: N803
        """Refuse by the length that the request gives."""
        if content_length > self.most:
            raise RequestDataTooBig("the upload is too large")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Count what comes in."""
        self.received += len(raw_data)
        if self.received > self.most:
            raise RequestDataTooBig("the upload is too large")
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the handlers after this one."""
        return None
