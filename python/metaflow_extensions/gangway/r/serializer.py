"""How Metaflow's datastore keeps R objects: R's own bytes, described in the metadata."""

from __future__ import annotations

from typing import Any

from metaflow.datastore.artifacts import (
    ArtifactSerializer,
    SerializationFormat,
    SerializationMetadata,
    SerializedBlob,
)

from ..exceptions import ArtifactException
from .robject import RObject

ENCODING = "r-serialize-v3"

# The first bytes of R's serialization: XDR, native binary and ASCII.
_MAGIC = (b"X\n", b"B\n", b"A\n")


class RSerializer(ArtifactSerializer):
    """Stores an `RObject` as the bytes that R's ``serialize()`` wrote, and nothing else.

    Source: Metaflow's ``ArtifactSerializer`` extension point (Metaflow >= 2.19.39).
    """

    TYPE = "r"  # type: ignore[assignment]
    PRIORITY = 50

    @classmethod
    def can_serialize(cls, obj: Any) -> bool:
        return isinstance(obj, RObject)

    @classmethod
    def can_deserialize(cls, metadata: SerializationMetadata) -> bool:
        return bool(metadata.encoding == ENCODING)

    @classmethod
    def serialize(
        cls, obj: RObject, format: SerializationFormat = SerializationFormat.STORAGE
    ) -> tuple[list[SerializedBlob], SerializationMetadata]:
        if format != SerializationFormat.STORAGE:
            raise NotImplementedError("R objects have no wire format")
        metadata = SerializationMetadata(
            obj_type="R " + "/".join(obj.info["class"]),
            size=len(obj.data),
            encoding=ENCODING,
            serializer_info={"r": obj.info},
        )
        return [SerializedBlob(obj.data)], metadata

    @classmethod
    def deserialize(
        cls,
        data: list[bytes] | str,
        metadata: SerializationMetadata | None = None,
        format: SerializationFormat = SerializationFormat.STORAGE,
    ) -> RObject:
        if format != SerializationFormat.STORAGE or metadata is None:
            raise NotImplementedError("R objects have no wire format")
        blob = data[0]
        if not isinstance(blob, bytes) or blob[:2] not in _MAGIC:
            found = repr(blob[:8]) if blob else "nothing"
            raise ArtifactException(
                f"A stored R artifact ({metadata.obj_type}, {metadata.size} bytes) is damaged: R's "
                f"serialization does not begin with {found}. Run the step that made it again."
            )
        # Metaflow's client tells a serializer nothing but the encoding.
        return RObject(blob, dict((metadata.serializer_info or {}).get("r", {})))
