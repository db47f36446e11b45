"""DICOM container of synthetic slides: VL Whole Slide Microscopy, one instance a level.

Tiles are appended behind the data set, so that a level of a gigabyte needs no gigabyte of memory
(PS3.5, A.4).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage, generate_uid

from allstation.imaging.synthetic.pyramid import TileLevel
from allstation.imaging.synthetic.slide_facts import SlideFacts

Rgb = NDArray[np.uint8]

_ITEM: Final = (0xFFFE, 0xE000)
_END: Final = (0xFFFE, 0xE0DD)
_PIXEL_DATA: Final = (0x7FE0, 0x0010)
_OPEN: Final = 0xFFFFFFFF
_DEFAULT_UM: Final = 0.25
"""Micrometres a pixel that geometry is written with where the file is to say no pixel size."""
_LABEL_UM: Final = 60.0
_IMPLEMENTATION: Final = generate_uid(entropy_srcs=["allstation synthetic slide"])


def write_dicom(folder: Path, levels: list[TileLevel], facts: SlideFacts, *, smallest: Rgb) -> None:
    """Write ``level-0.dcm`` and so on, ``label.dcm`` and ``overview.dcm`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = _uid(facts, "frame of reference")
    for number, level in enumerate(levels):
        data = _instance(facts, f"level {number}", number + 1)
        data.FrameOfReferenceUID = frame
        kind = "ORIGINAL" if number == 0 else "DERIVED"
        data.ImageType = [kind, "PRIMARY", "VOLUME", "NONE" if number == 0 else "RESAMPLED"]
        _add_geometry(data, facts, (level.width, level.height), downsample=level.downsample)
        _add_pixels(data, (facts.tile, facts.tile), frames=len(level.places))
        _write(folder / f"level-{number}.dcm", data, level.tiles())
    pictures = {"label": facts.label(), "overview": facts.macro(smallest)}
    for number, (name, rgb) in enumerate(pictures.items()):
        data = _instance(facts, name, len(levels) + number + 1)
        data.ImageType = ["ORIGINAL", "PRIMARY", name.upper(), "NONE"]
        data.BurnedInAnnotation = "YES"
        _add_geometry(data, facts, (rgb.shape[1], rgb.shape[0]), downsample=1, pixel_um=_LABEL_UM)
        _add_pixels(data, rgb.shape[:2], frames=1)
        jpeg = simplejpeg.encode_jpeg(rgb, quality=facts.quality, colorsubsampling="422")
        _write(folder / f"{name}.dcm", data, iter([jpeg]))


def _uid(facts: SlideFacts, name: str) -> UID:
    """Return the same identifier for the same slide."""
    return generate_uid(entropy_srcs=["allstation synthetic slide", str(facts.seed), name])


def _instance(facts: SlideFacts, name: str, number: int) -> Dataset:
    """Return a data set of patient, study, series, equipment and specimen."""
    patient = facts.patient
    data = Dataset()
    data.SOPClassUID = VLWholeSlideMicroscopyImageStorage
    data.SOPInstanceUID = _uid(facts, name)
    data.StudyInstanceUID, data.SeriesInstanceUID = _uid(facts, "study"), _uid(facts, "series")
    data.PyramidUID = _uid(facts, "pyramid")
    data.PatientName, data.PatientID = patient.name, patient.patient_id
    data.PatientBirthDate, data.PatientSex = "", ""
    data.AccessionNumber, data.StudyID, data.ReferringPhysicianName = patient.accession, "1", ""
    data.Modality, data.SeriesNumber, data.InstanceNumber = "SM", 1, number
    data.StudyDate = data.SeriesDate = data.ContentDate = "20261130"
    data.StudyTime = data.SeriesTime = data.ContentTime = "120000"
    data.AcquisitionDateTime = "20261130120000"
    data.Manufacturer, data.ManufacturerModelName = "ALL Station", "Synthetic slide"
    data.DeviceSerialNumber, data.SoftwareVersions = "SYNTHETIC", "1"
    data.VolumetricProperties, data.SpecimenLabelInImage = "VOLUME", "NO"
    data.BurnedInAnnotation, data.FocusMethod, data.ExtendedDepthOfField = "NO", "AUTO", "NO"
    data.PositionReferenceIndicator = "SLIDE_CORNER"
    data.ContainerIdentifier, data.BarcodeValue = patient.specimen, patient.specimen
    specimen = Dataset()
    specimen.SpecimenIdentifier, specimen.SpecimenUID = patient.specimen, _uid(facts, "specimen")
    specimen.SpecimenPreparationSequence, specimen.IssuerOfTheSpecimenIdentifierSequence = [], []
    data.SpecimenDescriptionSequence = [specimen]
    data.AcquisitionContextSequence, data.IssuerOfTheContainerIdentifierSequence = [], []
    return data


def _add_geometry(
    data: Dataset, facts: SlideFacts, size: tuple[int, int], *, downsample: int, pixel_um: float | None = None
) -> None:
    """Add size, pixel size and optics of one instance."""
    data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = size
    data.TotalPixelMatrixFocalPlanes = 1
    um = (pixel_um or facts.pixel_um or _DEFAULT_UM) * downsample
    data.ImagedVolumeWidth, data.ImagedVolumeHeight = (side * um / 1000 for side in size)
    data.ImagedVolumeDepth = 1.0
    data.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    origin = Dataset()
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = 20.0, 40.0
    data.TotalPixelMatrixOriginSequence = [origin]
    data.DimensionOrganizationType = "TILED_FULL"
    data.NumberOfOpticalPaths = 1
    path = Dataset()
    path.OpticalPathIdentifier, path.IlluminationTypeCodeSequence = (
        "1",
        [_code("111744", "DCM", "Brightfield")],
    )
    path.IlluminationColorCodeSequence = [_code("371251000", "SCT", "White")]
    if facts.objective is not None:
        path.ObjectiveLensPower = facts.objective
    data.OpticalPathSequence = [path]
    shared = Dataset()
    if facts.pixel_um is not None or pixel_um is not None:
        measures = Dataset()
        measures.PixelSpacing, measures.SliceThickness = [um / 1000, um / 1000], 1.0
        shared.PixelMeasuresSequence = [measures]
    identification = Dataset()
    identification.OpticalPathIdentifier = "1"
    shared.OpticalPathIdentificationSequence = [identification]
    data.SharedFunctionalGroupsSequence = [shared]


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _add_pixels(data: Dataset, shape: tuple[int, ...], *, frames: int) -> None:
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "YBR_FULL_422", 0
    data.Rows, data.Columns = int(shape[0]), int(shape[1])
    data.NumberOfFrames = frames
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.LossyImageCompression, data.LossyImageCompressionMethod = "01", "ISO_10918_1"


def _write(path: Path, data: Dataset, frames: Iterator[bytes]) -> None:
    """Write a data set, then its frames one by one, with an empty table of offsets."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    meta.TransferSyntaxUID = JPEGBaseline8Bit
    meta.ImplementationClassUID = _IMPLEMENTATION
    data.file_meta = meta
    with path.open("xb") as file:
        dcmwrite(file, data, enforce_file_format=True)
        file.seek(0, 2)
        group, element = _PIXEL_DATA
        file.write(struct.pack("<HH2sHI", group, element, b"OB", 0, _OPEN))
        file.write(struct.pack("<HHI", *_ITEM, 0))
        for frame in frames:
            padded = frame + b"\0" * (len(frame) % 2)
            file.write(struct.pack("<HHI", *_ITEM, len(padded)))
            file.write(padded)
        file.write(struct.pack("<HHI", *_END, 0))
