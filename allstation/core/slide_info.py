"""Facts of a whole slide: size, levels, pixel size, and what its scanner wrote about the specimen."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Level:
    """Level of a slide's pyramid.

    Attributes:
        width: Pixels.
        height: Pixels.
        downsample: How many pixels of level 0 one of its pixels is wide; 1 for level 0.
    """

    width: int
    height: int
    downsample: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideMetadata:
    """Metadata of the scanner about patient, specimen and scan; empty where its file says nothing.

    It is offered to the person, and taken over only when they say so.

    Attributes:
        patient_id: Patient's number.
        patient_name: Patient's name as people write it.
        specimen: Number or description of the specimen.
        accession: Number of the laboratory's order.
        stain: Name of the stain.
        scanner: Maker, model and serial number.
        scanned_at: Date and time as ISO 8601, or as the file writes it.
        barcode: Text of the label's barcode.
    """

    patient_id: str = ""
    patient_name: str = ""
    specimen: str = ""
    accession: str = ""
    stain: str = ""
    scanner: str = ""
    scanned_at: str = ""
    barcode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideInfo:
    """Facts of a slide's file.

    Attributes:
        format: As a person says it: ``Aperio SVS``, ``DICOM``, ``TIFF``.
        vendor: Maker of the scanner, in small letters; ``generic`` where none is known.
        width: Pixels of level 0.
        height: Pixels of level 0.
        levels: From the largest; at least one.
        pixel_um: Micrometres that a pixel of level 0 is wide; None if the file does not say so.
        objective: Magnification of the objective; None if the file does not say so.
        associated: Names of pictures beside the pyramid, of ``label``, ``macro``, ``thumbnail``.
        frames: Pages or frames that are fields of their own; 1 if there are none.
        metadata: About patient, specimen and scan.
        averaged: How many of the smallest levels the file lacks; they are averaged while they are read.
    """

    format: str
    vendor: str
    width: int
    height: int
    levels: tuple[Level, ...]
    pixel_um: float | None = None
    objective: float | None = None
    associated: tuple[str, ...] = ()
    frames: int = 1
    metadata: SlideMetadata = field(default_factory=SlideMetadata)
    averaged: int = 0

    def pixel_um_at(self, level: int) -> float | None:
        """Return the micrometres that a pixel of a level is wide; None if the file does not say so."""
        return None if self.pixel_um is None else self.pixel_um * self.levels[level].downsample

    def is_averaged(self, level: int) -> bool:
        """Return whether a level is none of the file's own."""
        return level >= len(self.levels) - self.averaged

    def level_for(self, downsample: float) -> int:
        """Return the smallest level whose pixels are at most ``downsample`` of level 0 wide."""
        fine = [number for number, level in enumerate(self.levels) if level.downsample <= downsample * 1.001]
        return fine[-1] if fine else 0
