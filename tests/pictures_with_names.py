"""Pictures with a name in every place that a file format has for one."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2


def write_jpeg(target: Path, picture: Image.Image, name: str, *, orientation: int = 1) -> Path:
    """Write a JPEG with the name in Exif, GPS, XMP, IPTC, ICC, JFXX, comment, and after its end."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92, exif=_exif(name, orientation), comment=f"{name} comment".encode(),
                 icc_profile=_profile(name))  # fmt: skip
    data = out.getvalue()
    parts = [
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><dc:creator>" + name.encode() + b"</dc:creator>"),
        (0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x20\x1c\x02\x50\0\x14" + name.encode().ljust(20)),
        (0xE0, b"JFXX\0\x10" + name.encode()),
        (0xE4, b"own " + name.encode("utf-16-le")),
        (0xFE, name.encode("latin-1")),
    ]
    extra = b"".join(bytes((0xFF, mark)) + struct.pack(">H", len(part) + 2) + part for mark, part in parts)
    at = 4 + int.from_bytes(data[4:6], "big")
    target.write_bytes(data[:at] + extra + data[at:] + b"after the end " + name.encode())
    return target


def write_png(target: Path, picture: Image.Image, name: str) -> Path:
    """Write a PNG with the name in tEXt, zTXt, iTXt, iCCP, eXIf, a private chunk, and after its end."""
    texts = PngInfo()
    texts.add_text("Author", name)
    texts.add_text("Comment", f"{name} packed", zip=True)
    texts.add_itxt("Description", f"{name} in many languages")
    picture.save(target, "PNG", pnginfo=texts, exif=_exif(name), icc_profile=_profile(name))
    data = target.read_bytes()
    body = b"naMe" + name.encode()
    chunk = struct.pack(">I", len(name.encode())) + body + struct.pack(">I", zlib.crc32(body))
    target.write_bytes(data[:-12] + chunk + data[-12:] + name.encode())
    return target


def write_tiff(target: Path, picture: Image.Image, name: str) -> Path:
    """Write a TIFF with the name in its text tags, XMP, ICC and a private tag."""
    tags = ImageFileDirectory_v2()
    for number in (269, 270, 271, 272, 285, 305, 315, 316, 33432):
        tags[number] = f"{name} {number}"
    tags[700] = f"<x:xmpmeta>{name}</x:xmpmeta>".encode()
    tags.tagtype[700] = 1
    tags[65000] = name
    picture.save(target, "TIFF", tiffinfo=tags, icc_profile=_profile(name))
    return target


def write_webp(target: Path, picture: Image.Image, name: str) -> Path:
    """Write a lossless WebP with the name in Exif, XMP and ICC."""
    picture.save(
        target, "WEBP", lossless=True, exif=_exif(name), xmp=name.encode(), icc_profile=_profile(name)
    )
    return target


def write_bmp(target: Path, picture: Image.Image, name: str) -> Path:
    """Write a BMP with the name in the gap before its pixels."""
    picture.save(target, "BMP")
    data = target.read_bytes()
    (at,) = struct.unpack_from("<I", data, 10)
    gap = name.encode()
    head = data[:2] + struct.pack("<IHHI", len(data) + len(gap), 0, 0, at + len(gap)) + data[14:at]
    target.write_bytes(head + gap + data[at:])
    return target


def _exif(name: str, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = name
    exif[ExifTags.Base.Copyright] = f"{name} copyright"
    exif[ExifTags.Base.ImageDescription] = f"Blood of {name}"
    exif[ExifTags.Base.XPAuthor] = name.encode("utf-16-le")
    exif[ExifTags.Base.Orientation] = orientation
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.UserComment] = b"UNICODE\0" + name.encode("utf-16-be")
    inner[ExifTags.Base.CameraOwnerName] = name
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSAreaInformation] = name.encode()
    return exif.tobytes()


def _profile(name: str) -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"sRGB", name.encode()[:4]) + name.encode()
