"""Pixels of a picture from the bytes of its file, by Pillow, with one rule for every way of storing colours.

The picture is turned as its EXIF orientation says. What is transparent is laid over white. Greys become colours, and 16
bits are scaled to 8, not cut off. CMYK is converted without a colour profile, and other profiles have no effect, as in
the preprocessing of most models. A file that ends too early, that has several frames, whose numbers have no known range
or that is too large to be meant (`PIL.Image.MAX_IMAGE_PIXELS`) is refused.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
"""What is read. Pillow knows more formats, some of which start other programs."""
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"}
)
"""How the names of such files end."""

_ORIENTATION = 0x0112
_SIXTEEN_BITS_AS_32 = {"PNG", "PPM"}
"""Formats of which Pillow gives 16 bits as whole numbers of 32."""


def decoded(encoded: bytes, where: str) -> NDArray[np.uint8]:
    """The pixels [height, width, 3] of a picture file, red, green, blue; ``where`` names it in messages."""
    try:
        from PIL import Image, ImageFile, UnidentifiedImageError
    except ModuleNotFoundError:
        raise MissingExtraError(f"{where}: a picture", "pictures") from None
    tolerant = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        # Other libraries set it, and half of a picture would then be grey without a word.
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
                return _pixels(image, where)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(
            f"{where}: has more than {Image.MAX_IMAGE_PIXELS:,} pixels, which may be an attack; scale it down, or "
            "raise PIL.Image.MAX_IMAGE_PIXELS"
        ) from None
    except UnidentifiedImageError:
        start = f"it begins with {encoded[:8]!r}" if encoded else "it is empty"
        raise DataError(f"{where}: not a picture in a format that can be read ({start}); save it as PNG") from None
    except DataError:
        raise
    except Exception as error:  # decoders raise many kinds: OSError, SyntaxError, ValueError, struct.error, ...
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise DataError(f"{where}: a damaged picture ({reason}); copy or save it again") from None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = tolerant


def _pixels(image: Any, where: str) -> NDArray[np.uint8]:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # whose other frames are previews of the first
        raise DataError(f"{where}: has {frames} frames, and it is not known which is meant; save one as a file")
    image.load()
    turned = _turned(_colours(image, where), image.getexif().get(_ORIENTATION, 1))
    return np.ascontiguousarray(turned)


def _colours(image: Any, where: str) -> NDArray[np.uint8]:
    """Red, green, blue of every pixel as it is stored, over white."""
    transparent = image.info.get("transparency")
    if image.mode.startswith("I") and (image.mode != "I" or image.format in _SIXTEEN_BITS_AS_32):
        values = np.asarray(image).astype(np.int64)
        grey = ((values + 128) // 257).astype(np.uint8)
        if isinstance(transparent, int):
            grey[values == transparent] = 255
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode in {"I", "F"}:
        raise DataError(
            f"{where}: its pixels are numbers of 32 bits, and no file says which one is white; save it with 8 or 16"
        )
    if transparent is not None or image.mode in {"RGBA", "LA", "PA", "RGBa", "La"}:
        rgba = np.asarray(image.convert("RGBA")).astype(np.uint16)
        opaque = rgba[:, :, 3:]
        return ((rgba[:, :, :3] * opaque + 255 * (255 - opaque) + 127) // 255).astype(np.uint8)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"), dtype=np.uint8)


def _turned(pixels: NDArray[np.uint8], orientation: object) -> NDArray[np.uint8]:
    """The pixels as they are meant to be seen; EXIF numbers the eight ways of holding a camera."""
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return pixels
