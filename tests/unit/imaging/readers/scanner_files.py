"""Small slides in the layouts of scanners' makers, as OpenSlide documents them; each shows one picture."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

TILE = 64


def jpeg(rgb: np.ndarray, **options) -> bytes:
    """Return a picture as JPEG without subsampling."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(buffer, "JPEG", quality=95, subsampling=0, **options)
    return buffer.getvalue()


def write_ndpi(path: Path, rgb: np.ndarray) -> None:
    """Write a Hamamatsu NDPI with one smaller level and a macro picture."""
    pages = [(rgb, 40.0), (rgb[::4, ::4], 10.0), (rgb[::8, ::8], -1.0)]
    out = bytearray(b"II*\0" + bytes(8))
    pointer_at = 4
    for picture, lens in pages:
        data = jpeg(picture)
        at = len(out)
        out += data
        text_at = len(out)
        out += b"Hamamatsu\0" + struct.pack("<II", 40_000, 1)
        place = len(out)
        out[pointer_at : pointer_at + 8] = struct.pack("<Q", place)
        entries = [
            (256, 4, 1, struct.pack("<I", picture.shape[1])),
            (257, 4, 1, struct.pack("<I", picture.shape[0])),
            (258, 3, 1, struct.pack("<HH", 8, 0)),
            (259, 3, 1, struct.pack("<HH", 7, 0)),
            (262, 3, 1, struct.pack("<HH", 6, 0)),
            (271, 2, 10, struct.pack("<I", text_at)),
            (273, 4, 1, struct.pack("<I", at)),
            (277, 3, 1, struct.pack("<HH", 3, 0)),
            (278, 4, 1, struct.pack("<I", picture.shape[0])),
            (279, 4, 1, struct.pack("<I", len(data))),
            (282, 5, 1, struct.pack("<I", text_at + 10)),
            (283, 5, 1, struct.pack("<I", text_at + 10)),
            (296, 3, 1, struct.pack("<HH", 3, 0)),
            (65420, 4, 1, struct.pack("<I", 1)),
            (65421, 11, 1, struct.pack("<f", lens)),
            (65424, 9, 1, struct.pack("<i", 0)),
        ]
        out += struct.pack("<H", len(entries))
        out += b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
        pointer_at = len(out)
        # The high halves of the values of the tags follow.
        out += bytes(8) + bytes(4 * len(entries))
    path.write_bytes(out)


def write_vms(path: Path, rgb: np.ndarray) -> None:
    """Write a Hamamatsu VMS of one JPEG, with map and macro."""
    rows = {"restart_marker_blocks": 8}
    (path.parent / "image.jpg").write_bytes(jpeg(rgb, **rows))
    (path.parent / "map.jpg").write_bytes(jpeg(rgb[::4, ::4], **rows))
    (path.parent / "macro.jpg").write_bytes(jpeg(rgb[::8, ::8]))
    path.write_text(
        "[Virtual Microscope Specimen]\nNoLayers=1\nNoJpegColumns=1\nNoJpegRows=1\nImageFile=image.jpg\n"
        "MapFile=map.jpg\nMacroImage=macro.jpg\nSourceLens=40\n"
        f"PhysicalWidth={rgb.shape[1] * 250}\nPhysicalHeight={rgb.shape[0] * 250}\n"
    )


def write_scn(path: Path, rgb: np.ndarray) -> None:
    """Write a Leica SCN with a macro picture and two levels."""
    height, width = rgb.shape[:2]
    scn = "http://www.leica-microsystems.com/scn/2010/10/01"

    def image(name: str, pages: list[int], size: tuple[int, int], view: tuple[int, int, int, int]) -> str:
        dimensions = "".join(
            f'<dimension sizeX="{size[0] // 4**r}" sizeY="{size[1] // 4**r}" r="{r}" ifd="{page}"/>'
            for r, page in enumerate(pages)
        )
        objective, x, y, wide, high = (40 if name == "main" else 1, *view)
        return (
            f'<image name="{name}"><creationDate>2026-01-02T03:04:05Z</creationDate>'
            f'<device model="Leica SCN400" version="1"/>'
            f'<pixels sizeX="{size[0]}" sizeY="{size[1]}">{dimensions}</pixels>'
            f'<view sizeX="{wide}" sizeY="{high}" offsetX="{x}" offsetY="{y}"/>'
            f"<scanSettings><objectiveSettings><objective>{objective}</objective></objectiveSettings>"
            "<illuminationSettings><illuminationSource>brightfield</illuminationSource>"
            "</illuminationSettings></scanSettings></image>"
        )

    whole = (0, 0, 26_000_000, 76_000_000)
    text = (
        f'<?xml version="1.0"?><scn xmlns="{scn}"><collection name="c" sizeX="{whole[2]}" sizeY="{whole[3]}">'
        + image("macro", [0], (TILE * 2, TILE * 3), whole)
        + image("main", [1, 2], (width, height), (1_000_000, 2_000_000, width * 250, height * 250))
        + "</collection></scn>"
    )
    options = {
        "tile": (TILE, TILE),
        "photometric": "rgb",
        "compression": "jpeg",
        "compressionargs": {"level": 95},
    }
    with tifffile.TiffWriter(path, bigtiff=True) as out:
        out.write(np.full((TILE * 3, TILE * 2, 3), 99, np.uint8), description=text, metadata=None, **options)
        for step in (1, 4):
            out.write(rgb[::step, ::step], metadata=None, **options)


def write_mrxs(path: Path, rgb: np.ndarray) -> None:
    """Write a 3DHISTECH MRXS of one level, without overlaps."""
    folder = path.with_suffix("")
    folder.mkdir()
    height, width = rgb.shape[:2]
    across, down = width // TILE, height // TILE
    ident = "0123456789ABCDEF0123456789ABCDEF"
    path.write_bytes(jpeg(rgb[::8, ::8]))
    data, entries = bytearray(b"01.02" + ident.encode()), b""
    for row in range(down):
        for column in range(across):
            tile = jpeg(rgb[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE])
            entries += struct.pack("<iiii", row * across + column, len(data), len(tile), 0)
            data += tile
    (folder / "Data0000.dat").write_bytes(data)
    head = b"01.02" + ident.encode()
    table = len(head) + 8  # behind the places of the tables of levels and of other pictures
    index = head + struct.pack("<ii", table, 0) + struct.pack("<i", table + 4)
    index += struct.pack("<ii", 0, table + 12)  # the first page of a level is empty
    index += struct.pack("<ii", across * down, 0) + entries
    (folder / "Index.dat").write_bytes(index)
    (folder / "Slidedat.ini").write_text(
        f"[GENERAL]\nSLIDE_VERSION=01.02\nSLIDE_ID={ident}\nIMAGENUMBER_X={across}\nIMAGENUMBER_Y={down}\n"
        "OBJECTIVE_MAGNIFICATION=40\nCameraImageDivisionsPerSide=1\nSLIDE_NAME=S-26-1\n"
        "[HIERARCHICAL]\nHIER_COUNT=1\nNONHIER_COUNT=0\nINDEXFILE=Index.dat\nHIER_0_NAME=Slide zoom level\n"
        "HIER_0_COUNT=1\nHIER_0_VAL_0=ZoomLevel_0\nHIER_0_VAL_0_SECTION=LEVEL_0\n"
        "[DATAFILE]\nFILE_COUNT=1\nFILE_0=Data0000.dat\n"
        f"[LEVEL_0]\nOVERLAP_X=0\nOVERLAP_Y=0\nMICROMETER_PER_PIXEL_X=0.25\nMICROMETER_PER_PIXEL_Y=0.25\n"
        f"IMAGE_CONCAT_FACTOR=0\nIMAGE_FORMAT=JPEG\nIMAGE_FILL_COLOR_BGR=16777215\n"
        f"DIGITIZER_WIDTH={TILE}\nDIGITIZER_HEIGHT={TILE}\n"
    )
