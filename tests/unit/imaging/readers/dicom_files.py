"""Small DICOM files for tests: whole slides in tiles, and single pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
MICROSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.2"
SERIES = "1.2.826.0.1.3680043.8.498.1"
SYNTAXES = {
    "jpeg": JPEGBaseline8Bit,
    "jpeg2000": JPEG2000Lossless,
    "jpegls": JPEGLSLossless,
    "plain": ExplicitVRLittleEndian,
}


def coded(rgb: np.ndarray, how: str) -> bytes:
    """Return a frame as DICOM holds it."""
    if how == "plain":
        return rgb.tobytes()
    if how == "jpegls":
        import jpeg_ls

        return bytes(
            jpeg_ls.encode_pixel_data(
                rgb.tobytes(),
                rows=rgb.shape[0],
                columns=rgb.shape[1],
                samples_per_pixel=3,
                bits_stored=8,
                interleave_mode=2,
                planar_configuration=0,
                photometric_interpretation=2,
            )
        )
    buffer = io.BytesIO()
    if how == "jpeg":
        Image.fromarray(rgb).save(buffer, "JPEG", quality=90, subsampling=0)
    else:
        Image.fromarray(rgb).save(buffer, "JPEG2000", irreversible=False, no_jp2=True)
    return buffer.getvalue()


def image(frames: list[np.ndarray], how: str, *, sop_class: str, instance: int = 1) -> FileDataset:
    """Return a DICOM image of some frames of one size."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = f"{SERIES}.{instance}"
    meta.TransferSyntaxUID = SYNTAXES[how]
    meta.ImplementationClassUID = "1.2.826.0.1.3680043.8.498"
    made = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    made.SOPClassUID, made.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    made.SeriesInstanceUID, made.StudyInstanceUID = SERIES, f"{SERIES}.0"
    made.PatientID, made.PatientName, made.AccessionNumber = "P-17", "Doe^Jane^^Dr", "A-4711"
    made.Manufacturer, made.ManufacturerModelName, made.DeviceSerialNumber = "Maker", "Scan 1", "S9"
    made.AcquisitionDateTime = "20260102030405"
    made.Rows, made.Columns = frames[0].shape[:2]
    made.SamplesPerPixel, made.PlanarConfiguration = 3, 0
    made.PhotometricInterpretation = "YBR_FULL_422" if how == "jpeg" else "RGB"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.NumberOfFrames = len(frames)
    parts = [coded(frame, how) for frame in frames]
    if how == "plain":
        made.add_new(0x7FE00010, "OB", b"".join(parts) + bytes(sum(map(len, parts)) % 2))
    else:
        made.PixelData = encapsulate(parts)
        made["PixelData"].is_undefined_length = True
    return made


def write_slide(folder: Path, rgb: np.ndarray, *, how: str, tile: int = 64, sparse: bool = False) -> Path:
    """Write a whole slide of three levels and a label, one file each; return the first file."""
    folder.mkdir(exist_ok=True)
    for level in range(3):
        _write_level(folder, rgb[:: 2**level, :: 2**level], level, how=how, tile=tile, sparse=sparse)
    label = image([np.full((40, 50, 3), (10, 200, 30), np.uint8)], how, sop_class=WHOLE_SLIDE, instance=9)
    label.ImageType = ["ORIGINAL", "PRIMARY", "LABEL", "NONE"]
    label.TotalPixelMatrixColumns, label.TotalPixelMatrixRows = 50, 40
    label.save_as(folder / "label.dcm", enforce_file_format=True)
    return folder / "level0.dcm"


def _write_level(folder: Path, rgb: np.ndarray, level: int, *, how: str, tile: int, sparse: bool) -> None:
    height, width = rgb.shape[:2]
    rows, columns = -(-height // tile), -(-width // tile)
    padded = np.full((rows * tile, columns * tile, 3), 255, np.uint8)
    padded[:height, :width] = rgb
    places = [(row, column) for row in range(rows) for column in range(columns)]
    if sparse:
        places = [place for place in places if sum(place) % 3] or places
    frames = [
        padded[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile] for row, column in places
    ]
    made = image(frames, how, sop_class=WHOLE_SLIDE, instance=level + 1)
    made.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "RESAMPLED" if level else "NONE"]
    made.TotalPixelMatrixColumns, made.TotalPixelMatrixRows = width, height
    made.DimensionOrganizationType = "TILED_SPARSE" if sparse else "TILED_FULL"
    measures = Dataset()
    measures.PixelSpacing = [0.00025 * 2**level, 0.00025 * 2**level]
    shared = Dataset()
    shared.PixelMeasuresSequence = Sequence([measures])
    made.SharedFunctionalGroupsSequence = Sequence([shared])
    made.ContainerIdentifier, made.BarcodeValue = "C-1", "B-0815"
    made.SpecimenDescriptionSequence = Sequence([_specimen()])
    path = Dataset()
    path.ObjectiveLensPower = 40
    made.OpticalPathSequence = Sequence([path])
    if sparse:
        made.PerFrameFunctionalGroupsSequence = Sequence([_place(*place, tile) for place in places])
    made.save_as(folder / f"level{level}.dcm", enforce_file_format=True)


def _place(row: int, column: int, tile: int) -> Dataset:
    position = Dataset()
    position.ColumnPositionInTotalImagePixelMatrix = column * tile + 1
    position.RowPositionInTotalImagePixelMatrix = row * tile + 1
    group = Dataset()
    group.PlanePositionSlideSequence = Sequence([position])
    return group


def _specimen() -> Dataset:
    name, substance, item, step, specimen = Dataset(), Dataset(), Dataset(), Dataset(), Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = "424361007", "SCT", "Using substance"
    substance.CodeValue, substance.CodingSchemeDesignator = "12710003", "SCT"
    substance.CodeMeaning = "May-Grunwald Giemsa stain"
    item.ValueType = "CODE"
    item.ConceptNameCodeSequence, item.ConceptCodeSequence = Sequence([name]), Sequence([substance])
    step.SpecimenPreparationStepContentItemSequence = Sequence([item])
    specimen.SpecimenIdentifier = "S-26-1"
    specimen.SpecimenPreparationSequence = Sequence([step])
    return specimen
